"""Search on a cluster of several nodes on this machine: what Ray's path costs, and a lost node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import ray

from benchmarks.cluster.equality import difference, written
from benchmarks.search.vectors import catalogue
from benchmarks.service.catalogue import content_of
from indexer.cluster.searching import RaySearch
from indexer.runs.balance import balanced
from indexer.search.searcher import SearchRequest, SearchResult
from indexer.search.typical import typical_curves
from indexer.shards.gather import ShardedSearcher, ShardQuestion, Shards
from indexer.shards.local import open_locally
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset
from tests.cluster import NODE, running_cluster

QUERIES, LIMIT = 400, 50
CLIENTS = 50
OPTIONS: dict[str, Any] = {"limit": LIMIT, "level": "segment"}

Search = Callable[[SearchRequest], list[SearchResult]]


def measure(
    folder: Path, model: EmotionModel, songs: Dataset, rows: int, shards: int, nodes: Sequence[int]
) -> dict[str, Any]:
    """Times of one machine and of clusters, and what happens when a node dies."""
    content = balanced(content_of(model, catalogue(model, songs, rows, seed=1)), model)
    whole = written(folder / "whole", content, model, 1)
    parted = written(folder / "parted", content, model, shards)
    curves = typical_curves(whole.scale)[:QUERIES]
    queries = model.embed_emotion(curves)
    alone = open_locally(whole, model.scoring)
    local = open_locally(parted, model.scoring)
    wanted = [alone.search(SearchRequest(query, **OPTIONS))[0] for query in each(queries)]
    found: dict[str, Any] = {
        "rows": rows,
        "shards": shards,
        "one piece": times(alone.search, queries),
        "shards in one process": times(local.search, queries),
    }
    for count in nodes:
        with running_cluster(count) as cluster:
            searcher = RaySearch(cluster.address, replicas=min(2, count))(parted, model.scoring)
            name = f"{count} node{'s' if count > 1 else ''}"
            found[name] = times(searcher.search, queries)
            found[f"{name}, one wave"] = times(at_once(searcher, parted, model).search, queries)
            found[f"{name}, {LIMIT} queries together"] = together(searcher.search, queries)
            if count > 1:
                found[f"{name}, one lost"] = losing(cluster, searcher.search, queries, wanted)
            del searcher
    return found


def measure_sizes(
    folder: Path, model: EmotionModel, songs: Dataset, sizes: Sequence[int], shards: int
) -> dict[str, Any]:
    """Times of one machine alone for catalogues of several sizes."""
    found: dict[str, Any] = {"shards": shards}
    for rows in sizes:
        with TemporaryDirectory(dir=folder) as name:
            measured = measure(Path(name), model, songs, rows, shards, [])
        ways = ((name, way) for name, way in measured.items() if isinstance(way, dict))
        found |= {f"{rows:,} rows, {name}": way for name, way in ways}
    return found


def each(queries: Embedding) -> list[Embedding]:
    """The queries, one by one."""
    return [queries[row : row + 1] for row in range(len(queries))]


def times(search: Search, queries: Embedding) -> dict[str, float]:
    """Milliseconds of one query at a time, and the share that was proven."""
    single, taken, exact = each(queries), [], 0
    for query in single[:20]:
        search(SearchRequest(query, **OPTIONS))
    for query in single:
        began = time.perf_counter()
        (found,) = search(SearchRequest(query, **OPTIONS))
        taken.append(1e3 * (time.perf_counter() - began))
        exact += found.exact
    return {
        "p50 ms": round(float(np.percentile(taken, 50)), 3),
        "p99 ms": round(float(np.percentile(taken, 99)), 3),
        "proven": exact / len(single),
    }


def together(search: Search, queries: Embedding) -> dict[str, float]:
    """Milliseconds a query where many are asked in one request."""
    began = time.perf_counter()
    for start in range(0, len(queries), LIMIT):
        search(SearchRequest(queries[start : start + LIMIT], **OPTIONS))
    return {"ms a query": round(1e3 * (time.perf_counter() - began) / len(queries), 3)}


class AtOnce:
    """All shards in one wave: no shard knows what another found."""

    def __init__(self, shards: Shards, count: int) -> None:
        self._shards, self._count = shards, count

    def waves(self, first: int) -> list[list[int]]:
        """One."""
        return [list(range(self._count))]

    def ask(self, shards: Sequence[int], question: ShardQuestion) -> Any:
        """As the shards do."""
        return self._shards.ask(shards, question)


def at_once(searcher: ShardedSearcher, snapshot: Snapshot, model: EmotionModel) -> ShardedSearcher:
    """The same shards, asked in one wave."""
    shards = AtOnce(searcher.shards, len(snapshot.manifest.shards))
    return ShardedSearcher(snapshot, model.scoring, shards)


def losing(
    cluster: Any, search: Search, queries: Embedding, wanted: Sequence[SearchResult]
) -> dict[str, Any]:
    """What clients are answered while a node is lost and another joins."""
    single, outcomes, lock = each(queries), [], threading.Lock()
    going = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)

    def ask(row: int) -> None:
        began = time.perf_counter()
        try:
            (found,) = search(SearchRequest(single[row], **OPTIONS))
        except Exception as exc:  # counted: no query may fail
            with lock:
                outcomes.append(("failed", 0.0, repr(exc)))
            return
        taken_ms = 1e3 * (time.perf_counter() - began)
        wrong = difference(found, wanted[row]) if found.exact else None
        state = "wrong" if wrong else "exact" if found.exact else "incomplete"
        with lock:
            outcomes.append((state, taken_ms, wrong or ""))

    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask, row) for row in range(len(single))]
        _until(outcomes, len(single) // 3)
        cluster.remove_node(going, allow_graceful=False)
        _until(outcomes, 2 * len(single) // 3)
        cluster.add_node(**NODE)
    for each_one in asking:
        each_one.result()
    states = [state for state, _, _ in outcomes]
    taken = [ms for _, ms, _ in outcomes]
    return {
        "clients": CLIENTS,
        "asked": len(single),
        **{name: states.count(name) for name in ("exact", "incomplete", "wrong", "failed")},
        "p50 ms": round(float(np.percentile(taken, 50)), 1),
        "longest ms": round(max(taken), 1),
        "nodes at the end": sum(node["Alive"] for node in ray.nodes()),
    }


def _until(outcomes: Sequence[Any], count: int) -> None:
    """Wait until so many queries are answered."""
    while len(outcomes) < count:
        time.sleep(0.01)
