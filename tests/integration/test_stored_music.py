"""A service whose music lies in a folder and in an object store."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.doctor import CHECKS
from app.settings import Settings
from indexer.errors import RootNotFoundError
from tests.catalogue import write_tone
from tests.object_store import BUCKET, Store, running_store
from tests.running import ADMIN, Running, fake_settings, index_now, problem_of, running_service

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install '.[s3]'")
pytest.importorskip("moto", reason="moto is not installed: pip install '.[dev]'")

ROOT = f"s3://{BUCKET}/mine"


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with running_store() as running:
        yield running


@pytest.fixture(scope="module")
def service(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two tracks in the store and one in a folder, all of them indexed."""
    folder = tmp_path_factory.mktemp("service")
    write_tone(folder / "music" / "local.wav", hz=300)
    store.put("mine/low/stored.wav", write_tone(folder / "tone.wav", hz=500).read_bytes())
    store.put("mine/high/other.wav", write_tone(folder / "tone.wav", hz=900).read_bytes())
    settings = fake_settings(folder, music_roots=f"{folder}/music:{ROOT}", watch_s=600.0)
    with running_service(settings) as running:
        index_now(running)
        yield running


def track(service: Running, path: str) -> int:
    """The id of a track."""
    items = service.client.get("/v1/tracks").json()["items"]
    return int(next(item["id"] for item in items if item["path"] == path))


def test_an_index_run_takes_the_configured_roots(service: Running) -> None:
    """All of them, or a part of the one in the store; no other bucket and no other prefix."""
    alone = index_now(service, roots=[f"{ROOT}/low"])

    assert {item["path"] for item in service.client.get("/v1/tracks").json()["items"]} == {
        "local.wav",
        "low/stored.wav",
        "high/other.wav",
    }
    assert (alone["state"], alone["files_total"]) == ("succeeded", 1)
    assert alone["roots"] == [f"{ROOT}/low"]
    for root in (f"s3://{BUCKET}", f"s3://{BUCKET}/mine2", "s3://other/mine", f"{ROOT}/../x"):
        response = service.client.post(
            "/v1/admin/index-runs", json={"roots": [root]}, headers=ADMIN
        )
        problem_of(response, 422, "unknown-root")


def test_stored_music_is_found_and_not_played(service: Running) -> None:
    """It answers questions as any other; its audio and its cover say why they are not there."""
    found = service.client.post(
        "/v1/playlists", json={"emotion": {"track_id": track(service, "low/stored.wav")}}
    )
    stored = f"/v1/tracks/{track(service, 'high/other.wav')}"

    assert found.status_code == 200
    for part in ("audio", "cover"):
        problem = problem_of(service.client.get(f"{stored}/{part}"), 404, "audio-not-found")
        assert "object store" in problem["detail"]
    local = service.client.get(f"/v1/tracks/{track(service, 'local.wav')}/audio")
    assert local.status_code == 200


def test_a_service_says_that_it_does_not_watch_stores(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And what to set instead."""
    (tmp_path / "music").mkdir()
    roots = f"{tmp_path}/music:s3://{BUCKET}/none"
    with (
        caplog.at_level(logging.WARNING),
        running_service(fake_settings(tmp_path, music_roots=roots, watch_s=600.0)),
    ):
        pass

    assert "CIRCUMPLEX_RESCAN_S" in caplog.text


def test_the_doctor_looks_at_stores(store: Store, service: Running) -> None:
    """A bucket that is there is well; files of a store are not looked for one by one."""
    well = CHECKS["music roots"](service.settings)

    assert well.endswith(ROOT)
    with pytest.raises(RootNotFoundError, match="no such bucket"):
        CHECKS["music roots"](Settings(music_roots="s3://elsewhere/mine"))  # type: ignore[arg-type]
