"""Mood tags in real files of every format: the audio stays, other tags stay, all is undone."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen
import pytest
from mutagen import flac, id3, mp3

from app.errors import InvalidRequestError
from app.library.live import Live
from app.tagging import fields
from app.tagging.audio_digest import audio_digest
from app.tagging.writing import UNDO, Tagger, undo_all
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.errors import IndexerError
from indexer.folders.files import content_id
from indexer.runs.indexer import Indexer
from tests.fakes import FakeModel
from tests.integration.players.live import live_of
from tests.unit.indexer.test_files import FORMATS, encode, tag

MANY = 2000


@dataclass
class Tagged:
    """A folder of music with its catalogue, to be tagged."""

    folder: Path
    catalog: Catalog
    model: FakeModel

    @property
    def music(self) -> Path:
        """Where the files lie."""
        return self.folder / "music"

    def index(self) -> Any:
        """Run over the folder."""
        return Indexer(self.catalog, self.model, self.folder).run([self.music])

    def live(self) -> Live:
        """The snapshot that answers."""
        return live_of(self.catalog, self.folder, self.model)

    def write(self, **options: bool) -> int:
        """Tag everything; how many files were."""
        tagger = Tagger(self.live(), self.catalog, self.folder, self.music)
        plans = [plan for plan in tagger.planned() if plan.is_new]
        for plan in plans:
            tagger.write(plan, **{"keep_times": False, **options})
        return len(plans)

    def files(self) -> list[Path]:
        """Every file."""
        return sorted(path for path in self.music.rglob("*") if path.is_file())


def hashed(path: Path) -> str:
    """The content's name of a file."""
    with path.open("rb") as file:
        return content_id(file)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Tagged]:
    """One tagged file of each format, indexed, and an MP3 that has no tags at all."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'circumplex.db'}")
    made = Tagged(tmp_path, catalog, FakeModel())
    made.music.mkdir()
    for suffix, codec in FORMATS.items():
        tag(encode(made.music / f"tagged{suffix}", codec, 0.8))
    bare = encode(made.music / "bare.mp3", FORMATS[".mp3"], 0.8)
    mp3.MP3(bare).delete(bare)
    made.index()
    yield made
    catalog.close()


def test_every_format_is_tagged_and_undone(library: Tagged) -> None:
    """Audio and other tags are the same after each step; ours come and go."""
    audio = {path: audio_digest(path) for path in library.files()}
    other = {path: fields.others(fields.opened(path)) for path in library.files()}

    count = library.write()
    written = {path: fields.read(fields.opened(path)) for path in audio}
    audio_written = {path: audio_digest(path) for path in audio}
    other_written = {path: fields.others(fields.opened(path)) for path in audio}
    done, lost = undo_all(library.catalog, library.folder)

    assert count == len(FORMATS) + 1
    assert all(value for values in written.values() for value in values.values())
    assert (audio_written, other_written) == (audio, other)
    assert (done, lost) == (len(audio), [])
    assert {path: audio_digest(path) for path in audio} == audio
    assert {path: fields.others(fields.opened(path)) for path in audio} == other
    assert all(
        value is None for path in audio for value in fields.read(fields.opened(path)).values()
    )
    assert not (library.folder / UNDO).exists()


def test_odd_files_do_not_end_the_tagging(library: Tagged) -> None:
    """Names that are no UTF-8 come back; tags that are none, and kinds without tags, are left."""
    named = library.music / os.fsdecode(b"caf\xe9 \xe2\x80\xa8.flac")  # with a separator of lines
    shutil.copy(library.music / "tagged.flac", named)
    latin = library.music / "latin.flac"
    file = flac.FLAC(shutil.copy(library.music / "tagged.flac", latin))
    file["comment"] = "M_nage"
    file.save()
    latin.write_bytes(latin.read_bytes().replace(b"M_nage", b"M\xe9nage"))
    info = library.music / "info.wav"
    text = struct.pack("<4sI4s4sI8s", b"LIST", 20, b"INFO", b"INAM", 7, b"M\xe9nage\0\0")
    body = (library.music / "tagged.wav").read_bytes()[8:] + text
    info.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    bare = encode(library.music / "bare.ac3", "ac3", 0.8)
    odd = {path: path.read_bytes() for path in (latin, bare, named, info)}
    library.index()
    tagger = Tagger(library.live(), library.catalog, library.folder, library.music)
    plans = {plan.path: plan for plan in tagger.planned()}

    with pytest.raises(InvalidRequestError, match="no UTF-8"):
        tagger.write(plans[latin], keep_times=False)
    for path in (named, info):
        tagger.write(plans[path], keep_times=False)
        assert fields.read(fields.opened(path))[fields.MOOD]
    undo_all(library.catalog, library.folder)

    assert bare not in plans
    assert {path: path.read_bytes() for path in (latin, bare)} == {p: odd[p] for p in (latin, bare)}
    assert fields.read(fields.opened(named))[fields.MOOD] is None


def frames_of(path: Path) -> dict[str, str]:
    """The frames of an ID3 tag as they are written, ours left out."""
    tags = id3.ID3(path, translate=False)
    known = {key: repr(frame) for key, frame in tags.items()}
    unknown = {str(at): repr(each) for at, each in enumerate(tags.unknown_frames)}
    mine = (fields.VALENCE, fields.AROUSAL, "TMOO")
    return {k: v for k, v in (known | unknown).items() if not k.endswith(mine)}


def test_frames_of_older_id3_stay_as_they_are(library: Tagged) -> None:
    """Such as ID3v2.3's year, which players of that version read, and adjustments of volume."""
    path = library.music / "old.mp3"
    frames = b"".join(
        name + struct.pack(">IH", len(data), 0) + data
        for name, data in (
            *((b"TIT2", b"\0A"), (b"TYER", b"\x001999"), (b"TDAT", b"\x000504")),
            *((b"TORY", b"\x001973"), (b"IPLS", b"\0a\0b"), (b"XSOP", b"\0x")),
            *((b"TCON", b"\0(17)"), (b"RVAD", b"\0\x10\0\0"), (b"ZZZZ", b"whatever")),
        )
    )
    head = b"ID3\x03\0\0\0\0" + bytes([len(frames) >> 7, len(frames) & 127])
    path.write_bytes(head + frames + (library.music / "bare.mp3").read_bytes())
    before = frames_of(path)
    library.index()

    library.write()
    written, moods = frames_of(path), fields.read(fields.opened(path))[fields.MOOD]
    undo_all(library.catalog, library.folder)

    assert {"TYER", "TDAT", "TORY", "0"} <= set(before)
    assert written == frames_of(path) == before
    assert moods
    assert id3.ID3(path).version[:2] == (2, 3)


def test_what_was_there_comes_back(library: Tagged) -> None:
    """A mood that the listener wrote, and the time stamp."""
    path = library.music / "tagged.mp3"
    file = mp3.MP3(path)
    file.tags.add(id3.TMOO(3, ["my own word"]))
    file.save()
    library.index()
    before = path.stat().st_mtime_ns

    library.write()
    between = mp3.MP3(path).tags["TMOO"].text
    undo_all(library.catalog, library.folder)

    assert between != ["my own word"]
    assert mp3.MP3(path).tags["TMOO"].text == ["my own word"]
    assert path.stat().st_mtime_ns == before


def test_nothing_is_taken_for_changed_music(library: Tagged) -> None:
    """The next run reads no file, and the one after a move knows each file again."""
    analysed = library.model.analysed
    ids = {track.path: track.id for track in library.catalog.published_tracks()}

    library.write()
    summary = library.index()
    library.music.joinpath("tagged.flac").rename(library.music / "moved.flac")
    moved = library.index()
    after = {track.path: track.id for track in library.catalog.published_tracks()}

    assert (summary.files_read, summary.wrote_snapshot) == (0, False)
    assert moved.files_decoded == 0
    assert library.model.analysed == analysed
    assert after["moved.flac"] == ids["tagged.flac"]


def test_time_stamps_are_kept_when_asked_for(library: Tagged) -> None:
    """And only then."""
    path = library.music / "tagged.ogg"
    before = path.stat().st_mtime_ns

    library.write(keep_times=True)

    assert path.stat().st_mtime_ns == before
    assert fields.read(fields.opened(path))[fields.MOOD]


def test_tagging_twice_writes_nothing_new(library: Tagged) -> None:
    """What a file says already is left alone."""
    library.write()

    assert library.write() == 0


def test_two_thousand_tracks_are_tagged_and_undone(tmp_path: Path) -> None:
    """Audio and other tags are equal in all of them; no run analyses anything again."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'circumplex.db'}")
    library = Tagged(tmp_path, catalog, FakeModel())
    library.music.mkdir()
    template = encode(tmp_path / "template.mp3", FORMATS[".mp3"], 0.8)
    for number in range(MANY):
        path = library.music / f"{number:04d}.mp3"
        shutil.copy(template, path)
        file = mutagen.File(path, easy=True)
        file["title"], file["artist"] = f"Song {number}", f"Artist {number % 50}"
        file.save()
    library.index()
    analysed = library.model.analysed
    audio = audio_digest(template)
    other = [fields.others(fields.opened(path)) for path in library.files()]

    tagged = library.write()
    audio_written = {audio_digest(path) for path in library.files()}
    other_written = [fields.others(fields.opened(path)) for path in library.files()]
    second = library.index()
    done, lost = undo_all(catalog, tmp_path)
    third = library.index()

    assert (tagged, done, lost) == (MANY, MANY, [])
    assert audio_written == {audio} == {audio_digest(path) for path in library.files()}
    assert other_written == other
    assert [fields.others(fields.opened(path)) for path in library.files()] == other
    assert (second.files_read, third.files_read) == (0, 0)
    assert library.model.analysed == analysed
    hashes = {track.content_id for track in catalog.published_tracks()}
    assert hashes == {hashed(path) for path in library.files()}
    catalog.close()


def test_a_run_under_way_is_not_disturbed(library: Tagged) -> None:
    """Tagging waits for it with a word."""
    from app.errors import ConflictError

    library.catalog.create_run([str(library.music)])

    with pytest.raises((ConflictError, IndexerError), match="under way"):
        library.write()
