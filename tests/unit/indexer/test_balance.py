"""Every track gets a fair chance: the balancing dimension and what it is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.balance import (
    LIKELIHOOD_POWER,
    Bank,
    as_music,
    as_query,
    embedded_bank,
    piece_sd,
    unbalanced,
)
from indexer.search.columns import doubled, points
from indexer.search.searcher import Searcher, SearchRequest
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.curves.curve import EmotionCurve, QuantileScale
from model.embedding import Embedding
from model.late_dimensions import EMPHASIS_VAR
from model.scoring import ScoringParams, score
from tests.fakes import fake_scoring

RNG = np.random.default_rng(0)
TRACKS = 40


@dataclass
class PlaneModel:
    """Embeds an emotion at its own place in every space."""

    scoring: ScoringParams
    emphasises: bool = False

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
    return weighted_bank(content).emotions


def weighted_bank(content: SnapshotContent) -> Bank:
    """The same with their weights."""
    scale = QuantileScale.fit(content.segment_emotion)
    return Bank.of(scale, content.embedding, PlaneModel(fake_scoring(2)))


def probabilities(content: SnapshotContent) -> np.ndarray:
    """Of the bank's emotions given each track, by balanced scores, [Q, N]; columns sum alike."""
    rows = balanced(content, PlaneModel(fake_scoring(2))).embedding
    found = weighted_bank(content)
    logs = LIKELIHOOD_POWER * totals(as_query(found.emotions, rows), rows)
    return np.exp(logs + found.log_weights[:, None])


def test_what_is_subtracted_is_each_rows_likelihood_of_all_places() -> None:
    """Balanced scores, to the power that counts, sum to the same over the bank for every row."""
    shares = probabilities(catalogue()).sum(axis=0)

    np.testing.assert_allclose(shares / shares[0], 1.0, atol=1e-3)


def test_each_place_has_the_same_share_of_all_tracks() -> None:
    """Tracks are as probable to be of one place as of another, all together."""
    found = probabilities(catalogue())
    shares = (found / found.sum(axis=0)).sum(axis=1)

    np.testing.assert_allclose(shares, TRACKS / 81, rtol=0.05)


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
    """A spread three times as wide costs a row 2 ln 3 of what counts, whatever is asked."""
    content = catalogue()
    content = replace(content, tracks=[replace(each, duration_s=45.0) for each in content.tracks])
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


def test_a_short_piece_loses_to_a_long_one() -> None:
    """The fewer stretches are heard, the less is known of the whole: the same for all queries."""
    content, model = catalogue(), PlaneModel(fake_scoring(2))
    long = [replace(track, duration_s=300.0) for track in content.tracks]
    mixed = [replace(long[0], duration_s=21.0), *long[1:]]

    rows = [balanced(replace(content, tracks=each), model).embedding for each in (long, mixed)]
    change = np.subtract(*(totals(as_query(bank(content), each), each) for each in rows[::-1]))
    lost = change[:, 0] - change[:, 1]

    sds = [piece_sd(content.curve_values[:1, 2:], length_s) for length_s in (300.0, 21.0)]
    assert (sds[1] > 1.2 * sds[0]).all()
    counted = np.log(sds[1] / sds[0]).sum()
    np.testing.assert_allclose(lost, -counted, atol=2e-2)


def test_much_is_never_known_of_what_is_vague() -> None:
    """However long a piece is, half of its curve's spread remains."""
    sd = piece_sd(np.full((4, 2), 0.05), 36_000.0)

    np.testing.assert_allclose(sd, 0.025)


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

    sd = np.stack([piece_sd(content.curve_values[i : i + 1, 2:], 30.0) for i in range(TRACKS)])
    clips = as_music(content.embedding, snapshot, model, lambda: embedded_bank(snapshot, model), sd)

    found = Searcher(snapshot, model.scoring).search(SearchRequest(clips, limit=1, direction="m2m"))
    assert [result.hits[0].track_id for result in found] == list(range(TRACKS))


def test_queries_fit_catalogues_with_and_without_the_dimension() -> None:
    """It is added where the candidates have it, and nowhere else."""
    content = catalogue()
    rows = balanced(content, PlaneModel(fake_scoring(2))).embedding

    assert as_query(content.embedding, rows).mu.shape[1] == rows.mu.shape[1]
    assert as_query(content.embedding, content.embedding) is content.embedding


def with_valence(emotion: np.ndarray) -> Embedding:
    """Vague rows at places of the plane whose last dimension says their valence."""
    rows = at_places(emotion, 0.5)
    valence = 3.0 * emotion[:, 1:].astype(np.float32)
    return Embedding(
        rows.phi, np.hstack([rows.mu, valence]), np.hstack([rows.var, np.ones_like(valence)])
    )


class ValenceModel(PlaneModel):
    """The same with a dimension of valence."""

    def embed_emotion(self, curves: list[EmotionCurve]) -> Embedding:
        """Curves as rows."""
        return with_valence(np.stack([curve.values().mean(axis=0) for curve in curves]))


def test_valence_counts_by_the_catalogues_own_spread() -> None:
    """Where music spreads a tenth as much in valence, the dimension is a hundredth as wide."""
    content, model = catalogue(), ValenceModel(fake_scoring(2), emphasises=True)
    narrow = content.segment_emotion * np.array([1.0, 0.1], dtype=np.float32)

    wide_var, narrow_var = (
        balanced(replace(content, embedding=with_valence(emotion)), model).embedding.var[:, 2]
        for emotion in (content.segment_emotion, narrow)
    )

    own = EMPHASIS_VAR * 0.5 * 9.0 * content.segment_emotion[:, 1].astype(np.float64).var()
    np.testing.assert_allclose(wide_var, (TRACKS * own + 5.0) / (TRACKS + 5.0), rtol=1e-5)
    np.testing.assert_allclose(narrow_var, (TRACKS * own / 100.0 + 5.0) / (TRACKS + 5.0), rtol=1e-5)


def test_new_music_gets_the_catalogues_width_of_valence(tmp_path: Path) -> None:
    """A clip that sounds like a track of the catalogue gets that track's dimensions."""
    content, model = catalogue(), ValenceModel(fake_scoring(2), emphasises=True)
    content = replace(content, embedding=with_valence(content.segment_emotion))
    folder = tmp_path / "snapshot"
    write_snapshot(folder, balanced(content, model), model_id="v", scoring=model.scoring)
    snapshot = Snapshot.open(folder)
    sd = np.tile(piece_sd(np.full((1, 2), 0.15, np.float16), 30.0), (TRACKS, 1))

    clips = as_music(content.embedding, snapshot, model, lambda: embedded_bank(snapshot, model), sd)

    np.testing.assert_allclose(clips.var, snapshot.embedding.var, rtol=1e-5)
    np.testing.assert_allclose(clips.mu, snapshot.embedding.mu, atol=2e-3)
