"""Pictures inside audio files."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.audio.pictures import MAX_PICTURE_BYTES, embedded_picture
from model.errors import UndecodableAudioError
from tests.pictures import BACK, BLUE, FRONT, RED, embed, picture
from tests.unit.encoded_audio import encoded, tone

CODECS = {
    ".flac": ("flac", "flac"),
    ".mp3": ("mp3", "libmp3lame"),
    ".m4a": ("mp4", "aac"),
    ".ogg": ("ogg", "vorbis"),
    ".opus": ("ogg", "libopus"),
}


def audio_file(folder: Path, suffix: str) -> Path:
    """A second of sound."""
    path = folder / f"tone{suffix}"
    path.write_bytes(encoded(tone(1.0, 48000, 440.0)[None], 48000, *CODECS[suffix]))
    return path


@pytest.mark.parametrize("suffix", list(CODECS))
def test_the_picture_of_each_kind_of_file_is_found(tmp_path: Path, suffix: str) -> None:
    """Byte for byte as it was put in; a file without one has none."""
    path = audio_file(tmp_path, suffix)
    assert embedded_picture(path) is None
    content = picture()

    embed(path, (FRONT, content))

    assert embedded_picture(path) == content


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".opus"])
def test_the_front_cover_goes_first(tmp_path: Path, suffix: str) -> None:
    """Whatever else stands before it."""
    path = audio_file(tmp_path, suffix)
    front = picture(BLUE)

    embed(path, (BACK, picture(RED)), (FRONT, front))

    assert embedded_picture(path) == front


def test_a_file_that_is_no_audio_is_refused(tmp_path: Path) -> None:
    """With the decoder's reason, like audio itself."""
    path = tmp_path / "text.mp3"
    path.write_bytes(b"this is text, not music\n" * 100)

    with pytest.raises(UndecodableAudioError, match=r"cannot read the picture of text\.mp3"):
        embedded_picture(path)
    with pytest.raises(UndecodableAudioError, match="No such file"):
        embedded_picture(tmp_path / "none.mp3")


def test_a_huge_picture_is_left_inside(tmp_path: Path) -> None:
    """One byte more than is taken; one that ends beyond what is read of the file ends the file."""
    path = audio_file(tmp_path, ".mp3")

    def with_picture(size_bytes: int) -> Path:
        embed(path, (FRONT, b"\xff\xd8\xff\xe0" + bytes(size_bytes - 4)))
        return path

    assert len(embedded_picture(with_picture(MAX_PICTURE_BYTES)) or b"") == MAX_PICTURE_BYTES
    assert embedded_picture(with_picture(MAX_PICTURE_BYTES + 1)) is None
    with pytest.raises(UndecodableAudioError, match="Invalid data"):
        embedded_picture(with_picture(3 * MAX_PICTURE_BYTES))


def test_a_cut_off_picture_does_no_harm(tmp_path: Path) -> None:
    """Whatever part of the file is there, it is a picture, none, or a refusal."""
    path = audio_file(tmp_path, ".flac")
    embed(path, (FRONT, picture(width=800)))
    whole = path.read_bytes()

    for end in range(4, len(whole), len(whole) // 40):
        path.write_bytes(whole[:end])
        try:
            found = embedded_picture(path)
        except UndecodableAudioError:
            continue
        assert found is None or len(found) <= len(picture(width=800))
