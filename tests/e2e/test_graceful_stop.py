"""SIGTERM: what runs is finished or put back, and the process ends with 0."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from indexer.catalog.catalog import open_catalog
from tests.catalogue import write_tone
from tests.processes import Served, circumplex, serving
from tests.running import ADMIN
from tests.waiting import wait_until

FILES = 60


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indexed folder of tones."""
    folder = tmp_path_factory.mktemp("library")
    for number in range(FILES):
        write_tone(folder / f"music/{number:02}.wav", hz=150 + 40 * number, duration_s=5.0)
    done = circumplex(folder, "index")
    assert done.returncode == 0, done.stderr
    return folder


def stop(served: Served) -> int:
    """Ask it to stop: its exit code."""
    served.process.send_signal(signal.SIGTERM)
    return served.process.wait(timeout=300.0)


def test_an_upload_that_is_arriving_is_answered(library: Path) -> None:
    """SIGTERM comes in its middle; no new request is taken."""
    content = (library / "music/00.wav").read_bytes()
    answers: list[httpx.Response] = []
    half = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield content[: len(content) // 2]
        half.set()
        time.sleep(2.0)
        yield content[len(content) // 2 :] + b"\r\n--x--\r\n"

    with serving(library) as served:

        def upload() -> None:
            headers = {"content-type": "multipart/form-data; boundary=x"}
            answers.append(served.client.post("/v1/emotions", content=slowly(), headers=headers))

        thread = threading.Thread(target=upload)
        thread.start()
        assert half.wait(120.0)
        url = str(served.client.base_url)
        code = stop(served)
        thread.join(120.0)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz", trust_env=False)

    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].json()["curve"]
    assert code == 0
    assert list((library / "data" / "uploads").iterdir()) == []


def test_an_index_run_goes_back_into_the_queue_and_on_at_the_next_start(library: Path) -> None:
    """Its event stream ends, nothing is half visible, and nobody has to ask again."""
    events: list[str] = []
    with serving(library) as served:
        asked = served.client.post("/v1/admin/index-runs", json={"full": True}, headers=ADMIN)
        path = f"/v1/admin/index-runs/{asked.json()['id']}"

        def follow() -> None:
            with served.client.stream("GET", f"{path}/events", headers=ADMIN) as stream:
                events.extend(stream.iter_lines())

        thread = threading.Thread(target=follow)
        thread.start()
        wait_until(lambda: served.client.get(path, headers=ADMIN).json()["files_done"] > 0, 300.0)
        code = stop(served)
        thread.join(120.0)
    catalog = open_catalog(f"sqlite:///{library / 'data' / 'circumplex.db'}")
    stopped = catalog.run(asked.json()["id"])
    with serving(library) as served:
        wait_until(lambda: catalog.run(stopped.id).is_over, 300.0)
        playlist = served.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
    ended = catalog.run(stopped.id)
    catalog.close()

    assert (code, thread.is_alive()) == (0, False)
    assert any(line.startswith("data:") for line in events)
    if stopped.state == "queued":  # else its last files were done before the signal came
        assert stopped.attempts == 0
    assert (ended.state, ended.progress.files_done) == ("succeeded", FILES)
    assert playlist.status_code == 200
