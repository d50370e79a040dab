"""Index runs over an S3-compatible store, which may refuse, change or go away."""

from __future__ import annotations

import errno
import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.errors import EmptyRootError, RootNotFoundError, ShrunkRootError, StoreAwayError
from indexer.folders.files import stored_name, stored_root
from indexer.folders.objects import (
    CHANGED,
    MOST_BYTES,
    MOST_FAILURES,
    ODD_KEYS,
    ObjectStore,
    in_words,
)
from indexer.folders.roots import MusicRoot, StoreRoot
from indexer.folders.walk import HIDDEN, WalkReport
from indexer.runs.indexer import Indexer, RunSummary
from indexer.runs.options import RunOptions
from indexer.snapshot.reader import Snapshot
from tests.catalogue import write_tone
from tests.fakes import FakeModel
from tests.indexing_place import READ_LIMITS, Place
from tests.object_store import BUCKET, SECRET, Store, running_store

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install '.[s3]'")
pytest.importorskip("moto", reason="moto is not installed: pip install '.[dev]'")

FILES = 6


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tones, two of them with several segments."""
    folder = tmp_path_factory.mktemp("tones")
    for number in range(FILES):
        duration_s = 1 if number % 3 else 40
        write_tone(
            folder / f"{number % 2}/{number}.wav", hz=200 + 90 * number, duration_s=duration_s
        )
    return folder


@pytest.fixture
def root(store: Store, music: Path, request: pytest.FixtureRequest) -> Iterator[StoreRoot]:
    """The tones below a prefix that no other test uses, with a letter that is escaped."""
    own = StoreRoot(BUCKET, f"of/{request.node.name}\\\\tones")
    store.put_folder(music, own.prefix)
    yield own
    store.fail({})


class Library:
    """A data folder with its catalogue."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.workers = folder, workers
        self.catalog: Catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")

    def index(self, root: MusicRoot, **options: bool) -> RunSummary:
        """Bring the index up to date."""
        options_of_runs = RunOptions(workers=self.workers, first_part_s=1e6)
        return Indexer(self.catalog, FakeModel(), self.folder, options_of_runs).run(
            [root], **options
        )

    def snapshot(self) -> Snapshot:
        """The active snapshot."""
        active = self.catalog.active_snapshot()
        assert active is not None
        return Snapshot.open(self.folder / "snapshots" / active.id)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library(tmp_path / "data")
    yield made
    made.catalog.close()


@pytest.fixture(scope="module")
def local(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The index of the same files in a folder."""
    made = Library(tmp_path_factory.mktemp("local"))
    made.index(music)
    made.catalog.close()
    return made.snapshot()


def differing(found: Snapshot, wanted: Snapshot) -> set[str]:
    """The files of a snapshot that are not equal in another, of all that both hold."""
    ours, theirs = dict(found.manifest.files), dict(wanted.manifest.files)
    assert len(ours) > 50
    assert ours.keys() == theirs.keys()
    return {name for name in ours if ours[name] != theirs[name]}


ROOT_NAMES = {"track_root_text.npy", "track_root_offsets.npy"}


def test_an_object_store_gives_the_rows_of_the_same_folder(
    root: StoreRoot, local: Snapshot, library: Library
) -> None:
    """To the last bit: nothing differs but the name of the root."""
    summary = library.index(root)

    found = library.snapshot()
    assert (summary.files_total, summary.files_failed) == (FILES, 0)
    assert differing(found, local) == ROOT_NAMES
    assert {stored_root(each.root) for each in found.tracks} == {root}


def test_a_process_of_its_own_reads_a_store(
    root: StoreRoot, local: Snapshot, tmp_path: Path
) -> None:
    """As the service starts it; its readers are given copies, and look for speech and silence."""
    place = Place(tmp_path)
    place.limit(READ_LIMITS)

    place.execute(place.catalog.create_run([stored_name(root)]).id)

    active = place.catalog.active_snapshot()
    assert active is not None
    found = Snapshot.open(place.data_dir / "snapshots" / active.id)
    assert differing(found, local) <= {*ROOT_NAMES, "track_kind.npy"}
    place.catalog.close()


def test_an_object_that_changed_is_read_again_and_no_other(
    store: Store, root: StoreRoot, music: Path, library: Library
) -> None:
    """Also within the same second and with the same size: its entity tag says so."""
    library.index(root)
    before = store.reads()
    louder = write_tone(music.parent / "louder.wav", hz=300, level=0.9, duration_s=1).read_bytes()
    store.put(f"{root.prefix}/0/2.wav", louder)
    assert len(louder) == (music / "0/2.wav").stat().st_size

    summary = library.index(root)

    after = store.reads()
    read = {key for key in after if after[key] != before.get(key, 0)}
    assert (summary.files_total, summary.files_read) == (FILES, 1)
    assert read == {f"{root.prefix}/0/2.wav"}


def test_an_object_that_is_gone_leaves_the_index(
    store: Store, root: StoreRoot, library: Library
) -> None:
    """As a file that is gone does."""
    library.index(root)
    store.delete(f"{root.prefix}/1/5.wav")

    summary = library.index(root)

    assert (summary.files_missing, len(library.snapshot().tracks)) == (1, FILES - 1)


def test_a_root_that_shrinks_or_is_empty_is_refused(
    store: Store, root: StoreRoot, library: Library
) -> None:
    """Objects that went astray by mistake do not empty the index, unless it is asked for."""
    library.index(root)
    for key in ("0/0", "0/2", "0/4"):
        store.delete(f"{root.prefix}/{key}.wav")
    with pytest.raises(ShrunkRootError, match="allow-shrink"):
        library.index(root)
    for key in ("1/1", "1/3", "1/5"):
        store.delete(f"{root.prefix}/{key}.wav")
    with pytest.raises(EmptyRootError, match="allow-shrink"):
        library.index(root)

    assert len(library.snapshot().tracks) == FILES
    assert library.index(root, allow_shrink=True).files_missing == FILES


@pytest.mark.parametrize("status", [403, 404])
def test_an_object_that_is_refused_keeps_its_track(
    store: Store, root: StoreRoot, library: Library, status: int
) -> None:
    """Only a listing that does not name an object says that it is gone."""
    first, other = f"{root.prefix}/1/5.wav", f"{root.prefix}/0/4.wav"
    store.fail({first: status})
    failed = library.index(root).files_failed
    store.fail({})
    library.index(root)
    store.fail({other: status})

    summary = library.index(root, full=True)

    said = {403: "refuses access", 404: "has no such bucket or object"}[status]
    assert (failed, summary.files_kept, len(library.snapshot().tracks)) == (1, 1, FILES)
    assert f"0/4.wav stays as it was: cannot be read: the store {said}" in summary.notes[0]


def test_a_track_that_is_refused_and_has_no_analysis_is_left_out(
    store: Store, root: StoreRoot, library: Library
) -> None:
    """Its rows cannot be made, so the run says why and goes on."""
    library.index(root)
    shutil.rmtree(library.folder / "analyses")
    store.fail({f"{root.prefix}/0/4.wav": 403})

    summary = library.index(root, full=True)

    assert (summary.files_failed, summary.files_kept) == (1, 0)
    assert len(library.snapshot().tracks) == FILES - 1


def test_a_prefix_that_cannot_be_listed_is_an_error(store: Store, library: Library) -> None:
    """A bucket that is not there, and one of no such name, hold nothing that is known."""
    with pytest.raises(RootNotFoundError, match="s3://elsewhere/x: the store has no such bucket"):
        library.index(StoreRoot("elsewhere", "x"))


def test_no_secret_is_kept_or_told(
    store: Store, root: StoreRoot, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the database and the snapshot nor in what this package logs."""
    caplog.set_level(logging.DEBUG, "indexer")
    store.fail({f"{root.prefix}/0/0.wav": 403})

    library.index(root)

    kept = [path.read_bytes() for path in library.folder.rglob("*") if path.is_file()]
    assert len(kept) > 5
    assert "is left out" in caplog.text
    assert not any(SECRET.encode() in content for content in kept)
    assert SECRET not in caplog.text


def test_a_listing_tells_what_it_passes_over(store: Store) -> None:
    """Keys that no folder could hold, hidden ones, other files and the marks of empty folders."""
    root = StoreRoot(BUCKET, "odd")
    for name in (
        "a.mp3",
        "b//c.mp3",
        ".trash/d.mp3",
        "._e.mp3",
        "f.txt",
        "g.mid",
        "h/",
        "...i/j.mp3",
    ):
        store.put(f"odd/{name}", b"content")
    report = WalkReport()

    found = [file.path for file in ObjectStore().find(root, report)]

    assert found == ["...i/j.mp3", "a.mp3"]
    assert report.named[HIDDEN] == ["s3://music/odd/._e.mp3", "s3://music/odd/.trash/d.mp3"]
    assert report.named[ODD_KEYS] == ["s3://music/odd/b//c.mp3"]
    assert sum(report.passed.values()) == 4


def test_a_listing_has_as_many_pages_as_it_needs(store: Store) -> None:
    """The store gives so many keys at a time, and a second root begins with the same letters."""
    for number in range(5):
        store.put(f"pages/{number}.mp3", b"content")
    store.put("pages-2/other.mp3", b"content")
    files = ObjectStore()

    pages = list(files._pages(StoreRoot(BUCKET, "pages"), most=2))

    assert [len(page) for page in pages] == [2, 2, 1]
    assert len(list(files.find(StoreRoot(BUCKET, "pages"), WalkReport()))) == 5


def test_an_object_that_changes_between_listing_and_copy_is_not_taken(store: Store) -> None:
    """What was named is what is read."""
    store.put("new/a.mp3", b"before")
    files = ObjectStore()
    (found,) = files.find(StoreRoot(BUCKET, "new"), WalkReport())
    store.put("new/a.mp3", b"after!")

    with pytest.raises(OSError, match=CHANGED):
        files.fetch(found)


def test_an_object_that_is_too_large_is_not_copied(store: Store) -> None:
    """Nothing is asked of the store."""
    store.put("large/a.mp3", b"content")
    files = ObjectStore()
    (found,) = files.find(StoreRoot(BUCKET, "large"), WalkReport())

    with pytest.raises(OSError, match="larger than 4 GiB"):
        files.fetch(type(found)(found.root, found.path, MOST_BYTES + 1, found.mtime_ns))

    assert "large/a.mp3" not in store.reads()


def test_what_the_library_raises_is_told_without_addresses() -> None:
    """What its words name is nobody's business; what this machine refuses is told as ever."""
    from botocore.exceptions import NoCredentialsError, ReadTimeoutError

    raised = {
        errno.EREMOTEIO: (NoCredentialsError(), ReadTimeoutError(endpoint_url="http://inner")),
        errno.EACCES: (PermissionError("Forbidden"),),
        errno.ENOENT: (FileNotFoundError("http://inner/key"),),
        errno.ENOSPC: (OSError(errno.ENOSPC, "No space left on device"),),
    }
    for number, errors in raised.items():
        for error in errors:
            with pytest.raises(OSError, match=rf"\[Errno {number}\]") as caught, in_words():
                raise error
            assert "inner" not in str(caught.value)


def test_a_store_without_s3fs_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base installation reads folders alone."""
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(RootNotFoundError, match=r"pip install 'circumplex\[s3\]'"):
        ObjectStore().require(StoreRoot(BUCKET))


def test_a_store_that_goes_away_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    """What was finished is finished; the next run goes on, and no track is gone."""
    root, tones, files = StoreRoot(BUCKET, "away"), tmp_path / "tones", MOST_FAILURES + 10
    library = Library(tmp_path / "data", workers=4)
    for number in range(files):
        write_tone(tones / f"{number:02}.wav", hz=200 + 30 * number, duration_s=0.5)
    with running_store() as store:
        store.put_folder(tones, root.prefix)
        store.fail({}, dies_after=8)
        with pytest.raises(StoreAwayError, match="fails again and again"):
            library.index(root)
    (failed,) = library.catalog.list_runs(limit=1)
    finished = len(list(library.folder.glob("analyses/*/??/*")))
    with running_store() as store:
        store.put_folder(tones, root.prefix)
        summary = library.index(root)

    assert failed.state == "failed"
    assert finished >= 5
    assert (summary.files_total, summary.files_failed) == (files, 0)
    assert summary.files_decoded == files - finished
    library.catalog.close()
