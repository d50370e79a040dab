"""Walking folders that cannot all be looked at, with entries of all kinds."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.library.audio_files import MEDIA_TYPES
from indexer.folders.walk import (
    AUDIO_SUFFIXES,
    BLANK,
    HIDDEN,
    LINKS,
    OF_THE_SYSTEM,
    UNFINISHED,
    DirectoryEntry,
    WalkReport,
    list_folder,
    walk,
)
from tests.catalogue import write_tone


class Unreadable:
    """An entry whose status cannot be read."""

    def __init__(self, entry: DirectoryEntry, number: int) -> None:
        self._entry, self._number = entry, number
        self.name, self.path = entry.name, entry.path

    def is_symlink(self) -> bool:
        """As the entry."""
        return self._entry.is_symlink()

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """As the entry."""
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """As the entry."""
        return self._entry.is_file(follow_symlinks=follow_symlinks)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Fail."""
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOENT])
def test_a_file_that_cannot_be_looked_at_is_reported(tmp_path: Path, number: int) -> None:
    """It is not silently left out, as one that is gone would be."""
    for name in ("a.wav", "b.wav"):
        write_tone(tmp_path / name)
    report = WalkReport()

    def listing(folder: str) -> Sequence[DirectoryEntry]:
        return [Unreadable(e, number) if e.name == "a.wav" else e for e in list_folder(folder)]

    found = list(walk([tmp_path], report, list_entries=listing))

    assert [file.path for file in found] == ["b.wav"]
    assert report.unreadable == {f"{tmp_path}/a.wav": os.strerror(number)}
    assert not report.could_look_at(f"{tmp_path}/a.wav")
    assert report.could_look_at(f"{tmp_path}/b.wav")


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ENOTCONN])
def test_nothing_below_a_folder_that_cannot_be_listed_is_gone(tmp_path: Path, number: int) -> None:
    """However deep it lies."""
    write_tone(tmp_path / "a/b/one.wav")
    write_tone(tmp_path / "ab/two.wav")
    report = WalkReport()

    def listing(folder: str) -> Sequence[DirectoryEntry]:
        if folder.endswith("/a"):
            raise OSError(number, os.strerror(number))
        return list_folder(folder)

    found = [file.path for file in walk([tmp_path], report, list_entries=listing)]

    assert found == ["ab/two.wav"]
    assert not report.could_look_at(f"{tmp_path}/a/b/one.wav")
    assert report.could_look_at(f"{tmp_path}/ab/two.wav")


def test_names_that_begin_with_dots_are_names(tmp_path: Path) -> None:
    """A hidden folder has one dot; what macOS leaves begins with `._`."""
    for name in ("...And Ever/a.wav", "..b.wav", ".45.wav", ".hidden/c.wav", "._d.wav"):
        write_tone(tmp_path / name)
    report = WalkReport()

    found = [file.path for file in walk([tmp_path], report)]

    assert found == ["...And Ever/a.wav", "..b.wav", ".45.wav"]
    assert report.passed[HIDDEN] == 2


def test_what_a_system_keeps_for_itself_is_no_music(tmp_path: Path) -> None:
    """What was deleted lies there, and each song once more for each old state."""
    kept = ("Coulton/lost+found/a.wav", "Trash/b.wav", "#1 Hits/c.wav", "@ Home/d.wav")
    passed = ("$Recycle.Bin/a.wav", "Ann/#recycle/b.wav", "#snapshot/1/c.wav", "Ann/@eaDir/d.wav")
    for name in (*kept, *passed, "lost+found/e.wav", "Ann/__MACOSX/f.wav"):
        write_tone(tmp_path / name)
    report = WalkReport()

    found = [file.path for file in walk([tmp_path], report)]

    assert found == sorted(kept)
    assert report.passed[OF_THE_SYSTEM] == 6


def test_names_that_end_in_a_blank_are_reported(tmp_path: Path) -> None:
    """Nobody sees why such a file is no music."""
    write_tone(tmp_path / "a.wav ")
    report = WalkReport()

    assert list(walk([tmp_path], report)) == []
    assert report.named[BLANK] == [f"{tmp_path}/a.wav "]


def test_what_is_walked_has_a_media_type() -> None:
    """So that it can be played too."""
    assert set(MEDIA_TYPES) == AUDIO_SUFFIXES


def test_what_is_passed_over_is_counted_and_named(tmp_path: Path) -> None:
    """Links, formats that are not read, sheets that cut albums, things that are no files."""
    write_tone(tmp_path / "a.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    (tmp_path / "Album").symlink_to(tmp_path)
    for name in ("song.mid", "b.mid", "c.mod", "album.cue", "notes.txt", "d.MP3.part", "a.part"):
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.mp3")
    report = WalkReport()

    found = [file.path for file in walk([tmp_path], report)]
    said = "\n".join(report.skipped())

    assert found == ["a.wav"]
    assert report.passed[LINKS] == 2
    assert sorted(report.named[LINKS]) == [f"{tmp_path}/Album", f"{tmp_path}/link.wav"]
    for words in ("2 skipped, symbolic links", "2 skipped, .mid", "1 skipped, .mod", "CUE", "pipe"):
        assert words in said
    assert f"1 skipped, {UNFINISHED}: {tmp_path}/d.MP3.part" in said
    assert "notes.txt" not in said


def test_what_a_tagger_left_behind_is_no_track(tmp_path: Path) -> None:
    """The copy beside a file whose writing was killed; names with a dot in front are music."""
    write_tone(tmp_path / ".circumplex-123.part.wav")
    write_tone(tmp_path / ".45.wav")
    report = WalkReport()

    assert [file.path for file in walk([tmp_path], report)] == [".45.wav"]
    assert report.passed[HIDDEN] == 1


class Folder(Unreadable):
    """A folder, whatever is on the disk."""

    def __init__(self, path: str) -> None:
        self.name, self.path = "a", f"{path}/a"

    def is_symlink(self) -> bool:
        """No."""
        return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Yes."""
        return True


def test_folders_of_any_depth_are_walked(tmp_path: Path) -> None:
    """Deeper than Python's stack, which a walk that calls itself would use up."""
    write_tone(tmp_path / "song.wav")
    deepest = str(tmp_path) + "/a" * 5000

    def listing(folder: str) -> Sequence[DirectoryEntry]:
        return list_folder(str(tmp_path)) if folder == deepest else [Folder(folder)]

    found = [file.path for file in walk([tmp_path], list_entries=listing)]

    assert found == ["a/" * 5000 + "song.wav"]


@pytest.mark.parametrize("second", [-(2**62), -631_152_000, 0, 2**32 - 1, 13_569_465_600, 2**62])
def test_times_that_no_database_keeps_are_brought_near(tmp_path: Path, second: int) -> None:
    """Nanoseconds since 1970 in 64 bits end in 2262."""
    write_tone(tmp_path / "a.wav")
    entry = next(iter(list_folder(str(tmp_path))))

    class Dated(Unreadable):
        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            """With another time."""
            status = list(entry.stat())
            status[8] = second
            return os.stat_result(status, {"st_mtime_ns": second * 10**9, "st_ctime_ns": 1})

    found = next(walk([tmp_path], list_entries=lambda _folder: [Dated(entry, 0)]))

    assert -(2**63) <= found.mtime_ns < 2**63
    assert abs(second) > 2**33 or found.mtime_ns == second * 10**9
