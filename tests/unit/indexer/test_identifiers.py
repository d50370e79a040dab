"""What names a recording: from tags of every format, and from folders where tags are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen import aiff, asf, flac, id3, mp3, mp4, oggopus, oggvorbis, wave

from indexer.folders.files import read_tags
from indexer.folders.identifiers import Identifiers, Placed, placed
from tests.catalogue import write_tone
from tests.unit.indexer.test_files import FORMATS, encode

RECORDING, TRACK, RELEASE, ANN, BOB, BAND = (
    f"{n}0000000-0000-4000-8000-000000000000" for n in "123456"
)
EXPECTED = Identifiers(
    recording_mbid=RECORDING,
    track_mbid=TRACK,
    release_mbid=RELEASE,
    artist_mbids=(ANN, BOB),
    album_artist_mbids=(BAND,),
    isrcs=("GBAYE6800011",),
    album_artist="The Band",
    track_number=7,
    disc_number=2,
    compilation=True,
)
VORBIS = {
    "artist": ["Ann feat. Bob"],
    "artists": ["Ann", "Bob"],
    "albumartist": ["The Band"],
    "tracknumber": ["7"],
    "discnumber": ["2"],
    "compilation": ["1"],
    "isrc": ["GBAYE6800011"],
    "musicbrainz_trackid": [RECORDING],
    "musicbrainz_releasetrackid": [TRACK],
    "musicbrainz_albumid": [RELEASE],
    "musicbrainz_artistid": [ANN, BOB],
    "musicbrainz_albumartistid": [BAND],
}
FRAMES = [
    id3.TPE1(3, ["Ann feat. Bob"]),
    id3.TPE2(3, ["The Band"]),
    id3.TRCK(3, ["7/12"]),
    id3.TPOS(3, ["2/2"]),
    id3.TCMP(3, ["1"]),
    id3.TSRC(3, ["GB-AYE-68-00011"]),
    id3.UFID("http://musicbrainz.org", RECORDING.encode()),
    id3.TXXX(3, "ARTISTS", ["Ann", "Bob"]),
    id3.TXXX(3, "MusicBrainz Release Track Id", [TRACK]),
    id3.TXXX(3, "MusicBrainz Album Id", [RELEASE]),
    id3.TXXX(3, "MusicBrainz Artist Id", [ANN, BOB]),
    id3.TXXX(3, "MusicBrainz Album Artist Id", [BAND]),
]
FREEFORM = {
    "ARTISTS": ["Ann", "Bob"],
    "ISRC": ["GBAYE6800011"],
    "MusicBrainz Track Id": [RECORDING],
    "MusicBrainz Release Track Id": [TRACK],
    "MusicBrainz Album Id": [RELEASE],
    "MusicBrainz Artist Id": [ANN, BOB],
    "MusicBrainz Album Artist Id": [BAND],
}
ASF = {
    "Author": ["Ann feat. Bob"],
    "WM/ARTISTS": ["Ann", "Bob"],
    "WM/AlbumArtist": ["The Band"],
    "WM/TrackNumber": ["7"],
    "WM/PartOfSet": ["2"],
    "WM/IsCompilation": ["1"],
    "WM/ISRC": ["GBAYE6800011"],
    "MusicBrainz/Track Id": [RECORDING],
    "MusicBrainz/Release Track Id": [TRACK],
    "MusicBrainz/Album Id": [RELEASE],
    "MusicBrainz/Artist Id": [ANN, BOB],
    "MusicBrainz/Album Artist Id": [BAND],
}


def tag(path: Path) -> None:
    """Write EXPECTED as MusicBrainz Picard does in this format."""
    kinds: dict[str, Any] = {
        ".flac": flac.FLAC,
        ".ogg": oggvorbis.OggVorbis,
        ".opus": oggopus.OggOpus,
        ".mp3": mp3.MP3,
        ".wav": wave.WAVE,
        ".aiff": aiff.AIFF,
        ".m4a": mp4.MP4,
        ".wma": asf.ASF,
    }
    file = kinds[path.suffix](path)
    if path.suffix in {".flac", ".ogg", ".opus"}:
        file.update(VORBIS)
    elif path.suffix in {".mp3", ".wav", ".aiff"}:
        if file.tags is None:
            file.add_tags()
        for frame in FRAMES:
            file.tags.add(frame)
    elif path.suffix == ".m4a":
        file["\xa9ART"], file["aART"], file["cpil"] = ["Ann feat. Bob"], ["The Band"], True
        file["trkn"], file["disk"] = [(7, 12)], [(2, 2)]
        for name, values in FREEFORM.items():
            file[f"----:com.apple.iTunes:{name}"] = [mp4.MP4FreeForm(v.encode()) for v in values]
    else:
        file.update(ASF)
    file.save()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_identifiers_of_every_format_read_the_same(tmp_path: Path, suffix: str) -> None:
    """Each format has keys of its own; they come out as one."""
    path = encode(tmp_path / f"file{suffix}", FORMATS[suffix])
    tag(path)

    tags = read_tags(path, "Somebody/Something/01 - Else.x")

    assert tags.identifiers == replace(EXPECTED, inferred=("album",))
    assert tags.artist == "Ann; Bob"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Ann/Blue/07 - Late.mp3", Placed("Ann", "Blue", 7, None)),
        ("music/Ann/Blue/07. Late.mp3", Placed("Ann", "Blue", 7, None)),
        ("Ann/Blue/CD 2/07 Late.mp3", Placed("Ann", "Blue", 7, 2)),
        ("Ann/Blue/07 Late.mp3", Placed("Ann", "Blue", 7, None)),
        ("Ann/Blue/2-12 Late.mp3", Placed("Ann", "Blue", 12, 2)),
        ("Ann/Blue/02-12. Late.mp3", Placed("Ann", "Blue", 12, 2)),
        ("Ann/Blue/07-Late.mp3", Placed("Ann", "Blue", 7, None)),
        ("Ann/Blue/01-02-2003 Late.mp3", Placed()),
        ("Ann/Blue/01 - 99 Luftballons.mp3", Placed("Ann", "Blue", 1, None)),
        ("Ann/Blue/07\u3001Late.mp3", Placed("Ann", "Blue", 7, None)),
        ("Ann/Blue/1.5 Miles.mp3", Placed()),
        ("Ann/Blue/CD 2/07_Late.mp3", Placed("Ann", "Blue", 7, 2)),
        ("Ann/Blue/CD 2 - Live/07_Late.mp3", Placed("Ann", "Blue", 7, 2)),
        ("Ann/Blue/Disc 2 (bonus)/07_Late.mp3", Placed("Ann", "Blue", 7, 2)),
        ("Ann/Disco 2000/07_Late.mp3", Placed("Ann", "Disco 2000", 7, None)),
        ("Ann/Blue/2-07 - Late.mp3", Placed("Ann", "Blue", 7, 2)),
        ("The_Ann/Deep_Blue/07 - Late.mp3", Placed("The Ann", "Deep Blue", 7, None)),
        ("Blue/07 - Late.mp3", Placed(None, None, 7, None)),
        ("Ann/Blue/07 \N{EN DASH} Late.mp3", Placed("Ann", "Blue", 7, None)),
        ("Ann/Blue/07.mp3", Placed("Ann", "Blue", 7, None)),
        ("Ann/Blue/2-07.mp3", Placed("Ann", "Blue", 7, 2)),
        ("Ann/Blue/9-5.mp3", Placed()),
        ("Ann/Blue/50-50.mp3", Placed()),
        ("07 - Late.mp3", Placed(None, None, 7, None)),
        ("Rock/1999/song.mp3", Placed()),
        ("Ann/Blue/99 Luftballons.mp3", Placed()),
    ],
)
def test_a_path_says_what_its_form_says(path: str, expected: Placed) -> None:
    """`Artist/Album/NN - Title` and its near kin; anything else says nothing."""
    assert placed(path) == expected


def test_folders_say_what_tags_do_not(tmp_path: Path) -> None:
    """What comes from the path is marked; what tags say stays."""
    below = "Ann/Blue/07 - Late.wav"
    path = write_tone(tmp_path / below)
    file = wave.WAVE(path)
    file.add_tags()
    file.tags.add(id3.TALB(3, ["Azure"]))
    file.save()

    tags = read_tags(path, below)

    assert (tags.title, tags.artist, tags.album) == ("Late", "Ann", "Azure")
    assert tags.identifiers == Identifiers(track_number=7, inferred=("artist", "track_number"))


texts = st.lists(st.text(min_size=1, max_size=8), max_size=3).map(tuple)


@given(
    st.builds(
        Identifiers,
        recording_mbid=st.none() | st.text(min_size=1),
        artist_mbids=texts,
        isrcs=texts,
        track_number=st.none() | st.integers(1, 99),
        compilation=st.booleans(),
    )
)
def test_identifiers_come_back_from_json(identifiers: Identifiers) -> None:
    """Whatever is known is kept, and nothing takes no room."""
    text = identifiers.to_json()

    assert Identifiers.from_json(text) == identifiers
    assert (text is None) == (identifiers == Identifiers())
