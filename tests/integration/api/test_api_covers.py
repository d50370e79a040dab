"""`/v1/tracks/{id}/cover` over HTTP."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image

from app.http.keys import KeyRing
from tests.pictures import BLUE, GREEN, RED, is_near, picture, size_of
from tests.running import (
    Running,
    fake_settings,
    index_now,
    problem_of,
    running_service,
    write_library,
)


def id_of(running: Running, title: str) -> int:
    """Id of the track of that title."""
    items = running.client.get("/v1/tracks", params={"q": title}).json()["items"]
    return int(next(item["id"] for item in items if item["title"] == title))


def cover(running: Running, title: str, **options: Any) -> Any:
    """The answer about a track's cover."""
    return running.client.get(f"/v1/tracks/{id_of(running, title)}/cover", **options)


def test_a_cover_comes_small(service: Running) -> None:
    """Out of the file or its folder, as a JPEG of at most the pixels asked for."""
    inside = cover(service, "Loud bright")
    beside = cover(service, "Quiet dull", params={"size": 64})

    assert inside.headers["content-type"] == beside.headers["content-type"] == "image/jpeg"
    assert is_near(inside.content, RED)
    assert size_of(inside.content) == (256, 256)
    assert is_near(beside.content, BLUE)
    assert size_of(beside.content) == (64, 64)


def test_a_track_without_a_cover_says_so(service: Running) -> None:
    """A problem; or, where a placeholder is asked for, a clear pixel."""
    none = cover(service, "Loud dull")
    problem_of(none, 404, "cover-not-found")
    assert none.headers["cache-control"] == "no-store"

    blank = cover(service, "Loud dull", params={"placeholder": True})
    nobody = service.client.get("/v1/tracks/2000000/cover")

    assert blank.status_code == 200
    assert blank.headers["content-type"] == "image/png"
    assert size_of(blank.content) == (1, 1)
    problem_of(nobody, 404, "track-not-found")


def test_a_size_out_of_bounds_is_refused(service: Running) -> None:
    """From 16 to 1024 pixels."""
    for size in (0, 15, 1025, "big"):
        problem_of(cover(service, "Loud bright", params={"size": size}), 422, "invalid-request")


def test_a_cover_that_is_known_is_not_sent_again(tmp_path: Path) -> None:
    """304 until a file changes; the tag holds for one size."""
    pieces = write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        first = cover(running, "Quiet dull")
        known = {"if-none-match": f'"other", W/{first.headers["etag"]}'}
        again = cover(running, "Quiet dull", headers=known)
        larger = cover(running, "Quiet dull", headers=known, params={"size": 300})
        (pieces["quiet dull"].parent / "Cover.png").write_bytes(picture(GREEN, 200))
        changed = cover(running, "Quiet dull", headers=known)

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == "private, max-age=3600"
        assert larger.status_code == 200
        assert is_near(changed.content, GREEN)


def test_covers_are_served_from_inside_the_roots_alone(tmp_path: Path) -> None:
    """A link that leads out is none, and so is the cover of audio that has gone."""
    pieces = write_library(tmp_path / "music")
    (tmp_path / "secret.jpg").write_bytes(picture())
    (pieces["middling dull"].parent / "cover.jpg").symlink_to(tmp_path / "secret.jpg")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        outside = cover(running, "Middling dull")
        pieces["quiet dull"].unlink()
        gone = cover(running, "Quiet dull")
        blank = cover(running, "Quiet dull", params={"placeholder": True})

        problem_of(outside, 404, "cover-not-found")
        problem_of(gone, 404, "audio-not-found")
        assert size_of(blank.content) == (1, 1)


def test_a_lock_keeps_covers_in(tmp_path: Path) -> None:
    """The same key opens them that opens the audio."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path, require_key=True)) as running:
        index_now(running)
        _, token = KeyRing(running.settings.data_dir / "keys.json").create("test", ["read"])
        locked = running.client.get("/v1/tracks/2/cover", params={"placeholder": True})
        opened = running.client.get(
            "/v1/tracks/2/cover", headers={"Authorization": f"Bearer {token}"}
        )

        problem_of(locked, 401, "unauthenticated")
        assert is_near(opened.content, RED)


def test_searches_go_on_while_large_covers_are_made(tmp_path: Path) -> None:
    """Playlists and the event loop answer before eight large covers do."""
    pieces = write_library(tmp_path / "music")
    folder = pieces["quiet dull"].parent
    (folder / "Cover.png").unlink()
    noise = Image.effect_noise((2000, 2000), 60).convert("RGB")
    noise.save(folder / "cover.png", compress_level=1)
    shutil.copy(folder / "cover.png", pieces["loud dull"].parent)
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        ids = [id_of(running, f"{level} dull") for level in ("Quiet", "Loud")] * 4
        running.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
        ended_s: list[float] = []

        def ask(track_id: int) -> None:
            assert running.client.get(f"/v1/tracks/{track_id}/cover").status_code == 200
            ended_s.append(time.monotonic())

        threads = [threading.Thread(target=ask, args=(track_id,)) for track_id in ids]
        for thread in threads:
            thread.start()
        answered = [running.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})]
        answered.append(running.client.get("/healthz"))
        answered_s = time.monotonic()
        for thread in threads:
            thread.join()

        assert [answer.status_code for answer in answered] == [200, 200]
        assert answered_s < sorted(ended_s)[4]
