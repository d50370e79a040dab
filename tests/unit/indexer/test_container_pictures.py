"""Pictures in tags that FFmpeg passes by."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3
from mutagen.oggvorbis import OggVorbis

from indexer.folders.container_pictures import tagged_picture
from model.audio.pictures import MAX_PICTURE_BYTES, embedded_picture
from tests.pictures import BLUE, RED, picture
from tests.unit.model.audio.test_pictures import audio_file

BACK, FRONT, OTHER, ICON = picture(RED), picture(BLUE), picture(BLUE, 40), picture(RED, 32)


@pytest.mark.parametrize("mime", ["", "image/pjpeg", "image/", "None", "application/octet-stream"])
@pytest.mark.parametrize("suffix", [".mp3", ".flac"])
def test_a_picture_of_an_odd_media_type_is_found(tmp_path: Path, suffix: str, mime: str) -> None:
    """Downloaders leave it out or write what is none; FFmpeg passes over such pictures."""
    path = audio_file(tmp_path, suffix)
    if suffix == ".mp3":
        tags = ID3()
        tags.add(APIC(mime=mime, type=4, desc="a", data=BACK))
        tags.add(APIC(mime=mime, type=3, desc="b", data=FRONT))
        tags.save(path)
    else:
        file = FLAC(path)
        for kind, data in ((4, BACK), (3, FRONT)):
            block = Picture()
            block.type, block.mime, block.data = kind, mime, data
            file.add_picture(block)
        file.save()

    assert embedded_picture(path) is None
    assert tagged_picture(path) == FRONT


def test_pictures_of_apev2_and_of_old_comments_are_found(tmp_path: Path) -> None:
    """APEv2 after MP3, and what Ogg had before METADATA_BLOCK_PICTURE."""
    mp3, ogg = audio_file(tmp_path, ".mp3"), audio_file(tmp_path, ".ogg")
    tags = APEv2()
    tags["Cover Art (Back)"] = APEBinaryValue(b"back.jpg\0" + BACK)
    tags["Cover Art (Front)"] = APEBinaryValue(b"front.jpg\0" + FRONT)
    tags.save(mp3)
    file = OggVorbis(ogg)
    file["coverart"] = [base64.b64encode(FRONT).decode()]
    file.save()

    assert (tagged_picture(mp3), tagged_picture(ogg)) == (FRONT, FRONT)


def test_an_icon_is_no_cover_while_there_is_another(tmp_path: Path) -> None:
    """Both ways to find a picture rank it last."""
    path = audio_file(tmp_path, ".mp3")
    tags = ID3()
    tags.add(APIC(mime="image/jpeg", type=1, desc="a", data=ICON))
    tags.add(APIC(mime="image/jpeg", type=0, desc="b", data=OTHER))
    tags.save(path)

    assert embedded_picture(path) == tagged_picture(path) == OTHER


def test_damaged_tags_and_huge_pictures_are_none(tmp_path: Path) -> None:
    """As no tags are."""
    path = audio_file(tmp_path, ".mp3")
    assert tagged_picture(path) is None
    tags = ID3()
    tags.add(APIC(mime="", type=3, desc="", data=bytes(MAX_PICTURE_BYTES + 1)))
    tags.save(path)
    assert tagged_picture(path) is None

    path.write_bytes(path.read_bytes()[:1000])

    assert tagged_picture(path) is None
