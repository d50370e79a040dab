"""Playlist files from hostile tags, and the choice among formats."""

from __future__ import annotations

import csv
import io
import json
import os
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NotAcceptableError
from app.playlists.formats import FormatName, fits_m3u, negotiate, path_on_disk, render
from app.wire.responses import PlaylistItem, PlaylistResponse, SegmentOut, TrackOut
from indexer.folders.files import stored_name

FILES: tuple[FormatName, ...] = ("m3u8", "xspf", "jspf", "csv")


def playlist(
    title: str | None, artist: str | None = None, path: str = "a.flac"
) -> PlaylistResponse:
    """A playlist of one track."""
    track = TrackOut(id=1, title=title, artist=artist, duration_s=61.6, path=path)
    item = PlaylistItem(
        rank=1,
        track=track,
        segment=SegmentOut(start_s=0.0, end_s=30.0),
        fit=0.5,
        reason="calmer than asked",
        score=-1.0,
        rho_sim=1.0,
        neg_kl=-2.0,
        valence=0.1,
        arousal=-0.2,
    )
    return PlaylistResponse(
        snapshot_id="s", model_id="m", scale="relative", mode="match", exact=True, items=[item]
    )


def written(name: FormatName, content: PlaylistResponse, title: str = "Mine") -> str:
    """The file's text."""
    return render(content, name, title, lambda track: track.path).content.decode()


@given(st.text(max_size=40), st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_any_tags_make_files_that_readers_accept(title: str, artist: str, path: str) -> None:
    """XML parses, JSON parses, CSV has one row, M3U8 four lines: whatever the tags hold."""
    content = playlist(title, artist, path)

    ElementTree.fromstring(written("xspf", content, title))
    assert len(json.loads(written("jspf", content, title))["playlist"]["track"]) == 1
    assert len(list(csv.DictReader(io.StringIO(written("csv", content, title), newline="")))) == 1
    lines = written("m3u8", content, title).split("\n")
    assert len(lines) == 5 if fits_m3u(path) else 4
    assert not fits_m3u(path) or not lines[3].lstrip().startswith("#")


@pytest.mark.parametrize(
    "path",
    [
        "javascript:alert(1).mp3",
        "http:evil.mp3",
        "data:x/a.mp3",
        "#EXTINF.mp3",
        "C:a.mp3",
        " #EXTINF.mp3",
        "\\\\host\\share\\a.mp3",
    ],
)
def test_no_path_is_taken_for_a_protocol_or_a_comment(path: str) -> None:
    """A file may be called like an address, or a share; a player must still look for a file."""
    assert written("m3u8", playlist("t", path=path)).splitlines()[3] == f"./{path}"
    root = ElementTree.fromstring(written("xspf", playlist("t", path=path)))
    location = root.findtext(".//{http://xspf.org/ns/0/}location")
    assert location is not None
    assert ":" not in location.split("/")[0]


@pytest.mark.parametrize(
    ("name", "m3u8", "xspf"),
    [
        (b"back\\slash.flac", "back\\slash.flac", "back%5Cslash.flac"),
        (b"bad\xff.flac", "bad\udcff.flac", "bad%FF.flac"),
        (b"tab\t.flac", "tab\t.flac", "tab%09.flac"),
        ("ls\u2028.flac".encode(), "ls\u2028.flac", "ls%E2%80%A8.flac"),
        ("e\u0301.flac".encode(), "e\u0301.flac", "e%CC%81.flac"),
    ],
)
def test_files_are_named_as_the_disk_names_them(name: bytes, m3u8: str, xspf: str) -> None:
    """Not as the catalogue writes bytes that are no UTF-8, and backslashes."""
    content = playlist("t", path=stored_name(os.fsdecode(name)))

    rendered = {f: render(content, f, "Mine", path_on_disk).content for f in FILES}
    files = {f: written.decode("utf-8", "surrogateescape") for f, written in rendered.items()}

    assert files["m3u8"].split("\n")[3] == m3u8
    root = ElementTree.fromstring(files["xspf"])
    assert root.findtext(".//{http://xspf.org/ns/0/}location") == xspf
    assert json.loads(files["jspf"])["playlist"]["track"][0]["location"] == [xspf]


@pytest.mark.parametrize("name", ["new\nline.flac", "cr\rx.flac", "both\r\n.flac"])
def test_a_name_that_no_line_can_hold_is_left_out_and_said(name: str) -> None:
    """A shortened one would be another file's."""
    file = render(playlist("t", path=stored_name(name)), "m3u8", "Mine", path_on_disk)

    lines = file.content.decode().split("\n")

    assert file.left_out == (stored_name(name),)
    assert [line for line in lines if line and not line.startswith("#")] == []
    assert any("left out" in line for line in lines)


def test_a_url_of_this_service_stays_one() -> None:
    """With `locations=url` the address is meant."""
    url = "http://127.0.0.1:8000/v1/tracks/1/audio"

    assert written("m3u8", playlist("t", path=url)).splitlines()[3] == url


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r@", " ="])
def test_no_cell_begins_like_a_formula(start: str) -> None:
    """Also behind white space, in title, artist and path."""
    row = next(
        csv.DictReader(
            io.StringIO(written("csv", playlist(f"{start}1", f"{start}2", f"{start}3")), newline="")
        )
    )

    assert [row[name][0] for name in ("title", "artist")] == ["'"] * 2
    assert row["path"] == f"./{start}3"  # still the file's


@given(st.text(max_size=60))
def test_file_names_are_plain(title: str) -> None:
    """A header can carry them."""
    name = render(playlist("x"), "m3u8", title, lambda track: track.path).file_name

    assert name.isascii()
    assert '"' not in name
    assert name.endswith(".m3u8")


def test_a_formula_stays_text_in_a_spreadsheet() -> None:
    """A title that begins like a formula is quoted."""
    (row,) = csv.DictReader(io.StringIO(written("csv", playlist("=HYPERLINK(1)"))))

    assert row["title"] == "'=HYPERLINK(1)"


def test_a_path_becomes_a_relative_uri() -> None:
    """Blanks and accents are quoted, a colon in front does not make a scheme."""
    text = written("xspf", playlist("x", path="one: two/tëst #1.flac"))

    assert "<location>./one%3A%20two/t%C3%ABst%20%231.flac</location>" in text or (
        "<location>one%3A%20two/t%C3%ABst%20%231.flac</location>" in text
    )


def test_a_track_without_duration_or_artist_is_written() -> None:
    """-1 as the M3U convention has it; no empty creator."""
    content = playlist("x")
    track = content.items[0].track.model_copy(update={"duration_s": None, "title": None})
    item = content.items[0].model_copy(update={"track": track})
    content = content.model_copy(update={"items": [item]})

    assert "#EXTINF:-1,a.flac" in written("m3u8", content)
    assert "creator" not in written("xspf", content)
    assert "duration" not in json.loads(written("jspf", content))["playlist"]["track"][0]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("audio/x-mpegurl", "m3u8"),
        ("text/csv;q=0.2, application/xspf+xml;q=0.8", "xspf"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "json"),
        ("application/json;q=0, text/csv", "csv"),
        ("APPLICATION/JSPF+JSON", "jspf"),
        ("text/csv;q=nonsense", "csv"),
    ],
)
def test_accept_is_weighed(accept: str | None, expected: str) -> None:
    """The most wanted known type."""
    assert negotiate(None, accept) == expected


def test_the_query_goes_before_accept() -> None:
    """`?format=` is what a link can hold."""
    assert negotiate("csv", "application/json") == "csv"


@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/json;q=0"])
def test_an_unknown_type_is_refused(accept: str) -> None:
    """With the list of those there are."""
    with pytest.raises(NotAcceptableError, match="mpegurl"):
        negotiate(None, accept)
