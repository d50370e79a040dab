"""`circumplex serve` and `circumplex index` as real processes, with the shipped model."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.processes import circumplex, serving
from tests.running import ADMIN, tone, write_library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `music` that `circumplex index` has indexed into `data`."""
    folder = tmp_path_factory.mktemp("library")
    write_library(folder / "music")
    done = circumplex(folder, "index")
    assert done.returncode == 0, done.stderr
    assert "10 files" in done.stderr.replace("\n", " ")
    return folder


def test_serve_answers_until_it_is_told_to_stop(library: Path) -> None:
    """Playlists from the index, an upload through the worker process, then a clean end."""
    clip = library / "clip.wav"
    soundfile.write(clip, tone(0.5, 440.0, 5.0), 8000)
    with serving(library) as served:
        playlist = served.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
        with clip.open("rb") as file:
            heard = served.client.post("/v1/emotions", files={"file": file})
        refused = served.client.post("/v1/emotions", files={"file": b"text" * 1000})
        served.process.send_signal(signal.SIGUSR1)  # SIGHUP is ignored below `nohup`
        code = served.process.wait(timeout=300.0)

    assert playlist.status_code == 200, playlist.text
    assert len(playlist.json()["items"]) == 9
    assert heard.status_code == 200, heard.text
    assert heard.json()["duration_s"] == pytest.approx(5.0, abs=0.1)
    assert refused.status_code == 422
    assert code == 0


def test_log_lines_are_json(library: Path) -> None:
    """Everything after the greeting can be read by a machine."""
    with serving(library) as served:
        served.client.get("/v1/library")
        time.sleep(0.3)
        logged = [line for line in served.lines if line.startswith("{")]

    loggers = {json.loads(line)["logger"].split(".")[0] for line in logged}
    assert loggers <= {"circumplex", "uvicorn"}, "libraries talk about their own loading"
    requests = [json.loads(line) for line in logged if '"request"' in line]
    assert any(line["route"] == "/v1/library" for line in requests)


def test_index_runs_over_the_api_in_a_process_of_their_own(tmp_path: Path) -> None:
    """Queue one, follow it, ask what it indexed."""
    write_library(tmp_path / "music")
    with serving(tmp_path) as served:
        run = served.client.post("/v1/admin/index-runs", headers=ADMIN).json()
        state: dict[str, Any] = run
        deadline = time.monotonic() + 300.0
        while state["state"] in {"queued", "running"} and time.monotonic() < deadline:
            time.sleep(0.2)
            url = f"/v1/admin/index-runs/{run['id']}"
            state = served.client.get(url, headers=ADMIN).json()
        answer = served.client.post("/v1/playlists", json={"emotion": {"mood": "tense"}})

    loggers = {
        json.loads(line)["logger"] for line in served.lines if "Circumplex is at" not in line
    }
    assert "indexer.runs.job" in loggers, "its process logs as the service does"
    assert state["state"] == "succeeded", state
    assert (state["files_total"], state["files_failed"]) == (10, 1)
    assert len(answer.json()["items"]) == 9


def test_serve_refuses_an_open_administration(library: Path) -> None:
    """No token, and an address others reach: exit code 1 and what to do."""
    done = circumplex(library, "serve", "--host", "0.0.0.0", CIRCUMPLEX_ADMIN_TOKEN="")

    assert done.returncode == 1
    assert "CIRCUMPLEX_ADMIN_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_says_when_its_port_is_taken(library: Path) -> None:
    """Exit code 1, one reason, and what to do."""
    with serving(library) as served:
        port = str(served.client.base_url.port)
        done = circumplex(library, "serve", "--port", port)
        demo = circumplex(library, "demo", str(library / "music"), "--port", port)

    assert done.returncode == demo.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in done.stderr
    assert "--port" in demo.stderr
    assert "Indexed" not in demo.stderr, "it is said before the long work"


# The other commands ------------------------------------------------------------------------------


def test_playlist_prints_json_alone(library: Path) -> None:
    """In a pipe standard output is one JSON document."""
    done = circumplex(library, "playlist", "--mood", "calm", "--limit", "3")

    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["items"]) == 3


def test_playlist_writes_other_formats_and_reads_curves(library: Path) -> None:
    """M3U8 of a point, CSV of a curve from a file."""
    curve = library / "curve.json"
    curve.write_text(
        '[{"t": 0, "valence": -1, "arousal": -1}, {"t": 60, "valence": 1, "arousal": 1}]'
    )

    m3u8 = circumplex(library, "playlist", "--valence=0.5", "--arousal=-0.5", "--format", "m3u8")
    journey = ("playlist", "--curve", str(curve), "--mode", "journey", "--format", "csv")
    csv = circumplex(library, *journey)

    assert m3u8.stdout.startswith("#EXTM3U\n")
    assert csv.stdout.startswith("rank,track_id,title")
    assert len(csv.stdout.splitlines()) == 10


def test_playlist_finds_what_is_meant_and_writes_a_file(library: Path) -> None:
    """Music like a track by its title and by its file, as long as asked, in the ending's format."""
    file = library / "like.m3u8"
    by_title = circumplex(library, "playlist", "--like", "LOUD bright", "-o", str(file))
    song = next((library / "music").rglob("loud/bright.flac"))
    by_file = circumplex(library, "playlist", "--like", str(song), "--minutes", "0.1")

    assert by_title.returncode == 0, by_title.stderr
    assert by_title.stdout == ""
    lines = file.read_text().splitlines()
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:Circumplex like Loud bright (Ada)"]
    assert all((library / line).is_file() for line in lines[3::2]), "as a player reads them"
    items = json.loads(by_file.stdout)["items"]
    assert [f"music/{item['track']['path']}" for item in items] == [lines[3], lines[5]]
    assert "music/loud/bright.flac" not in lines


def test_playlist_is_like_several_tracks(library: Path) -> None:
    """Named by title, by file and by id; none of them is in it."""
    file = library / "between.csv"
    song = next((library / "music").rglob("loud/bright.flac"))
    likes = ("--like", "quiet dull", "--like", str(song))
    done = circumplex(library, "playlist", *likes, "-o", str(file))
    ids = [f"--track={track_id}" for track_id in (2, 9)]
    by_id = json.loads(circumplex(library, "playlist", *ids).stdout)["items"]

    assert done.returncode == 0, done.stderr
    assert "Music like Quiet dull (Ada) and Loud bright (Ada)" in " ".join(done.stderr.split())
    rows = file.read_text().splitlines()[1:]
    assert len(rows) == len(by_id) == 7
    assert not any("Quiet dull" in row or "Loud bright" in row for row in rows)


def test_index_forgets_other_folders_when_asked(library: Path, tmp_path: Path) -> None:
    """What the demo composed does not stay among one's own music."""
    data = ("--data-dir", str(tmp_path / "data"))
    music = library / "music"
    first = circumplex(library, "index", str(music / "loud"), *data)
    second = circumplex(library, "index", "--only", str(music / "quiet"), *data)
    info = json.loads(circumplex(library, "info", *data).stdout)

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "3 gone" in second.stderr
    assert info["tracks"] == {"ok": 3, "failed": 0, "missing": 3}


def test_index_tells_of_what_it_passed_over(library: Path, tmp_path: Path) -> None:
    """Counted in the last line, by reason; listed on standard output when asked for."""
    music, data = tmp_path / "music", ("--data-dir", str(tmp_path / "data"))
    write_library(music)
    (music / "link.wav").symlink_to(music / "calm.wav")
    (music / "song.mid").write_bytes(b"x")
    (music / "broken.wav").write_bytes(b"no audio")
    done = circumplex(library, "index", str(music), "--passed-over", *data)

    last = " ".join(done.stderr.split("Passed over:")[-1].split())
    assert done.returncode == 0, done.stderr
    assert "1 symbolic links, which are not followed" in last
    assert "1 .mid files, a format that is not read" in last
    assert "that cannot be indexed" in last
    listed = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    assert {f"{music}/{name}" for name in ("link.wav", "song.mid", "broken.wav")} <= set(listed)
    assert "Listening: " in done.stderr
    assert "━" not in done.stderr


def test_index_of_nothing_says_so(library: Path, tmp_path: Path) -> None:
    """Without a folder, over an empty one or one of broken files; the exit code says it."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/a.mp3").write_bytes(b"")
    data = ("--data-dir", str(tmp_path / "data"))
    empty = circumplex(library, "index", str(tmp_path / "empty"), *data)
    broken = circumplex(library, "index", str(tmp_path / "broken"), *data)
    nothing = circumplex(library, "index", *data, CIRCUMPLEX_MUSIC_ROOTS="")

    assert (empty.returncode, broken.returncode, nothing.returncode) == (1, 1, 1)
    assert "Nothing is in the index" in " ".join(broken.stderr.split())
    assert "No audio file was found in" in " ".join(empty.stderr.split())
    assert "Nothing to index" in nothing.stderr


@pytest.mark.parametrize(
    ("command", "defaults"),
    [
        (["playlist"], ["20", "match", "~/.local/share/circumplex", "auto"]),
        (["serve"], ["127.0.0.1", "8000"]),
        (["index"], ["CIRCUMPLEX_MUSIC_ROOTS"]),
        (["key", "create"], ["read"]),
    ],
    ids=" ".join,
)
def test_the_help_names_defaults(library: Path, command: list[str], defaults: list[str]) -> None:
    """Also those that are written in the help's own words, in brackets."""
    help_ = circumplex(library, *command, "--help", COLUMNS="160").stdout

    assert [value for value in defaults if f"[default: {value}]" not in help_] == []


def test_playlist_says_where_it_found_no_index(library: Path, tmp_path: Path) -> None:
    """The folder that was looked into, and how to name another."""
    done = circumplex(library, "playlist", "--mood", "calm", "--data-dir", str(tmp_path))

    assert done.returncode == 1
    assert f"{tmp_path} (--data-dir names another folder): nothing is indexed yet" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["playlist", "--mood", "clam"], 1, "calm"),
        (["playlist"], 2, "exactly one of"),
        (["playlist", "--mood", "calm", "--track", "1"], 2, "exactly one of"),
        (["playlist", "--valence", "3"], 2, "'--valence'"),
        (["playlist", "--mood", "calm", "--mode", "jorney"], 2, "'match', 'journey'"),
        (["playlist", "--like", "polka"], 1, "nothing in the index is called 'polka'"),
        (["playlist", "--like", "loud"], 1, "3 tracks are called 'loud': --track"),
        (["playlist", "--mood", "calm", "-o", "a.doc"], 2, "name a --format"),
        (["playlist", "--mood", "calm", "-o", "/nowhere/a.csv"], 1, "cannot be written"),
        (["playlist", "--curve", "/nowhere.json"], 1, "No such file"),
        (["emotion", "/nowhere.mp3"], 1, "no file"),
        (["index", "/nowhere"], 1, "/nowhere"),
        (["key", "revoke", "none"], 1, "no key none"),
        (["nonsense"], 2, "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_cannot_be_done_is_said_in_one_line(
    library: Path, arguments: list[str], code: int, message: str
) -> None:
    """An exit code that is not 0, a reason, no traceback, nothing on standard output."""
    done = circumplex(library, *arguments)

    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_emotion_prints_json_and_draws(library: Path) -> None:
    """The whole curve on standard output, the picture in a file."""
    clip, picture = library / "long.wav", library / "curve.png"
    noise = np.random.default_rng(0).normal(size=80_000) * 0.1
    soundfile.write(clip, noise, 8000)

    done = circumplex(library, "emotion", str(clip), "--json", "--plot", str(picture))

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["curve"][-1]["t"] == pytest.approx(10.0, abs=0.5)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_info_and_doctor_look_at_everything(library: Path) -> None:
    """Both succeed on a healthy library; doctor fails where the index is missing."""
    info = json.loads(circumplex(library, "info").stdout)
    healthy = circumplex(library, "doctor", "--json")
    sick = circumplex(library, "doctor", "--data-dir", str(library / "other"))

    assert info["snapshot"]["tracks"] == 9
    assert info["tracks"] == {"ok": 9, "failed": 1, "missing": 0}
    assert healthy.returncode == 0, healthy.stderr
    assert all(finding["ok"] for finding in json.loads(healthy.stdout))
    assert sick.returncode == 1
    assert "circumplex index" in sick.stderr


def test_keys_are_made_listed_and_revoked(library: Path) -> None:
    """The secret is shown once and is in no listing and no file."""
    made = circumplex(library, "key", "create", "player", "--scope", "read")
    token = made.stdout.strip()
    listed = circumplex(library, "key", "list")
    (key,) = json.loads(listed.stdout)
    revoked = circumplex(library, "key", "revoke", key["id"])

    assert token.startswith("cpx_")
    assert (key["name"], key["scopes"]) == ("player", ["read"])
    assert token not in listed.stdout
    assert token not in (library / "data" / "keys.json").read_text()
    assert revoked.returncode == 0


def test_version_and_help(library: Path) -> None:
    """Both succeed, for the program and for each command."""
    assert circumplex(library, "--version").stdout.startswith("circumplex ")
    commands = ("demo", "index", "serve", "playlist", "emotion", "train", "evaluate", "info")
    for command in (*commands, "backup", "restore"):
        done = circumplex(library, command, "--help")

        assert done.returncode == 0
        assert "Usage" in done.stdout
