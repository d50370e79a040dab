"""A service whose music lies in a folder and in an object store."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.commands.doctor import CHECKS
from app.errors import AudioNotFoundError
from app.library import stored_audio
from app.library.stored_audio import StoredAudio
from app.settings import Settings
from indexer.catalog.catalog import open_catalog
from indexer.errors import RootNotFoundError
from indexer.folders.roots import StoreRoot
from tests.catalogue import write_tone
from tests.object_store import BUCKET, Store
from tests.running import ADMIN, Running, fake_settings, index_now, problem_of, running_service
from tests.subsonic_player import Player

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install '.[s3]'")
pytest.importorskip("moto", reason="moto is not installed: pip install '.[dev]'")

ROOT = f"s3://{BUCKET}/mine"


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What lies in the store."""
    return write_tone(tmp_path_factory.mktemp("tone") / "tone.wav", hz=500).read_bytes()


@pytest.fixture(scope="module")
def service(
    store: Store, tone: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Two tracks in the store and one in a folder, all of them indexed."""
    folder = tmp_path_factory.mktemp("service")
    write_tone(folder / "music" / "local.wav", hz=300)
    store.put("mine/low/stored.wav", tone)
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


def test_stored_music_is_found_by_emotion(service: Running) -> None:
    """It answers questions as any other."""
    found = service.client.post(
        "/v1/playlists", json={"emotion": {"track_id": track(service, "low/stored.wav")}}
    )

    assert "high/other.wav" in {item["track"]["path"] for item in found.json()["items"]}


def test_a_stored_track_is_played_whole_or_in_part(
    service: Running, tone: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file is: ranges, entity tags, a `HEAD`; also over several pieces."""
    monkeypatch.setattr(stored_audio, "PIECE_BYTES", 10_000)
    url, size = f"/v1/tracks/{track(service, 'low/stored.wav')}/audio", len(tone)

    def asked(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return service.client.get(url, headers=named)

    whole, head = asked(), service.client.head(url)
    part, end = asked(range="bytes=9990-20009"), asked(range="bytes=-5")

    assert (whole.status_code, whole.content) == (200, tone)
    assert whole.headers["content-type"] == "audio/wav"
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(size)
    assert (part.status_code, part.content) == (206, tone[9990:20010])
    assert part.headers["content-range"] == f"bytes 9990-20009/{size}"
    assert end.content == tone[-5:]
    assert asked(range="bytes=1-2", if_range='"other"').content == tone
    assert asked(range="bytes=2-1").content == tone
    assert asked(if_none_match=whole.headers["etag"]).status_code == 304
    problem_of(asked(range=f"bytes={size}-"), 416, "range-not-satisfiable")


def test_a_subsonic_player_hears_a_stored_track(service: Running, tone: bytes) -> None:
    """As it is, and in another format of a copy."""
    player = Player(service.url, {"u": "anyone", "p": "anything"})
    songs = player.ask("search3", query="stored")["searchResult3"]["song"]

    raw = player.get("stream", id=songs[0]["id"], format="raw")
    opus = player.get("stream", id=songs[0]["id"], format="opus")

    assert raw.content == tone
    assert opus.headers["content-type"] == "audio/ogg"
    assert opus.content[:4] == b"OggS"


def test_a_store_that_refuses_says_why(store: Store, service: Running) -> None:
    """A file that is gone is not there; one that is refused, not now; a cover is not looked for."""
    stored = f"/v1/tracks/{track(service, 'high/other.wav')}"
    store.fail({"mine/high/other.wav": 403})
    refused = problem_of(service.client.get(f"{stored}/audio"), 503, "not-ready")
    store.fail({"mine/high/other.wav": 404})
    problem_of(service.client.get(f"{stored}/audio"), 404, "audio-not-found")
    store.fail({})
    cover = problem_of(service.client.get(f"{stored}/cover"), 404, "audio-not-found")

    assert "refuses access" in refused["detail"]
    assert "object store" in cover["detail"]


def test_only_what_lies_in_a_configured_root_is_played(service: Running) -> None:
    """A track that was indexed elsewhere stays where it is."""
    stored = service.settings.music_roots[1]
    catalog = open_catalog(service.settings.resolved_database_url)
    one = catalog.track(track(service, "low/stored.wav"))
    catalog.close()
    elsewhere = StoredAudio([StoreRoot(BUCKET, "other")])

    with pytest.raises(AudioNotFoundError, match="not inside the music roots"):
        elsewhere.copy(one)

    given = StoredAudio([stored])
    with given.copy(one) as copy:
        assert copy.read(4) == b"RIFF"
    elsewhere.close()
    given.close()


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
