"""Rows that somebody edited by hand: each costs its own value, and no run or list ends over it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.running import ADMIN, Running, fake_settings, index_now, running_service, write_library

Edit = tuple[str, object]
EDITS: dict[str, list[Edit]] = {
    "bytes for text": [
        ("title", b"\xff\x00"),
        ("artist", b"\xc3\x28"),
        ("album", b"\x80"),
        ("genre", b"Ro\x00ck"),
        ("note", b"\xff"),
        ("verdict_reason", b"\xff"),
    ],
    "numbers for text": [("title", 12), ("artist", 1.5), ("genre", -3), ("failure_reason", 7)],
    "text for numbers": [
        ("year", "abc"),
        ("duration_s", "long"),
        ("size_bytes", "many"),
        ("mtime_ns", "yesterday"),
    ],
    "numbers out of range": [
        ("year", 10**12),
        ("year", -5),
        ("duration_s", float("inf")),
        ("duration_s", -1.0),
        ("mtime_ns", -(2**63)),
        ("size_bytes", 2**63 - 1),
    ],
    "no moments": [("added_at", "yesterday"), ("updated_at", b"\xff"), ("added_at", 5)],
    "broken identifiers": [
        ("identifiers", "{"),
        ("identifiers", "[1, 2]"),
        ("identifiers", '{"isrcs": 5, "bpm": "fast"}'),
        ("identifiers", b"\xff"),
    ],
    "unknown words": [("verdict", "opera"), ("verdict", b"\xff"), ("frontend_id", b"\xff")],
    "other contents": [
        ("content_id", "../../../etc/passwd"),
        ("content_id", b"\xff\xfe"),
        ("content_id", "f" * 32),
    ],
    "other places": [
        ("path", "../../../../etc/passwd"),
        ("path", ""),
        ("path", "a\0b.flac"),
        ("root", "/"),
        ("root", "relative"),
        ("path", b"\xff.flac"),
    ],
}
LISTS = (
    "/v1/tracks?limit=100",
    "/v1/tracks?q=bright",
    "/v1/tracks/map",
    "/v1/library",
    "/v1/artists",
)
TRACKS = 9


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over nine tracks, which the tests of this file edit."""
    folder = tmp_path_factory.mktemp("edited")
    write_library(folder / "music")
    with running_service(fake_settings(folder)) as running:
        index_now(running)
        yield running


def edit(data_dir: Path, track_id: int, column: str, value: object) -> None:
    """Change one cell of the track's row."""
    with closing(sqlite3.connect(data_dir / "circumplex.db", timeout=30.0)) as database:
        database.execute(f"UPDATE tracks SET {column} = ? WHERE id = ?", (value, track_id))
        database.commit()


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_row_costs_no_more_than_its_own_value(edited: Running, kind: str) -> None:
    """Lists and details answer, the next run succeeds, and nothing that is there leaves."""
    ids = [track["id"] for track in edited.client.get("/v1/tracks?limit=100").json()["items"]]
    for track_id, (column, value) in zip(ids, EDITS[kind], strict=False):
        edit(edited.settings.data_dir, track_id, column, value)
    lists = {path: edited.client.get(path).status_code for path in LISTS}
    details = {i: edited.client.get(f"/v1/tracks/{i}").status_code for i in ids}
    audio = {edited.client.get(f"/v1/tracks/{i}/audio").status_code for i in ids}
    failures = edited.client.get("/v1/admin/failures", headers=ADMIN).status_code
    run = index_now(edited)

    assert lists == dict.fromkeys(LISTS, 200)
    assert details == dict.fromkeys(ids, 200)
    assert audio <= {200, 404}
    assert failures == 200
    assert (run["state"], run["error"]) == ("succeeded", None)
    listed = edited.client.get("/v1/tracks?limit=100").json()["items"]
    assert len({track["path"] for track in listed} & names(edited)) == TRACKS
    assert edited.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}}).is_success


def names(running: Running) -> set[str]:
    """Paths of the library's files below its root."""
    music = running.settings.music_roots[0]
    return {str(path.relative_to(music)) for path in music.rglob("*.flac")}
