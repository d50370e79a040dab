"""The typed client and `--server` of the commands, against a service that runs."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app, main
from circumplex.client import AsyncClient, Client, RefusedError, UnreachableError
from tests.running import (
    ADMIN,
    TOKEN,
    Running,
    fake_settings,
    index_now,
    running_service,
    write_library,
)

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "first_steps.py"
CALM = {"emotion": {"mood": "calm"}, "limit": 4}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of this module's own, under required keys: it is indexed again here."""
    folder = tmp_path_factory.mktemp("client")
    write_library(folder / "music")
    with running_service(fake_settings(folder, require_key=True)) as made:
        index_now(made)
        yield made


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with Client(running.url, TOKEN) as made:
        yield made


def clip(running: Running) -> Path:
    """A file of the library, to be sent."""
    return running.settings.music_roots[0] / "loud" / "bright.flac"


# Both clients -------------------------------------------------------------------------------------


def test_a_playlist_is_what_the_service_answers(running: Running, client: Client) -> None:
    """To the last field, with explanations."""
    question = {**CALM, "explain": True}

    answer = client.playlist(question)

    plain = running.client.post("/v1/playlists", json=question, headers=ADMIN).json()
    assert answer.model_dump(mode="json", by_alias=True) == plain
    assert answer.items[0].track.title


def test_the_asynchronous_client_answers_the_same(running: Running, client: Client) -> None:
    """Playlist, clip, library, tracks, artists and stations."""

    async def ask() -> tuple[object, ...]:
        async with AsyncClient(running.url, TOKEN) as other:
            return (
                await other.playlist(CALM),
                await other.emotion(clip(running), similar=2),
                await other.library(),
                [track async for track in other.tracks(limit=2)],
                [artist async for artist in other.artists()],
                [station async for station in other.stations()],
                await other.playlist_file(CALM, "csv"),
            )

    answers = asyncio.run(ask())

    assert answers == (
        client.playlist(CALM),
        client.emotion(clip(running), similar=2),
        client.library(),
        list(client.tracks(limit=2)),
        list(client.artists()),
        list(client.stations()),
        client.playlist_file(CALM, "csv"),
    )


def test_every_page_of_a_list_is_read(client: Client) -> None:
    """However small the pages are."""
    ids = [track.id for track in client.tracks(limit=2)]

    assert ids == [track.id for track in client.tracks()]
    assert len(ids) == 9


def test_a_station_is_saved_asked_and_deleted(client: Client) -> None:
    """By its id."""
    made = client.create_station("Evening", CALM, rhythm="daily")
    playlist = client.station_playlist(made.id)
    file = client.station_file(made.id)
    client.delete_station(made.id)

    assert [each.id for each in client.stations()] == []
    assert playlist.station_id == made.id
    assert len(playlist.items) == file.count(b"#EXTINF") == 4


def test_an_index_run_is_followed_to_its_end(client: Client) -> None:
    """Its progress is told meanwhile."""
    seen = []
    begun = client.start_index()

    ended = client.wait_for_index(begun.id, lambda run: seen.append(run.state))

    assert (ended.state, seen[-1]) == ("succeeded", "succeeded")


def test_a_refusal_says_what_the_problem_says(client: Client) -> None:
    """Status, kind, and everything else of the document."""
    with pytest.raises(RefusedError, match="clam") as caught:
        client.playlist({"emotion": {"mood": "clam"}})

    assert (caught.value.status, caught.value.kind) == (422, "unknown-mood")
    assert "calm" in caught.value.problem["suggestions"]


def test_a_wrong_key_is_refused(running: Running) -> None:
    """As the service refuses it."""
    with Client(running.url, "cpx_wrong") as other, pytest.raises(RefusedError) as caught:
        other.library()

    assert caught.value.status == 401


def test_a_service_that_is_away_is_said() -> None:
    """Also an address that is none."""
    with (
        Client("http://127.0.0.1:9") as away,
        pytest.raises(UnreachableError, match="does not answer"),
    ):
        away.library()
    with pytest.raises(UnreachableError, match="no address"):
        Client("localhost:8000")


def test_the_example_runs(
    running: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As it stands in the documents."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIRCUMPLEX_URL", running.url)
    monkeypatch.setenv("CIRCUMPLEX_KEY", TOKEN)

    runpy.run_path(str(EXAMPLE))

    shown = capsys.readouterr().out
    assert "journey" in shown
    assert "unknown-mood - " in shown
    assert (tmp_path / "calm.m3u8").read_text(encoding="utf-8").count("#EXTINF") == 5


# The commands -------------------------------------------------------------------------------------


def command(running: Running, *words: str) -> str:
    """Standard output of a command that asks the service."""
    done = CliRunner().invoke(app, [*words, "--server", running.url], env={"CIRCUMPLEX_KEY": TOKEN})
    assert done.exit_code == 0, (done.output, done.exception)
    return str(done.stdout)


def test_playlist_asks_a_server(running: Running, client: Client, tmp_path: Path) -> None:
    """By mood, by words of a title, and into a file."""
    calm = json.loads(command(running, "playlist", "--mood", "calm", "--limit", "4"))
    like = json.loads(command(running, "playlist", "--like", "Loud bright", "--limit", "2"))
    file = tmp_path / "calm.m3u8"
    command(running, "playlist", "--mood", "calm", "--limit", "3", "-o", str(file))

    asked = client.playlist({**CALM})
    assert [each["track"]["id"] for each in calm["items"]] == [i.track.id for i in asked.items]
    assert len(like["items"]) == 2
    assert file.read_text(encoding="utf-8").count(f"{running.url}/v1/tracks/") == 3


def test_what_was_heard_steps_back_where_a_server_is_asked(
    running: Running, client: Client
) -> None:
    """`--not-again` days."""
    first = client.playlist({**CALM, "limit": 1}).items[0].track.id
    plays = {"plays": [{"track_id": first}]}
    assert running.client.post("/v1/plays", json=plays, headers=ADMIN).status_code == 204

    asked = ("playlist", "--mood", "calm", "--limit", "1", "--not-again", "1")
    answer = json.loads(command(running, *asked))

    assert answer["not_again"] == {"heard": 1, "left_out": 1}
    assert answer["items"][0]["track"]["id"] != first


def test_emotion_asks_a_server(running: Running, client: Client) -> None:
    """The clip is sent there."""
    answer = json.loads(command(running, "emotion", str(clip(running)), "--json", "--similar", "1"))

    assert answer == json.loads(client.emotion(clip(running), similar=1).model_dump_json())


def test_index_asks_a_server(running: Running, client: Client) -> None:
    """It waits for the end of the run."""
    before = client.library().snapshot_id
    command(running, "index", "--full")

    assert client.library().snapshot_id != before


def test_stations_are_kept_on_a_server(running: Running) -> None:
    """Added, listed, played and removed."""
    made = command(running, "station", "add", "Evening", "--mood", "calm", "--limit", "3").strip()
    listed = json.loads(command(running, "station", "list"))
    played = command(running, "station", "play", "evening", "--format", "m3u8")
    command(running, "station", "remove", made)

    assert [each["id"] for each in listed] == [made]
    assert played.count("#EXTINF") == 3
    assert json.loads(command(running, "station", "list")) == []


def test_a_server_and_an_index_here_exclude_each_other(running: Running, tmp_path: Path) -> None:
    """Nobody could tell which one was asked."""
    words = ["playlist", "--mood", "calm", "--data-dir", str(tmp_path), "--server", running.url]

    done = CliRunner().invoke(app, words)

    assert done.exit_code == 2
    assert "--data-dir" in done.output


def test_a_refusal_is_one_line(
    running: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And exit code 1."""
    words = ["circumplex", "playlist", "--mood", "clam", "--server", running.url, "--key", TOKEN]
    monkeypatch.setattr("sys.argv", words)

    with pytest.raises(SystemExit) as ended:
        main()

    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert shown.startswith("error: ")
    assert "calm" in shown
