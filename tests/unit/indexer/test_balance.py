"""Every track gets a fair chance: the balancing dimension and what it is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.balance import as_music, as_query, embedded_bank, unbalanced
from indexer.search.columns import doubled, points
from indexer.search.searcher import Searcher, SearchRequest
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.curves.curve import EmotionCurve, QuantileScale
from model.embedding import Embedding
from model.scoring import ScoringParams, score
from tests.fakes import fake_scoring

RNG = np.random.default_rng(0)
TRACKS = 40


@dataclass
class PlaneModel:
    """Embeds an emotion at its own place in every space."""

    scoring: ScoringParams

    def embed_emotion(self, curves: list[EmotionCurve]) -> Embedding:
        """(arousal, valence) as phi and mu, with small variance."""
        return at_places(np.stack([curve.values().mean(axis=0) for curve in curves]), 0.001)


def at_places(emotion: np.ndarray, var: float | np.ndarray) -> Embedding:
    """Rows at these places of the plane, [N, 2]."""
    place = emotion.astype(np.float32)
    return Embedding(place, place, np.broadcast_to(np.float32(var), place.shape).copy())


def catalogue() -> SnapshotContent:
    """Forty tracks in a narrow part of the plane; the first lies in their midst and is vague."""
    emotion = RNG.normal(0.1, 0.1, (TRACKS, 2)).clip(-0.9, 0.9).astype(np.float32)
    emotion[0] = 0.1
    var = np.full((TRACKS, 1), 0.001)
    var[0] = 0.004
    return SnapshotContent(
        tracks=[
            TrackRecord(i, f"{i:032x}", "/music", f"{i}.ogg", str(i), None, None, None, None, 30.0)
            for i in range(TRACKS)
        ],
        segment_track=np.arange(TRACKS),
        segment_s=np.tile(np.array([[0.0, 30.0]], dtype=np.float32), (TRACKS, 1)),
        embedding=at_places(emotion, var),
        segment_emotion=emotion,
        curve_offsets=np.arange(TRACKS + 1),
        curve_values=np.full((TRACKS, 4), 0.15, dtype=np.float16),
    )


def totals(queries: Embedding, rows: Embedding) -> np.ndarray:
    """Composite scores, [Q, N]."""
    scoring = doubled(fake_scoring(2))
    return score(points(queries), points(rows), scoring, "e2m").total.numpy()


def bank(content: SnapshotContent) -> Embedding:
    """81 emotions over the catalogue's relative plane."""
    scale = QuantileScale.fit(content.segment_emotion)
    levels = np.linspace(-0.8, 0.8, 9)
    curves = [EmotionCurve.constant(v, a).mapped(scale) for v in levels for a in levels]
    return PlaneModel(fake_scoring(2)).embed_emotion(curves)


def test_what_is_subtracted_is_each_rows_mean_likelihood() -> None:
    """Balanced scores have the same log-mean-exp over the bank for every row."""
    content = catalogue()
    rows = balanced(content, PlaneModel(fake_scoring(2))).embedding

    found = totals(as_query(bank(content), rows), rows)

    attraction = torch.logsumexp(torch.from_numpy(found), dim=0).numpy()
    np.testing.assert_allclose(attraction, attraction[0], atol=1e-4)


def test_no_track_answers_everything() -> None:
    """A vague track in the midst is in far fewer top fives than before."""
    content = catalogue()
    rows = balanced(content, PlaneModel(fake_scoring(2))).embedding
    queries = bank(content)

    def appearances(scores: np.ndarray) -> int:
        return int((np.argsort(-scores, axis=1)[:, :5] == 0).sum())

    before = appearances(totals(queries, content.embedding))
    after = appearances(totals(as_query(queries, rows), rows))
    assert after < before / 2


def test_what_is_not_known_well_loses() -> None:
    """A spread three times as wide on both axes costs a row 2 ln 3, whatever is asked."""
    content = catalogue()
    model = PlaneModel(fake_scoring(2))
    wide = content.curve_values.copy()
    wide[7, 2:] *= 3

    known, unknown = (
        balanced(each, model).embedding for each in (content, replace(content, curve_values=wide))
    )
    queries = bank(content)
    scores = [totals(as_query(queries, rows), rows) for rows in (known, unknown)]
    change = scores[1] - scores[0]
    lost = change[:, 7] - change[:, 0]

    np.testing.assert_allclose(lost, -(2 * np.log(3)), atol=2e-2)
    np.testing.assert_allclose(change[:, 1:7], change[:, :1].repeat(6, 1), atol=1e-3)


def test_balanced_rows_give_back_what_the_model_embedded() -> None:
    """Another index run starts from the model's own rows."""
    content = catalogue()

    plain = unbalanced(balanced(content, PlaneModel(fake_scoring(2))).embedding)

    np.testing.assert_array_equal(plain.mu, content.embedding.mu)
    np.testing.assert_array_equal(plain.var, content.embedding.var)


def test_music_is_most_similar_to_itself(tmp_path: Path) -> None:
    """Every track, asked for as a clip that was never indexed, comes first."""
    content, model = catalogue(), PlaneModel(fake_scoring(2))
    folder = tmp_path / "snapshot"
    write_snapshot(folder, balanced(content, model), model_id="plane", scoring=model.scoring)
    snapshot = Snapshot.open(folder)

    sd = content.curve_values[content.curve_offsets[:-1], 2:]  # each curve has one throughout
    clips = as_music(content.embedding, snapshot, model, lambda: embedded_bank(snapshot, model), sd)

    found = Searcher(snapshot, model.scoring).search(SearchRequest(clips, limit=1, direction="m2m"))
    assert [result.hits[0].track_id for result in found] == list(range(TRACKS))


def test_queries_fit_catalogues_with_and_without_the_dimension() -> None:
    """It is added where the candidates have it, and nowhere else."""
    content = catalogue()
    rows = balanced(content, PlaneModel(fake_scoring(2))).embedding

    assert as_query(content.embedding, rows).mu.shape[1] == rows.mu.shape[1]
    assert as_query(content.embedding, content.embedding) is content.embedding
