"""The certificate cannot be broken: bounds hold for any rows and any queries."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.search.bounds import _coded
from indexer.search.build_cells import split
from indexer.search.cells import CellIndex, _lists
from indexer.search.codes import CodeWriter
from indexer.search.columns import doubled, points
from indexer.search.device import DeviceScores
from indexer.search.searcher import Searcher, SearchRequest
from indexer.snapshot.format import save_array
from model.arrays import Doubles
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
@given(
    seed=st.integers(0, 10_000),
    shape=SHAPES,
    spread=st.sampled_from([0.0, 1.0, 3.0]),
    sketched=st.integers(1, 60),
)
def test_a_scanned_score_is_an_upper_bound_within_its_error(
    seed: int, shape: tuple[int, int], spread: float, sketched: int
) -> None:
    """Codes of any matrix, any query: never below the product, above the sketch's by two errors."""
    rows = matrix(seed, shape, spread)  # turned columns, [S, P]
    query = matrix(seed + 1, (1, shape[1]), spread)
    columns = min(sketched, shape[1])
    sketch, own = split(rows, columns), split(query, columns)[0]
    with TemporaryDirectory() as name:
        folder = Path(name)
        writer = CodeWriter(folder, "search_codes", np.abs(own), second_bytes=2)
        writer.measure(sketch)
        lists = writer.start_lists(1)
        writer.add_to_lists(lists, sketch, np.arange(len(rows)), np.zeros(len(rows), np.int64))
        coding = writer.finish_lists(lists).coding
        save_array(folder, "search_cells_rows", np.array([len(rows)]))
        stored = _lists(folder, len(rows), len(coding.steps))
    vector, added = _coded(coding, query[0], 0.0)
    codes = stored.codes.reshape(len(coding.steps), len(rows)).astype(np.float64)  # [W, S]
    scanned = np.empty(len(rows))
    scanned[stored.rows] = vector.astype(np.float64) @ codes + added

    error = added - (own @ coding.middle + 0.5 * vector.astype(np.float64).sum())
    slack = 1e-9 * (np.abs(rows) @ np.abs(query[0])) + 1e-9 * (np.abs(sketch) @ np.abs(own)) + 1e-12
    assert (scanned >= rows @ query[0] - slack).all()
    assert (scanned <= sketch @ own + 2.0 * error + slack).all()


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
        engine: CellIndex | DeviceScores = CellIndex(at.folder, at.manifest.segments)
        if engine_name == "device":
            engine = DeviceScores(at.embedding, params, "cpu", block_scores=500)
        results = Searcher(at, params, engine=engine).search(
            SearchRequest(queries, limit=20, direction=direction)
        )
        truth = score(points(queries), points(at.embedding), doubled(params), direction).total
        best = np.maximum.reduceat(truth.numpy(), at.track_first[:-1], axis=1)

    for result, scores in zip(results, best, strict=True):
        assert result.exact
        expected = np.sort(scores)[::-1][:20]
        tolerance = 1e-6 * (1 + np.abs(expected))
        assert (np.abs(np.array([hit.score for hit in result.hits]) - expected) <= tolerance).all()
