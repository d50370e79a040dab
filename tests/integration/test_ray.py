"""Index and search on a cluster of two nodes, of which one is lost."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.records import RunProgress
from indexer.errors import RunInterruptedError, StorageError
from indexer.folders.roots import MusicRoot, StoreRoot
from indexer.runs.indexer import Indexer, RunSummary
from indexer.runs.options import RunOptions
from indexer.runs.pools import Pool, Threads
from indexer.search.searcher import SearchRequest
from indexer.shards.local import open_locally
from indexer.snapshot.reader import Snapshot
from tests import snapshots
from tests.catalogue import write_tone
from tests.cluster import NODE, UnhurriedModel, running_cluster
from tests.fakes import FakeModel
from tests.object_store import BUCKET, Store, running_store

pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
pytestmark = pytest.mark.filterwarnings("default")  # Ray's own warnings are not ours to mend

from indexer.cluster.indexing import RayPool  # noqa: E402
from indexer.cluster.searching import RaySearch, RayShards  # noqa: E402

SHARDS, FILES = 2, 12


@pytest.fixture(scope="module")
def store() -> Iterator[Store | None]:
    """An object store, if what it takes is installed."""
    if importlib.util.find_spec("s3fs") is None or importlib.util.find_spec("moto") is None:
        yield None
        return
    with running_store() as running:
        yield running


@pytest.fixture(scope="module")
def cluster(store: Store | None) -> Iterator[Any]:
    """Two nodes, whose environment says where the store is."""
    with running_cluster(2) as running:
        yield running


def request(seed: int, **options: Any) -> SearchRequest:
    return SearchRequest(snapshots.embedding(1, seed=seed), 10, **options)


def test_a_cluster_answers_as_one_machine_while_a_node_is_lost(
    cluster: Any, tmp_path: Path
) -> None:
    """Every query is answered, and what is said to be exact is."""
    snapshot = snapshots.written(tmp_path / "one", snapshots.content(300), shards=SHARDS)
    alone = open_locally(snapshot, snapshots.scoring())
    searcher = RaySearch(cluster.address, replicas=2)(snapshot, snapshots.scoring())
    going = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
    wanted = {seed: alone.search(request(seed))[0] for seed in range(60)}

    def ask(seed: int) -> bool:
        if seed == 20:
            cluster.remove_node(going, allow_graceful=False)
        (found,) = searcher.search(request(seed))
        assert found == wanted[seed] or not found.exact
        return found.exact

    with ThreadPoolExecutor(8) as clients:
        exact = list(clients.map(ask, range(60)))

    assert sum(exact) >= 50
    cluster.add_node(**NODE)


def test_a_shard_without_replicas_is_missing_from_the_answer(cluster: Any, tmp_path: Path) -> None:
    """Its share of the catalogue is said, and nothing is called exact."""
    import ray

    snapshot = snapshots.written(tmp_path / "one", snapshots.content(100), shards=SHARDS)
    searcher = RaySearch(cluster.address, replicas=1)(snapshot, snapshots.scoring())
    shards = searcher.shards
    assert isinstance(shards, RayShards)
    assert shards.replicas_answering() == [1, 1]
    ray.kill(shards.servers[1][0], no_restart=True)

    (found,) = searcher.search(request(1))

    assert not found.exact
    assert found.missing == pytest.approx(snapshot.manifest.shards[1].tracks / 100)
    assert len(found.hits) == 10
    assert shards.replicas_answering() == [1, 0]


class Place:
    """A data folder with its catalogue, indexing the same music."""

    def __init__(self, folder: Path, music: MusicRoot) -> None:
        self.folder, self.music = folder, music
        folder.mkdir()
        self.catalog: Catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")

    def index(self, pool: Pool, **options: Any) -> RunSummary:
        """Bring the index up to date."""
        # A part that is shown meanwhile, as on a slow machine, numbers tracks as they come.
        whole = RunOptions(first_part_s=1e6)
        indexer = Indexer(self.catalog, FakeModel(), self.folder, whole, pool=pool)
        return indexer.run([self.music], **options)

    def snapshot(self) -> Snapshot:
        """The active snapshot."""
        active = self.catalog.active_snapshot()
        assert active is not None
        return Snapshot.open(self.folder / "snapshots" / active.id)

    def pool(self, cluster: Any, model: Any = FakeModel) -> RayPool:
        """Examines this place's files on the cluster."""
        return RayPool(partial(model), self.folder, address=cluster.address)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ray") / "music"
    for number in range(FILES):
        write_tone(
            folder / f"{number}.wav",
            hz=200 + 150 * number,
            level=0.1 + 0.05 * number,
            duration_s=2 if number % 3 else 40,
        )
    (folder / "broken.mp3").write_bytes(b"no music")
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, music: Path) -> Snapshot:
    """The index as one machine makes it."""
    place = Place(tmp_path_factory.mktemp("ray") / "alone", music)
    place.index(Threads())
    return place.snapshot()


def test_a_run_that_loses_a_node_and_is_begun_again_makes_the_same_rows(
    cluster: Any, tmp_path: Path, music: Path, alone: Snapshot
) -> None:
    """The snapshot is equal to the last bit, and what was finished is not decoded again."""
    place, stop = Place(tmp_path / "cluster", music), threading.Event()
    going = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
    begun = threading.Event()

    def lose() -> None:
        begun.wait()
        cluster.remove_node(going, allow_graceful=False)

    def progress(now: RunProgress) -> None:
        if now.files_done >= 2:
            begun.set()
        if now.files_done >= 8:
            stop.set()

    thread = threading.Thread(target=lose)
    thread.start()
    with pytest.raises(RunInterruptedError):
        place.index(place.pool(cluster, UnhurriedModel), progress=progress, stop=stop)
    thread.join()
    made = {path: path.stat().st_mtime_ns for path in place.folder.glob("analyses/*/??/*")}
    (run,) = place.catalog.list_runs(limit=1)

    summary = place.index(place.pool(cluster), run_id=run.id)

    assert len(made) >= 7
    assert all(path.stat().st_mtime_ns == since for path, since in made.items())
    assert summary.files_decoded <= FILES - len(made)
    assert (summary.files_total, summary.files_failed) == (FILES + 1, 1)
    assert dict(place.snapshot().manifest.files) == dict(alone.manifest.files)
    assert not (place.folder / "rows").exists()


def test_a_cluster_makes_the_same_rows_of_an_object_store(
    cluster: Any, store: Store | None, tmp_path: Path, music: Path, alone: Snapshot
) -> None:
    """Its workers fetch the objects, with the address and the credentials of their nodes."""
    if store is None:
        pytest.skip("s3fs or moto is not installed: pip install '.[dev]'")
    root = StoreRoot(BUCKET, "on-ray")
    store.put_folder(music, root.prefix)
    place = Place(tmp_path / "stored", root)

    summary = place.index(place.pool(cluster))

    found, wanted = dict(place.snapshot().manifest.files), dict(alone.manifest.files)
    differing = {name for name in wanted if found[name] != wanted[name]}
    assert (summary.files_total, summary.files_failed) == (FILES + 1, 1)
    assert found.keys() == wanted.keys()
    assert differing == {"track_root_text.npy", "track_root_offsets.npy"}


def test_what_a_worker_refuses_ends_the_run_with_its_reason(cluster: Any, tmp_path: Path) -> None:
    """In the words of the worker, not those of the cluster."""
    write_tone(tmp_path / "music" / "a.wav")
    place = Place(tmp_path / "refused", tmp_path / "music")
    (place.folder / "analyses").write_text("in the way of the folder")

    with pytest.raises(StorageError, match=r"^cannot write .*/analyses/.*folder$"):
        place.index(place.pool(cluster))

    (run,) = place.catalog.list_runs(limit=1)
    assert str(run.error).startswith("cannot write")
    assert "\n" not in str(run.error)


def test_rows_come_back_from_parquet_to_the_last_bit(tmp_path: Path) -> None:
    """Blocks of any length, those without a curve among them."""
    from indexer.cluster.rows import RowStore
    from indexer.runs.embed import Block

    draws = np.random.default_rng(0)
    blocks = {
        name: Block(
            draws.normal(size=(rows, 2)).astype(np.float32),
            snapshots.embedding(rows, seed=rows),
            draws.normal(size=(rows, 2)).astype(np.float32),
            draws.normal(size=(points, 4)).astype(np.float16),
        )
        for name, rows, points in (("b", 3, 9), ("a", 1, 0))
    }
    store = RowStore(tmp_path)

    path = store.write("model", blocks)
    before = path.read_bytes()
    assert store.write("model", blocks) == path
    found = store.load("model")

    assert path.read_bytes() == before
    assert found.keys() == blocks.keys()
    for name, block in blocks.items():
        np.testing.assert_array_equal(found[name].embedding.mu, block.embedding.mu)
        np.testing.assert_array_equal(found[name].segment_s, block.segment_s)
        np.testing.assert_array_equal(found[name].curve, block.curve)
        assert found[name].curve.dtype == np.float16
