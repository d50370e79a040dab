"""What a run makes of files that are gone, and of those that it cannot look at."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest

from indexer.catalog.records import KnownFile
from indexer.errors import EmptyRootError, RootNotFoundError, ShrunkRootError
from indexer.folders.disk import FoldersAndStores
from indexer.folders.walk import DirectoryEntry, ListFolder, list_folder, walk
from indexer.runs.scan import Scan, refuse_shrunk, scan


def library(folder: Path, count: int) -> list[KnownFile]:
    """Files in two folders, all of them known and in the index."""
    for number in range(count):
        path = folder / f"{number % 2}/{number:02}.mp3"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"music")
    return [
        KnownFile(
            *(number, f.root, f.path, f.size_bytes, f.mtime_ns),
            *(f"{number:032x}", "fake-1", "ok", f.ctime_ns),
        )
        for number, f in enumerate(walk([folder]), 1)
    ]


class ListedDisk(FoldersAndStores):
    """The file system, where folders are listed by a function."""

    def __init__(self, entries: ListFolder) -> None:
        super().__init__()
        self.entries = entries  # type: ignore[method-assign]


def look(
    folder: Path,
    tracks: list[KnownFile],
    list_entries: ListFolder = list_folder,
    **options: object,
) -> Scan:
    """Scan the folder."""
    disk = ListedDisk(list_entries)
    settings = {"disk": disk, "frontend_id": "fake-1", "full": False, **options}
    return scan([folder], tracks, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "gone"), [(14, 5), (10, 3), (24, 6)])
def test_a_root_that_shrinks_by_more_than_a_fifth_is_refused(
    tmp_path: Path, count: int, gone: int
) -> None:
    """A mount below the root that is away looks like that."""
    tracks = library(tmp_path, count)
    for path in sorted(tmp_path.rglob("*.mp3"))[:gone]:
        path.unlink()

    with pytest.raises(ShrunkRootError, match=f"{gone} of the {count} tracks .* --allow-shrink"):
        look(tmp_path, tracks)

    assert len(look(tmp_path, tracks, allow_shrink=True).gone) == gone


@pytest.mark.parametrize(("count", "gone"), [(20, 4), (3, 2), (100, 20)])
def test_a_fifth_or_two_may_go(tmp_path: Path, count: int, gone: int) -> None:
    """Listeners delete music."""
    tracks = library(tmp_path, count)
    for path in sorted(tmp_path.rglob("*.mp3"))[:gone]:
        path.unlink()

    assert len(look(tmp_path, tracks).gone) == gone


def test_files_that_moved_are_not_gone(tmp_path: Path) -> None:
    """Whether they are the same is known once they are read; then it is asked again."""
    tracks = library(tmp_path, 10)
    (tmp_path / "1").rename(tmp_path / "renamed")

    seen = look(tmp_path, tracks)

    assert len(seen.gone) == len(seen.to_read) == 5
    refuse_shrunk(seen, [])
    with pytest.raises(ShrunkRootError):
        refuse_shrunk(seen, [track.id for track in seen.gone])


def test_a_root_that_lost_all_is_refused_also_in_full(tmp_path: Path) -> None:
    """Only `allow_shrink` takes everything out."""
    tracks = library(tmp_path, 2)
    for path in tmp_path.rglob("*.mp3"):
        path.unlink()

    with pytest.raises(EmptyRootError, match="allow-shrink"):
        look(tmp_path, tracks, full=True)

    assert len(look(tmp_path, tracks, allow_shrink=True).gone) == 2


@pytest.mark.parametrize("mounted", [False, True])
def test_a_disk_that_is_away_holds_back_no_other(tmp_path: Path, *, mounted: bool) -> None:
    """Its tracks stay, and what is new beside it is found; its mount point may be there or not."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    tracks = library(tmp_path / "one", 4)
    (tmp_path / "one").rename(tmp_path / "away")
    if mounted:
        (tmp_path / "one").mkdir()
    (tmp_path / "two/new.mp3").write_bytes(b"music")
    roots = [tmp_path / "one", tmp_path / "two"]

    seen = scan(roots, tracks, disk=FoldersAndStores(), frontend_id="fake-1", full=False, only=True)

    assert [file.path for file in seen.to_read] == ["new.mp3"]
    assert (len(seen.outside), seen.gone) == (4, ())
    assert "one/ cannot be looked at, its tracks stay as they are" in seen.report.troubles()[0]


def test_a_second_root_of_which_nothing_is_known_was_misspelt(tmp_path: Path) -> None:
    """It is no disk that is away."""
    roots = [tmp_path, tmp_path / "nowhere"]

    with pytest.raises(RootNotFoundError, match="nowhere"):
        scan(roots, [], disk=FoldersAndStores(), frontend_id="fake-1", full=False)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOENT])
def test_what_cannot_be_listed_keeps_its_tracks(tmp_path: Path, number: int) -> None:
    """Half the library is away, and nothing is gone."""
    tracks = library(tmp_path, 10)

    def listing(folder: str) -> Sequence[DirectoryEntry]:
        if folder.endswith("/1"):
            raise OSError(number, "no")
        return list_folder(folder)

    seen = look(tmp_path, tracks, list_entries=listing)

    assert (len(seen.unchanged), len(seen.outside), seen.gone) == (5, 5, ())
    assert any("cannot be looked at" in line for line in seen.report.troubles())


def test_a_root_that_cannot_be_listed_again_keeps_all(tmp_path: Path) -> None:
    """It could be listed a moment ago."""
    tracks = library(tmp_path, 4)

    def listing(_folder: str) -> Sequence[DirectoryEntry]:
        raise OSError(errno.EIO, "no")

    seen = look(tmp_path, tracks, list_entries=listing)

    assert (len(seen.outside), seen.gone, seen.to_read) == (4, (), ())
