"""What the command line shows of texts that it did not write."""

from __future__ import annotations

import logging

import pytest

from app.cli import main
from app.commands.common import PlainLines, emit_row, notes, plain
from app.commands.playlist import playlist_table
from app.playlists.recency import stepping_back
from app.wire.responses import PlaylistItem, PlaylistResponse, SegmentOut, TrackOut
from app.wire.schemas import PlaylistRequest

TITLES = ("Song [live]", "[red]Blood[/]", "[/b]", ":fire: at 10:30", "C:\\", "[link=x]here[/link]")


def playlist(titles: tuple[str, ...]) -> PlaylistResponse:
    """One track for each title."""
    items = [
        PlaylistItem(
            rank=rank,
            track=TrackOut(
                id=rank,
                title=title,
                artist=title,
                album=None,
                genre=None,
                year=None,
                duration_s=1.0,
                path="a.flac",
            ),
            segment=SegmentOut(start_s=0.0, end_s=1.0),
            fit=0.5,
            reason="calmer than asked",
            score=0.0,
            rho_sim=0.0,
            neg_kl=0.0,
            valence=0.0,
            arousal=0.0,
        )
        for rank, title in enumerate(titles, 1)
    ]
    return PlaylistResponse(
        snapshot_id="s", model_id="m", scale="relative", mode="match", exact=True, items=items
    )


def test_titles_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brackets are no markup and words between colons no pictures."""
    monkeypatch.setattr(notes, "size", (200, 25))

    notes.print(playlist_table(playlist(TITLES)))

    shown = capsys.readouterr().err
    assert [title for title in TITLES if shown.count(title) != 2] == []


def test_a_title_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """No escape sequence of a tag reaches it."""
    notes.print(playlist_table(playlist(("\x1b[2J\x1b]0;owned\x07", "\u202egnp.exe"))))

    assert not set(capsys.readouterr().err) & {"\x1b", "\x07", "\u202e"}


def test_names_of_files_do_not_steer_the_terminal_in_lists_and_logs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each stays in its line, which programs read."""
    name = "new\nline\t\x1b[2J\u202e.mp3"
    emit_row(name, "empty")
    record = logging.makeLogRecord({"msg": "%s is left out", "args": (name,)})

    shown = "new\\nline\\t\\x1b[2J\\u202e.mp3"
    assert capsys.readouterr().out == f"{shown}\tempty\n"
    assert PlainLines().format(record) == f"{shown} is left out"


def test_an_error_about_a_strange_name_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closing tag in a path is no reason for a traceback."""
    monkeypatch.setattr("sys.argv", ["circumplex", "emotion", "no [/such] file.mp3"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert "no [/such] file.mp3" in capsys.readouterr().err


def test_nothing_is_said_of_what_nobody_heard() -> None:
    """A question that leaves out what was heard lately is answered as it stands."""
    question = PlaylistRequest.model_validate({"emotion": {"mood": "calm"}, "not_again_s": 60})

    answer, asked = stepping_back(question, [], lambda _: playlist(("Song",)))

    assert answer.not_again is None
    assert asked == question


def test_lines_stay_lines() -> None:
    """Only what cannot be printed is replaced."""
    assert plain("one\ntwo [/x]\t") == "one\ntwo \\[/x]\N{REPLACEMENT CHARACTER}"
