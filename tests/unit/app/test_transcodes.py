"""The places of files that are transcoded; no process is started here."""

from __future__ import annotations

import io

import pytest

from app.errors import OverloadedError
from app.subsonic.transcode import TARGETS, Transcode, Transcodes


def begun(transcodes: Transcodes, client: str) -> Transcode:
    """One more for a client."""
    return transcodes.begin(io.BytesIO(), "a.flac", TARGETS["mp3"], 192, client=client)


def test_one_client_holds_half_of_the_places() -> None:
    """The others are left for the others."""
    transcodes = Transcodes(places=4)
    own = [begun(transcodes, "one") for _ in range(2)]

    with pytest.raises(OverloadedError, match="2 files"):
        begun(transcodes, "one")
    begun(transcodes, "another")
    transcodes.end(own[0])
    begun(transcodes, "one")


def test_no_more_than_there_are_places() -> None:
    """However many clients there are."""
    transcodes = Transcodes(places=4)
    for number in range(4):
        begun(transcodes, f"client {number}")

    with pytest.raises(OverloadedError, match="4 files"):
        begun(transcodes, "one more")


def test_who_reads_nothing_gives_up_its_place() -> None:
    """To the next one that wants it, and its file is closed."""
    transcodes = Transcodes(places=2, idle_s=0.0)
    first, second = (begun(transcodes, client) for client in ("one", "another"))
    first.read_s, second.read_s = 2.0, 1.0

    begun(transcodes, "third")

    assert second._file.closed
    assert not first._file.closed


def test_what_has_ended_is_not_started() -> None:
    """A client that leaves at once leaves no process behind."""
    transcodes = Transcodes()
    transcode = begun(transcodes, "one")
    transcodes.end(transcode)
    transcodes.end(transcode)

    assert transcode.started() is None


def test_where_no_process_can_be_started_the_player_is_told() -> None:
    """A song of no length would be skipped instead; the place is free again."""
    transcodes = Transcodes(places=2)

    for _ in range(3):
        with pytest.raises(OverloadedError, match="no process"):
            transcodes.start(begun(transcodes, "one"))  # what has no descriptor goes to no process
