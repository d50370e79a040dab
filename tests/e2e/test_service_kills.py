"""kill -9 of the running service, again and again: every next start is clean, nothing is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.snapshot.reader import Snapshot
from tests.catalogue import write_tone
from tests.processes import COMMAND, Served, circumplex, environment, serving
from tests.running import ADMIN
from tests.waiting import wait_until

KILLS = int(os.environ.get("CIRCUMPLEX_KILLS", "5"))
FILES = 40
HAPPY = {"emotion": {"mood": "happy"}}
CHILDREN_END_S = 300.0  # an index process may finish the file in its hands


class Torment:
    """A library, its service, and what is known of both.

    Attributes:
        runs: Ids of the index runs that the service accepted.
        figures: What was counted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.dice = random.Random(7)
        self.runs: list[int] = []
        self.figures: Counter[str] = Counter()
        for number in range(FILES):
            write_tone(folder / f"music/{number:02}.wav", hz=150 + 60 * number, duration_s=4.0)
        done = circumplex(folder, "index")
        assert done.returncode == 0, done.stderr
        self.clip = (folder / "music/00.wav").read_bytes()
        self.expected: list[Any] | None = None

    def check_start(self, served: Served) -> None:
        """A service that has just started is whole: same answers, nothing left of the last one."""
        assert served.client.get("/readyz").json()["tracks"] == FILES
        items = self.answer(served)
        self.expected = self.expected or items
        assert items == self.expected
        (own,) = (self.data / "uploads").iterdir()
        assert list(own.iterdir()) == []

    def answer(self, served: Served) -> list[Any]:
        """Tracks and rounded scores of one playlist."""
        answer = served.client.post("/v1/playlists", json=HAPPY)
        assert answer.status_code == 200, answer.text
        return [(one["track"]["id"], round(one["score"], 3)) for one in answer.json()["items"]]

    def index(self, served: Served) -> int:
        """Have everything indexed anew."""
        accepted = served.client.post("/v1/admin/index-runs", json={"full": True}, headers=ADMIN)
        assert accepted.status_code == 202, accepted.text
        self.runs.append(accepted.json()["id"])
        return self.runs[-1]

    # Moments -------------------------------------------------------------------------------------

    def at_start(self) -> None:
        """While it loads, opens and prepares."""
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0"],
            env=environment(self.folder),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(self.dice.uniform(0.0, 8.0))
        process.kill()
        process.wait(300.0)

    def under_requests(self, served: Served) -> None:
        """While it answers playlists."""
        with beaten(lambda client: client.post("/v1/playlists", json=HAPPY), served):
            time.sleep(self.dice.uniform(0.0, 1.0))
            self.kill(served)

    def under_uploads(self, served: Served) -> None:
        """While uploads arrive slowly, wait and are analysed."""

        def slowly() -> Iterator[bytes]:
            for start in range(0, len(self.clip), 4096):
                yield self.clip[start : start + 4096]
                time.sleep(0.05)

        def upload(client: httpx.Client) -> httpx.Response:
            return client.post("/v1/emotions", files={"file": self.clip})

        def trickle(client: httpx.Client) -> httpx.Response:
            head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
            body = [head, *slowly(), b"\r\n--x--\r\n"]
            return client.post(
                "/v1/emotions",
                content=iter(body),
                headers={"content-type": "multipart/form-data; boundary=x"},
            )

        with beaten(upload, served), beaten(trickle, served):
            time.sleep(self.dice.uniform(0.2, 3.0))
            self.kill(served)

    def in_a_run(self, served: Served) -> None:
        """While its index process starts, walks, analyses, embeds."""
        run_id = self.index(served)
        time.sleep(self.dice.uniform(0.0, 10.0))
        self.note_run(served, run_id)
        self.kill(served)

    def in_a_swap(self, served: Served) -> None:
        """While the new snapshot is written, published, opened and taken into service."""
        run_id = self.index(served)
        deadline = time.monotonic() + 600.0
        while self.run(served, run_id)["stage"] not in {"writing", "finished"}:
            assert time.monotonic() < deadline, self.run(served, run_id)
            time.sleep(0.005)
        time.sleep(self.dice.uniform(0.0, 0.4))
        self.note_run(served, run_id)
        self.kill(served)

    def run(self, served: Served, run_id: int) -> dict[str, Any]:
        """State of a run."""
        answer = served.client.get(f"/v1/admin/index-runs/{run_id}", headers=ADMIN)
        run: dict[str, Any] = answer.json()
        return run

    def note_run(self, served: Served, run_id: int) -> None:
        """Count in which stage the kill comes."""
        self.figures[f"run {self.run(served, run_id)['stage']}"] += 1

    def kill(self, served: Served) -> None:
        """Without warning; its own processes must end by themselves."""
        children = children_of(served.process.pid)
        self.figures["child processes"] += len(children)
        served.process.kill()
        served.process.wait(300.0)
        if self.dice.random() < 0.5:  # else the next service starts beside them
            wait_until(lambda: not any(map(is_alive, children)), CHILDREN_END_S)
        self.orphans = children

    # At the end ----------------------------------------------------------------------------------

    def check_end(self, served: Served) -> None:
        """Every accepted run has ended well, and nothing is on disk that is not known."""
        for run_id in self.runs:
            wait_until(lambda: self.run(served, run_id)["finished_at"] is not None, 600.0)  # noqa: B023
        states = Counter(self.run(served, run_id)["state"] for run_id in self.runs)
        assert states == {"succeeded": len(self.runs)}, states
        assert self.answer(served) == self.expected
        assert not any(map(is_alive, self.orphans))

    def check_disk(self) -> None:
        """After a clean stop."""
        catalog = open_catalog(f"sqlite:///{self.data / 'circumplex.db'}")
        check_snapshots(catalog, self.data / "snapshots")
        assert catalog.counts().ok == FILES
        assert catalog.staged() == {}
        catalog.close()
        assert list((self.data / "uploads").iterdir()) == []
        assert list((self.data / "analyses").rglob(".*")) == []
        assert list((self.data / "analyses").glob("*/begun/*")) == []
        kept = [path for path in (self.data / "analyses").glob("*/??/*") if path.is_file()]
        assert len(kept) == FILES


def check_snapshots(catalog: Catalog, folder: Path) -> None:
    """Rows and folders agree, each is whole, one is active."""
    rows = catalog.all_snapshots()
    assert {path.name for path in folder.iterdir()} == {row.id for row in rows}
    assert {row.state for row in rows} == {"ready"}
    assert sum(row.active for row in rows) == 1
    for row in rows:
        Snapshot.open(folder / row.id).verify()


class beaten:  # noqa: N801 - reads as a clause
    """Requests from a thread until the service is gone; an answer that comes is a good one."""

    def __init__(self, ask: Callable[[httpx.Client], httpx.Response], served: Served) -> None:
        self._ask, self._url = ask, str(served.client.base_url)
        self._bad: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(300.0)
        assert self._bad == []

    def _beat(self) -> None:
        with httpx.Client(base_url=self._url, timeout=300.0, trust_env=False) as client:
            while not self._over.is_set():
                try:
                    answer = self._ask(client)
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    self._bad.append(answer.text)


def children_of(pid: int) -> list[tuple[int, str]]:
    """Processes whose parent is `pid`: number and start."""
    found = []
    for folder in Path("/proc").iterdir():
        fields = stat_of(folder.name) if folder.name.isdigit() else None
        if fields is not None and fields[1] == str(pid):
            found.append((int(folder.name), fields[19]))
    return found


def is_alive(process: tuple[int, str]) -> bool:
    """Whether that very process still runs."""
    fields = stat_of(str(process[0]))
    return fields is not None and fields[19] == process[1] and fields[0] != "Z"


def stat_of(pid: str) -> list[str] | None:
    """The kernel's figures of a process after its name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.timeout(7200)
def test_the_service_killed_at_any_moment_starts_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At start, under requests, uploads, index runs and swaps; `CIRCUMPLEX_KILLS` says how often.

    What was accepted is done in the end, answers stay the same, no process and no file is left.
    """
    torment = Torment(tmp_path)
    moments = (
        torment.in_a_run,
        torment.under_uploads,
        torment.in_a_swap,
        torment.under_requests,
    )
    for number in range(KILLS):
        if number % (len(moments) + 1) == len(moments):
            torment.at_start()
            torment.figures["at_start"] += 1
            continue
        moment = moments[number % (len(moments) + 1)]
        torment.figures[moment.__name__] += 1
        with serving(tmp_path) as served:
            torment.check_start(served)
            moment(served)
    with serving(tmp_path) as served:
        torment.check_start(served)
        torment.check_end(served)
    torment.check_disk()

    with capsys.disabled():
        print(f"\n{KILLS} kills of the service: {dict(torment.figures)}")
