"""Tags that stand where readers of one format do not look."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC
from mutagen.mp4 import MP4

from indexer.folders.files import read_tags

METADATA = {"title": "Blå tid", "artist": "Ann", "album": "The Album", "genre": "Folk"}
METADATA |= {"date": "19870501"}


def write(path: Path, container: str, codec: str, *, tagged: bool = True) -> Path:
    """Half a second of noise with METADATA, in a container that need not fit the name."""
    rate = 48_000
    noise = np.random.default_rng(0).normal(0, 0.1, (2, rate // 2)).astype(np.float32)
    options = {"write_id3v2": "1"} if container in ("adts", "aiff") else {}
    with av.open(str(path), "w", format=container, options=options) as file:
        file.metadata.update(METADATA if tagged else {})
        stream = file.add_stream(codec, rate=rate, layout="stereo", options={"strict": "-2"})
        resampler = av.AudioResampler(stream.format, "stereo", rate, stream.frame_size or None)
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("a.wv", "wv", "wavpack"),
        ("a.tta", "tta", "tta"),
        ("a.mka", "matroska", "flac"),
        ("a.webm", "webm", "libopus"),
        ("a.caf", "caf", "alac"),
        ("a.wav", "wav", "pcm_s16le"),
        ("a.aac", "adts", "aac"),
        ("a.m4b", "ipod", "aac"),
        ("mp3-called.flac", "mp3", "mp3"),
        ("matroska-called.mp3", "matroska", "flac"),
    ],
)
def test_tags_are_read_whatever_holds_them(
    tmp_path: Path, name: str, container: str, codec: str
) -> None:
    """Also where the suffix names another format."""
    tags = read_tags(write(tmp_path / name, container, codec))

    assert (tags.title, tags.artist, tags.album) == ("Blå tid", "Ann", "The Album")
    assert (tags.genre, tags.year) == ("Folk", 1987)


def test_apev2_after_an_mp3_is_read(tmp_path: Path) -> None:
    """With several artists; the tag stands at the file's end."""
    path = write(tmp_path / "a.mp3", "mp3", "mp3", tagged=False)
    tags = APEv2()
    tags["Title"], tags["Artist"], tags["Year"] = "Blå tid", ["Ann", "Bob"], "1987"
    tags.save(path)

    found = read_tags(path)

    assert (found.title, found.artist, found.year) == ("Blå tid", "Ann; Bob", 1987)


@pytest.mark.parametrize(("container", "codec"), [("wv", "wavpack"), ("tta", "tta")])
def test_numbers_of_apev2_are_read(tmp_path: Path, container: str, codec: str) -> None:
    """APEv2 calls them Track, Disc and Album Artist, whatever else the file says."""
    path = write(tmp_path / f"a.{container}", container, codec, tagged=False)
    tags = APEv2()
    tags["Title"], tags["Artist"], tags["Album Artist"] = "A", "Ann", "Ann and Bob"
    tags["Track"], tags["Disc"] = "3/12", "2"
    tags.save(path)

    found = read_tags(path).identifiers

    assert (found.track_number, found.disc_number) == (3, 2)
    assert found.album_artist == "Ann and Bob"


def test_a_field_has_one_name_however_a_tagger_spells_it(tmp_path: Path) -> None:
    """Described ID3 frames and Vorbis comments alike."""
    spelt = {"ALBUM_ARTIST": "Ann and Bob", "Original Year": "1973", "Compilation": "yes"}
    spelt |= {"MusicBrainz_TrackId": "10000000-0000-4000-8000-000000000000"}
    frames = id3.ID3()
    frames.add(id3.TIT2(3, ["A"]))
    frames.add(id3.TPE1(3, ["Ann"]))
    for name, value in spelt.items():
        frames.add(id3.TXXX(3, name, [value]))
    frames.save(mp3 := write(tmp_path / "a.mp3", "mp3", "mp3", tagged=False))
    file = FLAC(flac := write(tmp_path / "a.flac", "flac", "flac", tagged=False))
    file.update({"title": "A", "artist": "Ann", **spelt})
    file.save()

    for found in (read_tags(mp3), read_tags(flac)):
        said = found.identifiers
        assert (found.year, said.album_artist, said.compilation) == (1973, "Ann and Bob", True)
        assert said.recording_mbid == spelt["MusicBrainz_TrackId"]


def test_freeform_fields_of_mp4_are_read_in_any_case(tmp_path: Path) -> None:
    """Mp3tag, Picard and iTunes spell them differently."""
    path = write(tmp_path / "a.m4a", "ipod", "aac")
    file: Any = MP4(path)
    file["----:com.apple.iTunes:Artists"] = [b"Ann", b"Bob"]
    file["----:org.example:ISRC"] = [b"GBAYE6800011"]
    file.save()

    found = read_tags(path)

    assert (found.artist, found.identifiers.isrcs) == ("Ann; Bob", ("GBAYE6800011",))


def test_id3_before_flac_and_what_one_kind_lacks_are_read(tmp_path: Path) -> None:
    """The file's own comments go first."""
    path = write(tmp_path / "a.flac", "flac", "flac", tagged=False)
    file = FLAC(path)
    file["title"] = "Blå tid"
    file.save()
    content = path.read_bytes()
    frames = id3.ID3()
    frames.add(id3.TIT2(3, ["Another"]))
    frames.add(id3.TPE1(3, ["Ann"]))
    frames.save(path)
    path.write_bytes(path.read_bytes()[: -len(content)] + content)

    found = read_tags(path)

    assert (found.title, found.artist) == ("Blå tid", "Ann")


def test_riff_info_of_windows_is_read_with_its_accents(tmp_path: Path) -> None:
    """It says no character set; FFmpeg takes it for UTF-8."""
    path = write(tmp_path / "a.wav", "wav", "pcm_s16le", tagged=False)
    fields = ((b"INAM", "Ménage".encode("cp1252")), (b"IART", "Björk".encode("cp1252")))
    texts = b"".join(
        name + struct.pack("<I", len(t) + 1) + t + b"\0" * (1 + (len(t) + 1) % 2)
        for name, t in fields
    )
    chunk = b"LIST" + struct.pack("<I", 4 + len(texts)) + b"INFO" + texts
    body = path.read_bytes()[8:] + chunk
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)

    found = read_tags(path)

    assert (found.title, found.artist) == ("Ménage", "Björk")


def test_comments_that_are_no_utf8_keep_their_letters(tmp_path: Path) -> None:
    """Old taggers wrote Vorbis comments in the set of their machine."""
    path = write(tmp_path / "a.flac", "flac", "flac", tagged=False)
    file = FLAC(path)
    file.update({"title": "M_nage", "artist": "Ann"})
    file.save()
    path.write_bytes(path.read_bytes().replace(b"M_nage", b"M\xe9nage"))

    assert read_tags(path).title == "Ménage"


def test_apev2_goes_before_the_thirty_characters_of_id3v1(tmp_path: Path) -> None:
    """Both stand at the end of an MP3 file that has no ID3v2."""
    path = write(tmp_path / "a.mp3", "mp3", "mp3", tagged=False)
    tags = APEv2()
    tags["Title"] = title = "A title that is longer than thirty characters"
    tags.save(path)
    old = b"TAG" + title.encode()[:30] + b"Ann".ljust(30, b"\0") + b"\0" * 30 + b"1987" + b"\0" * 31
    path.write_bytes(path.read_bytes() + old)

    found = read_tags(path)

    assert (found.title, found.artist, found.year) == (title, "Ann", 1987)


def test_dates_of_id3_that_are_none_keep_their_year(tmp_path: Path) -> None:
    """As downloaders write them; mutagen reads no such frame."""
    path = write(tmp_path / "a.mp3", "mp3", "mp3", tagged=False)
    frames = b"".join(
        name + struct.pack(">IH", len(text) + 1, 0) + b"\0" + text
        for name, text in ((b"TIT2", b"A"), (b"TPE1", b"Ann"), (b"TYER", b"20010203"))
    )
    path.write_bytes(b"ID3\x03\0\0\0\0\0" + bytes([len(frames)]) + frames + path.read_bytes())

    found = read_tags(path)

    assert (found.title, found.artist, found.year) == ("A", "Ann", 2001)


def test_a_track_has_one_title_and_album(tmp_path: Path) -> None:
    """The first where tags hold several; a number of many digits counts nothing."""
    path = write(tmp_path / "a.flac", "flac", "flac", tagged=False)
    file = FLAC(path)
    file.update({"title": ["A", "B"], "album": ["C", "D"], "tracknumber": "20010105"})
    file.save()

    found = read_tags(path)

    assert (found.title, found.album, found.identifiers.track_number) == ("A", "C", None)
