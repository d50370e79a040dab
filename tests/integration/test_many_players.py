"""Many Subsonic players at once."""

from __future__ import annotations

from pathlib import Path

from benchmarks.service.players import play_together
from tests.listeners import CALM
from tests.running import fake_settings, index_now, running_service, write_library


def test_no_player_notices_the_others(tmp_path: Path) -> None:
    """Twenty players list, search, load a station and stream with seeks: every call ends well."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        body = {"name": "Calm", "question": CALM, "rhythm": "daily"}
        assert running.client.post("/v1/stations", json=body).status_code == 201
        port = int(running.url.rpartition(":")[2])

        seen = play_together(port, players=20, seconds=3.0, pause_s=0.1)

    assert seen.errors == []
    assert {"getPlaylists", "search3", "getPlaylist", "stream"} <= set(seen.calls)
    assert seen.audio_bytes > 0
