"""What is not music stays out of playlists and of the map; it is listed and can be let in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import app
from model.judge import Judge
from tests.catalogue import write_tone
from tests.fakes import FakeModel
from tests.integration.api.test_api_playlists import ask
from tests.running import Running, fake_settings, index_now, running_service

LEAST_S = 5.0


def judging() -> FakeModel:
    """The fake model with a judge for whom five seconds are a piece of music."""
    model = FakeModel()
    model.judge = Judge(least_s=LEAST_S)
    return model


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A service over two pieces, one of them twice, and a jingle."""
    folder = tmp_path_factory.mktemp("mixed")
    write_tone(folder / "music/piece.wav", hz=300, duration_s=8)
    write_tone(folder / "music/other.wav", hz=900, duration_s=8)
    (folder / "music/again.wav").write_bytes((folder / "music/piece.wav").read_bytes())
    write_tone(folder / "music/jingle.wav", hz=600, duration_s=3)
    with running_service(fake_settings(folder), judging()) as running:
        assert index_now(running)["state"] == "succeeded"
        yield running


def paths(playlist: dict) -> set[str]:
    """Paths of a playlist's tracks."""
    return {item["track"]["path"] for item in playlist["items"]}


def test_a_jingle_is_answered_only_when_let_in(mixed: Running) -> None:
    """By `filters.include.verdict`."""
    plain = ask(mixed, emotion={"mood": "calm"})
    let_in = ask(mixed, emotion={"mood": "calm"}, filters={"include": {"verdict": ["short"]}})

    assert "jingle.wav" not in paths(plain)
    assert paths(let_in) - paths(plain) == {"jingle.wav"}
    assert plain["note"] is None


def test_the_map_shows_each_recording_once(mixed: Running) -> None:
    """Without the jingle, and with it when asked."""
    shown = mixed.client.get("/v1/tracks/map").json()["ids"]
    more = mixed.client.get("/v1/tracks/map", params={"include": "short"}).json()["ids"]

    assert (len(shown), len(more)) == (2, 3)


def test_the_library_lists_it_with_its_reason(mixed: Running) -> None:
    """Counted, and found by its verdict."""
    library = mixed.client.get("/v1/library").json()
    listed = mixed.client.get("/v1/tracks", params={"verdict": ["speech", "short"]}).json()["items"]

    assert (library["verdicts"], library["copies"]) == ({"music": 3, "short": 1}, 1)
    assert [track["path"] for track in listed] == ["jingle.wav"]
    assert "at least 5 s" in listed[0]["verdict_reason"]


def test_a_track_names_its_copies_and_none_is_like_itself(mixed: Running) -> None:
    """Neither of two copies answers what is like the other."""
    first, second = (
        track
        for track in mixed.client.get("/v1/tracks").json()["items"]
        if track["path"] in {"piece.wav", "again.wav"}
    )

    assert [copy["id"] for copy in first["copies"]] == [second["id"]]
    for track in (first, second):
        assert paths(ask(mixed, emotion={"track_id": track["id"]})) == {"other.wav"}


def test_a_folder_of_jingles_still_plays_and_says_why(tmp_path: Path) -> None:
    """Where nothing is music everything answers."""
    for number in range(2):
        write_tone(tmp_path / f"music/{number}.wav", hz=300 + 200 * number, duration_s=3)
    with running_service(fake_settings(tmp_path), judging()) as running:
        assert index_now(running)["state"] == "succeeded"
        playlist = ask(running, emotion={"mood": "calm"})

        assert paths(playlist) == {"0.wav", "1.wav"}
        assert "2 too short" in playlist["note"]


def test_the_command_lists_what_is_left_out(
    mixed: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """As lines for people and as JSON."""
    data_dir = str(mixed.settings.data_dir)

    app(["verdicts", "--data-dir", data_dir, "--json"], standalone_mode=False)

    (found,) = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["path"]) == ("short", "jingle.wav")
