"""Tags that stand where readers of one format do not look."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from mutagen.apev2 import APEv2

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
