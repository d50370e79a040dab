"""The certificate cannot be broken: bounds hold for any rows and any queries."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.search.axes import COLUMNS, Sketch
from indexer.search.cells import CellIndex
from indexer.search.codes import CodeWriter, Doubles
from indexer.search.columns import doubled, points
from indexer.search.device import DeviceEngine
from indexer.search.engines import read_index
from indexer.search.searcher import Searcher
from model.embedding import Embedding
from model.scoring import Direction, Kind, score
from tests import snapshots

SHAPES = st.tuples(st.integers(1, 300), st.integers(1, 50))


def matrix(seed: int, shape: tuple[int, int], spread: float) -> Doubles:
    """Rows with columns of very unequal size, some constant, some with far outliers."""
    draws = np.random.default_rng(seed)
    values = draws.standard_t(2, shape) * 10 ** draws.uniform(-spread, spread, shape[1])
    values[:, draws.random(shape[1]) < 0.1] = draws.normal()
    return values + draws.normal(0, 10, shape[1])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), shape=SHAPES, spread=st.sampled_from([0.0, 1.0, 3.0]))
def test_scanned_products_stay_within_their_error(
    seed: int, shape: tuple[int, int], spread: float
) -> None:
    """Codes of any matrix, any query: the scan is off by no more than it says."""
    rows = matrix(seed, shape, spread)
    raw = matrix(seed + 1, (3, shape[1]), spread)
    with TemporaryDirectory() as name:
        folder = Path(name)
        writer = CodeWriter(folder, "x", np.abs(raw).mean(axis=0), second_bytes=2)
        writer.measure(rows)
        lists = writer.start_lists(2)
        labels = np.random.default_rng(seed).integers(0, 2, len(rows))
        writer.add_to_lists(lists, rows, np.arange(len(rows)), labels)
        query = writer.finish_lists(lists).queries(raw, np.zeros(3))
        lists = read_index(folder / "x.faiss")
        lists.nprobe = 2
        both = np.tile(np.arange(2), (3, 1))
        scores, order = lists.search_preassigned(query.vectors, len(rows), both, None)

    scanned = np.empty((3, len(rows)))
    np.put_along_axis(scanned, order, scores.astype(np.float64), axis=1)
    off = np.abs(scanned + query.constant[:, None] - raw @ rows.T).max(axis=1)
    assert (off <= query.error * (1 + 1e-9) + 1e-12).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), strange=st.floats(0.01, 100.0))
def test_a_sketch_never_scores_below_the_score(seed: int, strange: float) -> None:
    """The upper bound holds for typical queries and for queries from elsewhere."""
    draws = np.random.default_rng(seed)
    mixing = draws.normal(size=(6, COLUMNS + 30))
    segments = draws.normal(size=(200, 6)) @ mixing + 0.1 * draws.normal(size=(200, COLUMNS + 30))
    typical = draws.normal(size=(50, COLUMNS + 30)) * draws.uniform(0, 2, COLUMNS + 30)
    sketch = Sketch.fit(segments, typical)
    asked = strange * draws.normal(size=(5, COLUMNS + 30))

    vectors, constant = sketch.bounds(asked, np.zeros(5))
    bound = sketch.rows(segments) @ vectors.T + constant  # [S, Q]

    assert (bound >= segments @ asked.T - 1e-7 * np.abs(asked).sum()).all()


def attacked(seed: int, rows: int, d_kl: int) -> Embedding:
    """A catalogue made to mislead: near ties, copies, tiny and huge variances, outliers."""
    draws = np.random.default_rng(seed)
    base = snapshots.embedding(rows, seed, d_kl=d_kl)
    copies = base[draws.integers(0, max(1, rows // 3), rows)]
    jitter = 10.0 ** draws.uniform(-7, 0)
    var = copies.var * np.exp(draws.normal(0, draws.uniform(0, 2), copies.var.shape))
    mu = copies.mu + jitter * draws.standard_t(3, copies.mu.shape)
    return Embedding(copies.phi, mu.astype(np.float32), var.astype(np.float32))


@pytest.mark.parametrize("engine_name", ["cells", "device"])
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    d_kl=st.sampled_from([3, 70]),
    kind=st.sampled_from(["gaussian", "paper"]),
    direction=st.sampled_from(["e2m", "m2m"]),
    lambda_paper=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_the_certificate_withstands_catalogues_made_to_break_it(
    engine_name: str,
    seed: int,
    d_kl: int,
    kind: Kind,
    direction: Direction,
    lambda_paper: float,
) -> None:
    """Whatever calls itself exact has, rank by rank, the scores of float64 brute force."""
    params = snapshots.scoring(lambda_paper=lambda_paper).with_kind(kind)
    rows = attacked(seed, 60 * snapshots.SEGMENTS_PER_TRACK, d_kl)
    data = snapshots.with_embedding(snapshots.content(60, d_kl=d_kl), rows)
    queries = attacked(seed + 1, 6, d_kl)
    with TemporaryDirectory() as name:
        at = snapshots.written(Path(name) / "s", data, params)
        engine: CellIndex | DeviceEngine = CellIndex(at.folder, at.manifest.segments)
        if engine_name == "device":
            engine = DeviceEngine(at.embedding, params, "cpu")
        results = Searcher(at, params, engine=engine).search_batch(
            queries, limit=20, direction=direction
        )
        truth = score(points(queries), points(at.embedding), doubled(params), direction).total
        best = np.maximum.reduceat(truth.numpy(), at.track_first[:-1], axis=1)

    for result, scores in zip(results, best, strict=True):
        assert result.exact
        expected = np.sort(scores)[::-1][:20]
        tolerance = 1e-6 * (1 + np.abs(expected))
        assert (np.abs(np.array([hit.score for hit in result.hits]) - expected) <= tolerance).all()
