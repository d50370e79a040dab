"""Noticing that music folders have changed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from indexer.folders.files import FoundFile
from indexer.folders.walk import WalkReport
from indexer.folders.watch import FolderWatch
from tests.catalogue import write_tone


def watch(folder: Path, calls: list[int]) -> FolderWatch:
    """A watch that notes its calls."""
    return FolderWatch([folder], lambda: calls.append(1))


def test_what_is_there_at_first_is_no_change(tmp_path: Path) -> None:
    """A service that starts has indexed, or was asked not to."""
    write_tone(tmp_path / "a.wav")
    calls: list[int] = []
    one = watch(tmp_path, calls)

    assert [one.look() for _ in range(3)] == [False, False, False]
    assert calls == []


def test_a_change_is_told_once_and_only_when_the_folder_rests(tmp_path: Path) -> None:
    """A file that still grows is waited for."""
    calls: list[int] = []
    one = watch(tmp_path, calls)
    one.look()
    looks = []
    for duration_s in (0.5, 1.0, 1.0, 1.0):
        path = tmp_path / "a.wav"
        if not path.exists() or path.stat().st_size < 16_000 * duration_s:
            write_tone(path, duration_s=duration_s)
        looks.append(one.look())

    assert looks == [False, False, True, False]
    assert calls == [1]


def test_removed_and_renamed_files_are_changes_and_others_are_not(tmp_path: Path) -> None:
    """Only audio counts."""
    write_tone(tmp_path / "a.wav")
    write_tone(tmp_path / "b.wav")
    calls: list[int] = []
    one = watch(tmp_path, calls)
    one.look()

    (tmp_path / "notes.txt").write_text("x")
    other = one.look() or one.look()
    (tmp_path / "a.wav").rename(tmp_path / "c.wav")
    renamed = one.look() or one.look()
    (tmp_path / "b.wav").unlink()
    removed = one.look() or one.look()

    assert (other, renamed, removed) == (False, True, True)


def test_rights_given_later_are_a_change(tmp_path: Path) -> None:
    """A download that nobody may read at first is read once it may be."""
    path = write_tone(tmp_path / "a.wav")
    path.chmod(0o000)
    one = watch(tmp_path, [])
    one.look()

    path.chmod(0o644)

    assert [one.look(), one.look(), one.look()] == [False, True, False]


def test_a_folder_that_is_missing_holds_back_no_other(tmp_path: Path) -> None:
    """What is new in the others is told, and the files of the missing one count as unchanged."""
    one, two = tmp_path / "one", tmp_path / "two"
    write_tone(one / "a.wav")
    two.mkdir()
    looks = FolderWatch([one, two], lambda: None)
    looks.look()

    one.rename(tmp_path / "away")
    away = [looks.look(), looks.look()]
    write_tone(two / "b.wav")

    assert away == [False, False]
    assert [looks.look(), looks.look(), looks.look()] == [False, True, False]


def test_a_missing_folder_is_no_change(tmp_path: Path) -> None:
    """A disk that is not mounted for a while must not empty the index."""
    music = tmp_path / "music"
    write_tone(music / "a.wav")
    calls: list[int] = []
    one = watch(music, calls)
    one.look()
    music.rename(tmp_path / "elsewhere")
    away = [one.look(), one.look()]
    (tmp_path / "elsewhere").rename(music)

    assert away == [False, False]
    assert [one.look(), one.look()] == [False, False]
    assert calls == []


def test_a_callback_that_fails_is_called_again(tmp_path: Path) -> None:
    """The database may be away when the change is noticed."""
    called_again = threading.Event()
    calls: list[int] = []

    def fail_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the database is away")
        called_again.set()

    one = FolderWatch([tmp_path], fail_once, every_s=0.02)
    one.start()
    while one._settled is None:
        time.sleep(0.01)
    write_tone(tmp_path / "a.wav")
    again = called_again.wait(30)
    one.stop()

    assert again


def test_a_restless_file_holds_back_no_other(tmp_path: Path) -> None:
    """A recording that grows from look to look; new and removed music is told of meanwhile."""
    write_tone(tmp_path / "old.wav")
    calls: list[int] = []
    one = watch(tmp_path, calls)
    recording = tmp_path / "recording.mp3"

    def look() -> bool:
        with recording.open("ab") as file:
            file.write(b"more")
        return one.look()

    look()
    restless = [look(), look()]
    write_tone(tmp_path / "new.wav")
    new = [look(), look(), look()]
    (tmp_path / "old.wav").unlink()
    gone = [look(), look(), look()]
    rested = [one.look(), one.look()]

    assert restless == [False, False]
    assert new == [False, True, False]
    assert gone == [False, True, False]
    assert rested == [True, False]


def test_what_cannot_be_looked_at_has_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that fails for a while is no reason for an index run."""
    write_tone(tmp_path / "a/one.wav")
    calls: list[int] = []
    one = watch(tmp_path, calls)
    one.look()

    def failing(roots: object, report: WalkReport) -> list[FoundFile]:
        report.failed(f"{tmp_path}/a/", OSError(5, "Input/output error"))
        return []

    with monkeypatch.context() as patch:
        patch.setattr("indexer.folders.watch.walk", failing)
        looks = [one.look(), one.look()]

    assert looks == [False, False]
    assert [one.look(), one.look()] == [False, False]
