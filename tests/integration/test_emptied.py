"""A service whose library loses its last track."""

from __future__ import annotations

from pathlib import Path

from tests.running import fake_settings, index_now, problem_of, running_service, write_library


def test_a_service_does_not_answer_from_tracks_that_are_gone(tmp_path: Path) -> None:
    """It says that nothing is indexed, and answers again once something is."""
    write_library(tmp_path / "music")
    ask = {"emotion": {"mood": "calm"}}
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        (tmp_path / "music").rename(tmp_path / "elsewhere")
        (tmp_path / "music").mkdir()
        index_now(running, allow_shrink=True)
        emptied = running.client.post("/v1/playlists", json=ask)
        index_now(running)
        later = running.client.post("/v1/playlists", json=ask)
        (tmp_path / "music").rmdir()
        (tmp_path / "elsewhere").rename(tmp_path / "music")
        index_now(running)
        back = running.client.post("/v1/playlists", json=ask)

    for answer in (emptied, later):
        assert "no track" in problem_of(answer, 503, "not-ready")["detail"]
    assert back.status_code == 200
    assert len(back.json()["items"]) == 9
