"""Cells, made tiny so that bounds decide: whatever calls itself exact equals brute force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.search.bounds import bounded, combination
from indexer.search.build_cells import Layout, write_cells
from indexer.search.cells import CellIndex, ReadingLimits, cells_of
from indexer.search.columns import doubled, points
from indexer.search.references import References
from indexer.search.searcher import Searcher, TrackFilter
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.scoring import Direction, Kind, ScoringParams, score
from tests import snapshots

CHOOSY = ReadingLimits(whole=0, least=8, factor=1, few=0)
TRACKS = 120


@dataclass(frozen=True)
class Attack:
    """A catalogue and queries made to mislead.

    Attributes:
        copies: Share of the rows that are copies of few others.
        decades: Powers of ten that variances differ by.
        jitter: Of the copies' means.
        outliers: Whether some rows lie far away from all others.
    """

    seed: int
    copies: float
    decades: float
    jitter: float
    outliers: bool

    def rows(self, count: int, seed: int) -> Embedding:
        """`count` segments."""
        draws = np.random.default_rng(seed)
        base = snapshots.embedding(count, seed)
        copied = draws.random(count) < self.copies
        source = np.where(copied, draws.integers(0, 3, count), np.arange(count))
        base = base[source]
        mu = base.mu + self.jitter * draws.standard_t(2, base.mu.shape)
        if self.outliers:
            mu[draws.random(count) < 0.02] *= 1e3
        var = base.var * 10.0 ** draws.uniform(-self.decades, self.decades, base.var.shape)
        return Embedding(base.phi, mu.astype(np.float32), var.astype(np.float32))


ATTACKS = st.builds(
    Attack,
    seed=st.integers(0, 10_000),
    copies=st.sampled_from([0.0, 0.5, 1.0]),
    decades=st.sampled_from([0.0, 1.0, 4.0]),
    jitter=st.sampled_from([0.0, 1e-6, 0.1]),
    outliers=st.booleans(),
)


def with_wholes(data: SnapshotContent) -> SnapshotContent:
    """The first segment of every other track reaches over all of it."""
    spans = data.segment_s.copy()
    spans[:: 2 * snapshots.SEGMENTS_PER_TRACK, 1] = 1000.0
    return replace(data, segment_s=spans)


def choosy_index(
    folder: Path, at: Snapshot, params: ScoringParams, queries: Embedding, rows_per_cell: int
) -> CellIndex:
    """Cells of a few rows with many references, so that little is read."""
    folder.mkdir()
    layout = Layout(rows_per_cell=rows_per_cell, rows_per_reference=4, bytes_per_row=1e6)
    write_cells(folder, at.embedding, at.whole, params, queries, layout)
    return CellIndex(folder, at.manifest.segments, CHOOSY)


def brute_force(
    at: Snapshot, query: Embedding, params: ScoringParams, direction: Direction
) -> NDArray[np.float64]:
    """Score of every segment by the definition, [S]."""
    scores = score(points(query), points(at.embedding), doubled(params), direction).total
    return np.asarray(scores.numpy()[0])


@pytest.mark.parametrize("kind", ["gaussian", "paper"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    attack=ATTACKS,
    rows_per_cell=st.sampled_from([1, 8, 40]),
    direction=st.sampled_from(["e2m", "m2m"]),
    lambda_paper=st.sampled_from([0.0, 0.5, 1.0]),
    level=st.sampled_from(["segment", "track"]),
    limit=st.sampled_from([1, 10]),
    only=st.sampled_from([None, 1, 5, 60]),
)
def test_cells_withstand_catalogues_made_to_break_them(
    kind: Kind,
    attack: Attack,
    rows_per_cell: int,
    direction: Direction,
    lambda_paper: float,
    level: str,
    limit: int,
    only: int | None,
) -> None:
    """Rank by rank the scores of float64 brute force, whatever the rows, cells and filters."""
    params = snapshots.scoring(lambda_paper=lambda_paper).with_kind(kind)
    rows = attack.rows(TRACKS * snapshots.SEGMENTS_PER_TRACK, attack.seed)
    data = with_wholes(snapshots.with_embedding(snapshots.content(TRACKS), rows))
    queries = Embedding.concatenate([snapshots.embedding(3, attack.seed + 1), rows[:2]])
    with TemporaryDirectory() as name:
        at = snapshots.written(Path(name) / "s", data, params)
        index = choosy_index(Path(name) / "cells", at, params, queries, rows_per_cell)
        ids = at.tracks.ids
        allowed = ids if only is None else ids[np.linspace(0, TRACKS - 1, only).astype(int)]
        filters = None
        if only is not None:
            filters = TrackFilter(exclude_ids=frozenset(ids.tolist()) - frozenset(allowed.tolist()))
        search = Searcher(at, params, engine=index)
        for q in range(len(queries)):
            result = snapshots.found(
                search,
                queries[q : q + 1],
                limit=limit,
                direction=direction,
                level=level,  # type: ignore[arg-type]
                filters=filters,
            )
            truth = brute_force(at, queries[q : q + 1], params, direction)
            if level == "track":
                truth = np.where(at.whole, truth, -np.inf)
            best = np.maximum.reduceat(truth, at.track_first[:-1])[np.isin(ids, allowed)]
            expected = np.sort(best)[::-1][:limit]
            found = np.array([hit.score for hit in result.hits])
            assert result.exact
            assert len(found) == len(expected)
            assert (np.abs(found - expected) <= 1e-6 * (1 + np.abs(expected))).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    strange=st.sampled_from([0.0, 0.1, 1.0, 30.0]),
    known_queries=st.sampled_from([1, 20]),
)
def test_no_row_exceeds_the_bound_of_its_cell(
    seed: int, strange: float, known_queries: int
) -> None:
    """For queries near the references, far from them, and straight towards an outlying row."""
    draws = np.random.default_rng(seed)
    rows = draws.normal(size=(60, 5)) * 10.0 ** draws.uniform(-2, 2, 5)
    cell = np.sort(draws.integers(0, 7, 60))
    first = np.unique(cell, return_index=True)[1]
    vectors = draws.normal(size=(known_queries, 5)).astype(np.float32)
    mean = np.stack([rows[cell == c].mean(axis=0) for c in np.unique(cell)]).astype(np.float32)
    mean[:, 4 - seed % 3 :] = 0.0  # columns in which all cells have one mean
    metric = draws.uniform(0.1, 3.0, 5)
    away = np.linalg.norm((rows - np.repeat(mean, np.diff([*first, 60]), axis=0)) / metric, axis=1)
    best = np.maximum.reduceat(rows @ vectors.T.astype(np.float64), first, axis=0).T
    known = References.of(vectors, best + 1e-9).known(metric)
    radius = np.maximum.reduceat(away, first)
    cells = cells_of(mean, radius, metric, np.empty((2, len(first), 0)))
    farthest = int(np.argmax(away))
    towards = (rows - np.repeat(mean, np.diff([*first, 60]), axis=0))[farthest] / metric**2
    off = towards / np.linalg.norm(towards) if seed % 2 else draws.normal(size=5)
    query = vectors[0] + strange * off

    _, bound = bounded(cells, known, query, len(first))

    assert (bound >= np.maximum.reduceat(rows @ query, first) - 1e-12).all()


def test_a_query_among_the_references_is_bounded_almost_exactly(tmp_path: Path) -> None:
    """Between references little is left over: most cells are never read."""
    data = snapshots.content(800)
    queries = snapshots.embedding(400, 50)
    at = snapshots.written(tmp_path / "s", data)
    index = choosy_index(tmp_path / "cells", at, snapshots.scoring(), queries, 8)
    search = Searcher(at, snapshots.scoring(), engine=index)
    asked = search._ranker.scores.ask(queries[7:8], "gaussian", "e2m")
    threshold = snapshots.found(search, queries[7:8], limit=10).hits[-1].score

    coded = index.aim(asked, "segment")

    assert np.mean(coded.bound >= threshold) < 0.2


def test_stored_best_scores_are_never_too_low() -> None:
    """Steps are rounded, and far cells cut off, to the safe side."""
    draws = np.random.default_rng(0)
    best = draws.normal(size=(20, 300)) * 10.0 ** draws.integers(-4, 6, (20, 300))

    known = References.of(np.zeros((20, 4), np.float32), best)

    stored = known.top[:, None] - known.step[:, None] * known.below
    assert (stored >= best).all()
    near = known.top[:, None] - best < np.median(known.top[:, None] - best, axis=1)[:, None]
    assert (np.abs(stored - best)[near] <= 2 * known.step[:, None].repeat(300, 1)[near]).all()


def test_a_combination_has_no_negative_weight() -> None:
    """A query outside the references' cone is approached from inside it."""
    draws = np.random.default_rng(1)
    for _ in range(50):
        vectors = draws.normal(size=(16, 30))

        assert combination(vectors, draws.normal(size=30)).min() >= 0.0


def test_a_budget_is_not_called_proof(tmp_path: Path) -> None:
    """Answers that were cut short say so; those that were not are exact."""
    at = snapshots.written(tmp_path / "s", snapshots.content(400))
    queries = snapshots.embedding(30, 60)
    index = choosy_index(tmp_path / "cells", at, snapshots.scoring(), queries[:3], 8)
    short = Searcher(at, snapshots.scoring(), engine=index, budget={"gaussian": 1})
    whole = Searcher(at, snapshots.scoring(), engine=index)

    pairs = [
        (
            snapshots.found(short, queries[q : q + 1], limit=10),
            snapshots.found(whole, queries[q : q + 1], limit=10),
        )
        for q in range(len(queries))
    ]

    assert not all(ours.exact for ours, _ in pairs)
    assert all(len(ours.hits) == 10 for ours, _ in pairs)
    assert all(ours == truth for ours, truth in pairs if ours.exact)
