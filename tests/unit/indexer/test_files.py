"""Walking music folders, reading tags, naming content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen import aiff, asf, flac, id3, mp3, mp4, oggopus, oggvorbis, wave

from indexer.errors import RootNotFoundError
from indexer.folders.files import (
    FoundFile,
    Tags,
    content_id,
    file_path,
    read_tags,
    stored_name,
    values_of,
)
from indexer.folders.naming import readable_name
from indexer.folders.walk import AUDIO_SUFFIXES, WalkReport, walk
from model.folding import fold
from tests.catalogue import write_tone

FORMATS = {
    ".mp3": "mp3",
    ".flac": "flac",
    ".ogg": "vorbis",
    ".opus": "libopus",
    ".m4a": "aac",
    ".wma": "wmav2",
    ".aiff": "pcm_s16be",
    ".wav": "pcm_s16le",
}
EXPECTED = Tags("Blå tid", "Ann; Bob", "The Album", "Folk; Jazz", 1987)


def encode(path: Path, codec: str, seconds: float = 0.5) -> Path:
    """Noise in the format of the file's suffix."""
    rate = 48_000 if codec == "libopus" else 44_100
    noise = np.random.default_rng(0).normal(0, 0.1, (2, int(rate * seconds))).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo", options={"strict": "-2"})
        stream.bit_rate = 96_000
        resampler = av.AudioResampler(stream.format, "stereo", rate, stream.frame_size or None)
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def tag(path: Path) -> None:
    """Write EXPECTED in the manner of the format."""
    suffix = path.suffix
    vorbis = {"title": "Blå tid", "artist": ["Ann", "Bob"], "album": "The Album"}
    vorbis |= {"genre": ["Folk", "Jazz"], "date": "1987-05-01"}
    frames = [
        id3.TIT2(3, ["Blå tid"]),
        id3.TPE1(3, ["Ann", "Bob"]),
        id3.TALB(3, ["The Album"]),
        id3.TCON(3, ["80", "Jazz"]),  # 80 is ID3v1's number of Folk
        id3.TDRC(3, ["1987-05-01"]),
    ]
    if suffix in {".flac", ".ogg", ".opus"}:
        kind = {".flac": flac.FLAC, ".ogg": oggvorbis.OggVorbis, ".opus": oggopus.OggOpus}[suffix]
        file = kind(path)
        file.update(vorbis)
    elif suffix in {".mp3", ".wav", ".aiff"}:
        file = {".mp3": mp3.MP3, ".wav": wave.WAVE, ".aiff": aiff.AIFF}[suffix](path)
        if file.tags is None:
            file.add_tags()
        for frame in frames:
            file.tags.add(frame)
    elif suffix == ".m4a":
        file = mp4.MP4(path)
        keys = {"title": "\xa9nam", "artist": "\xa9ART", "album": "\xa9alb", "genre": "\xa9gen"}
        for name, key in (keys | {"date": "\xa9day"}).items():
            file[key] = vorbis[name]
    else:
        file = asf.ASF(path)
        keys = {"title": "Title", "artist": "Author", "album": "WM/AlbumTitle"}
        for name, key in (keys | {"genre": "WM/Genre", "date": "WM/Year"}).items():
            file[key] = vorbis[name]
    file.save()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_tags_of_every_format_read_the_same(tmp_path: Path, suffix: str) -> None:
    """Each format has tags of its own kind; they come out as one."""
    path = encode(tmp_path / f"file{suffix}", FORMATS[suffix])
    tag(path)

    tags = read_tags(path)

    assert (tags.title, tags.artist, tags.album, tags.genre, tags.year) == (
        *(EXPECTED.title, EXPECTED.artist, EXPECTED.album),
        *(EXPECTED.genre, EXPECTED.year),
    )
    assert tags.duration_s == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("01 - Blue Moon.mp3", "Blue Moon"),
        ("the_king_is_dead.ogg", "The king is dead"),
        ("battle-epic.ogg", "Battle epic"),
        ("2.mp3", "2"),
        ("1979.mp3", "1979"),
        ("99 Luftballons.mp3", "99 Luftballons"),
        ("1-01 Blue Moon.mp3", "Blue Moon"),
        ("01-Blue Moon.mp3", "Blue Moon"),
        ("01 99 Luftballons.mp3", "99 Luftballons"),
        ("50-50 Chance.mp3", "50-50 Chance"),
        ("(03) Blue Moon.mp3", "Blue Moon"),
        ("3.14 Pi.mp3", "3.14 Pi"),
        ("10 - 50-50.mp3", "50-50"),
        ("01 \N{EN DASH} Blue Moon.mp3", "Blue Moon"),
        ("12 \N{EM DASH} Blue Moon.mp3", "Blue Moon"),
        ("CD1-04 Blue Moon.mp3", "Blue Moon"),
        ("Disc 2 - 04 - Blue Moon.mp3", "Blue Moon"),
        ("CD Blue Moon.mp3", "CD Blue Moon"),
        ("Self-Esteem.mp3", "Self-Esteem"),
        ("1-800-273-8255.mp3", "1-800-273-8255"),
        ("9-5.mp3", "9-5"),
        ("01-a-blue-moon.mp3", "A blue moon"),
        ("01-02-Blue Moon.mp3", "Blue Moon"),
        ("01 - 99 Luftballons.mp3", "99 Luftballons"),
        ("01-99 Luftballons.mp3", "99 Luftballons"),
        ("01-02-2003 Live.mp3", "01-02-2003 Live"),
        ("06...Blue Moon.mp3", "...Blue Moon"),
        ("06 ...Blue Moon.mp3", "...Blue Moon"),
        ("06. ...Blue Moon.mp3", "...Blue Moon"),
        ("03\u3001Blue Moon.mp3", "Blue Moon"),
        ("12", "12"),
    ],
)
def test_a_file_without_tags_is_titled_by_its_name(tmp_path: Path, name: str, title: str) -> None:
    """No suffix, no track number, spaces for underscores."""
    assert readable_name(tmp_path / name) == title


@pytest.mark.parametrize("content", [b"", b"no audio at all", b"ID3\x04\x00\x00\xff\xff\xff\xff"])
def test_damaged_tags_leave_the_name(tmp_path: Path, content: bytes) -> None:
    """What mutagen cannot read does not stop the run."""
    path = tmp_path / "some_song.mp3"
    path.write_bytes(content)

    assert read_tags(path) == Tags("Some song")


def test_tags_hold_nothing_that_a_database_refuses(tmp_path: Path) -> None:
    """NUL, line breaks and endless values are cleaned."""
    path = encode(tmp_path / "a.flac", "flac")
    file = flac.FLAC(path)
    file["title"] = "one\0two\nthree"
    file["album"] = "x" * 100_000
    file["date"] = "recorded 12345678, remastered in 2003"
    file.save()

    tags = read_tags(path)

    assert tags.title == "one two three"
    assert tags.album is not None
    assert len(tags.album) <= 500
    assert tags.year == 2003


def test_the_walk_finds_audio_in_order_and_nothing_else(tmp_path: Path) -> None:
    """Every suffix in any case; no hidden folders, no remains of macOS, no other files."""
    names = ["b/2.MP3", "b/1.flac", "a/x.m4a", "z.aif", "a/y.txt", ".hidden/c.mp3", "b/._d.mp3"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")

    found = list(walk([tmp_path]))

    assert [file.path for file in found] == ["a/x.m4a", "b/1.flac", "b/2.MP3", "z.aif"]
    assert {file.root for file in found} == {str(tmp_path)}
    assert {file.size_bytes for file in found} == {5}
    assert found[0].mtime_ns == (tmp_path / "a/x.m4a").stat().st_mtime_ns


@pytest.mark.parametrize(
    "suffix", [".mp3", ".flac", ".wav", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac"]
)
def test_the_usual_suffixes_are_audio(suffix: str) -> None:
    """The formats that the project promises."""
    assert suffix in AUDIO_SUFFIXES


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither out of the root, nor in circles, nor to a second name of the same file."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret.mp3").write_bytes(b"x")
    (root / "song.mp3").write_bytes(b"x")
    (root / "out").symlink_to(outside)
    (root / "secret.mp3").symlink_to(outside / "secret.mp3")
    (root / "circle").symlink_to(root)
    (root / "again.mp3").symlink_to(root / "song.mp3")

    assert [file.path for file in walk([root])] == ["song.mp3"]


def test_roots_inside_each_other_are_walked_once(tmp_path: Path) -> None:
    """A file has one place in the catalogue."""
    write_tone(tmp_path / "a/b/song.wav")

    found = list(walk([tmp_path / "a/b", tmp_path / "a", tmp_path / "a/../a"]))

    assert [(file.root, file.path) for file in found] == [(str(tmp_path / "a"), "b/song.wav")]


def test_a_root_that_is_none_is_refused(tmp_path: Path) -> None:
    """A missing disk must not look like an empty one."""
    with pytest.raises(RootNotFoundError, match="gone"):
        list(walk([tmp_path / "gone"]))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RootNotFoundError, match="file"):
        list(walk([tmp_path / "file"]))


def test_a_folder_that_vanishes_is_reported(tmp_path: Path) -> None:
    """Whether it is gone the next listing of the folder above says; the walk goes on."""
    for name in ("a", "b", "c"):
        write_tone(tmp_path / name / "song.wav")
    report = WalkReport()
    found = []
    for file in walk([tmp_path], report):
        found.append(file.path)
        shutil.rmtree(tmp_path / "b", ignore_errors=True)

    assert found == ["a/song.wav", "c/song.wav"]
    assert list(report.unreadable) == [f"{tmp_path}/b/"]


def test_names_that_are_not_utf8_are_stored_and_found_again(tmp_path: Path) -> None:
    """Latin-1 names of old disks, and a name that looks like the escape itself."""
    names = [b"caf\xe9.mp3", b"back\\xe9slash.mp3", b"caf\xc3\xa9.mp3"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)

    found = list(walk([tmp_path]))

    assert {file.path for file in found} == {"caf\\xe9.mp3", "back\\\\xe9slash.mp3", "café.mp3"}
    assert {file.file.read_bytes() for file in found} == set(names)
    assert {read_tags(file.file).title for file in found} >= {"Caf\ufffd", "Café"}


@given(st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, 0x2F}))
def test_stored_names_are_text_and_lead_back(name: bytes) -> None:
    """Any file name survives the way into a database and back."""
    stored = stored_name(os.fsdecode(name))

    stored.encode("utf-8")
    assert os.fsencode(file_path("/root", stored)) == b"/root/" + name or name in {b".", b".."}


def test_content_is_named_by_its_bytes(tmp_path: Path) -> None:
    """BLAKE2b of 16 bytes, whatever the file's name."""
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    (tmp_path / "b").write_bytes(b"x" * 300_000)

    expected = hashlib.blake2b(b"x" * 300_000, digest_size=16).hexdigest()
    for name in ("a", "b"):
        with (tmp_path / name).open("rb") as file:
            assert content_id(file) == expected


def test_folding_forgets_case_and_accents() -> None:
    """What a listener types finds what a tag spells."""
    assert fold("Björk STRAẞE Ångström") == "bjork strasse angstrom"
    assert fold("Łódź Røyksopp Đorđe Æon ガ") == "lodz royksopp dorde aeon ガ"
    assert (
        fold("Jay\u2010Z a\u2011ha 1\u20132 12\u2032 \u201cDon\u2019t\u201d")
        == "jay-z a-ha 1-2 12' \"don't\""
    )


def test_joined_values_come_apart() -> None:
    """Several artists of one track are found one by one."""
    assert values_of("Ann; Bob") == ("Ann", "Bob")
    assert values_of(None) == ()


def test_the_address_is_the_whole_path() -> None:
    """Also below the root of the file system."""
    assert FoundFile("/", "a.mp3", 1, 1).address == "/a.mp3"
    assert FoundFile("/", "a.mp3", 1, 1).file == Path("/a.mp3")
    assert FoundFile("/music", "a/b.mp3", 1, 1).address == "/music/a/b.mp3"


def test_importing_the_library_opens_nothing() -> None:
    """No torch, no database: the walk is usable on its own."""
    code = "import sys, indexer.folders.files; print({'torch', 'sqlalchemy'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert output.stdout.strip() == b"set()"
