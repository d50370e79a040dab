"""What is learned from placed tracks, and what is not."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from model.embedding import Embedding
from model.errors import ShapeError
from model.personal import priors
from model.personal.asking import LIKENESS, MUSIC_SD, SHIFT, answer_noise_sd, chosen
from model.personal.features import MOST, features_of
from model.personal.learning import Learned, learn, unlearned
from model.personal.warp import STEEPEST, Warp, terms

TRACKS = 400
NOISE_SD = 0.25  # of one annotator, on the relative plane
GRID = np.array([[a, v] for a in np.linspace(-1, 1, 9) for v in np.linspace(-1, 1, 9)])


class Music:
    """Tracks all over the plane, with embeddings that partly say where."""

    def __init__(self, seed: int = 0) -> None:
        draws = np.random.default_rng(seed)
        self.heard = draws.uniform(-1.0, 1.0, (TRACKS, 2))
        mu = np.concatenate([self.heard, draws.normal(size=(TRACKS, 10))], axis=1)
        phi = draws.normal(size=(TRACKS, 6))
        rows = Embedding(*(p.astype(np.float32) for p in (phi, mu, np.ones_like(mu))))
        self.features = features_of(rows)
        self.draws = draws

    def some(self, count: int) -> np.ndarray:
        """Rows of different tracks."""
        return self.draws.choice(TRACKS, count, replace=False)

    def learned(self, rows: np.ndarray, said: np.ndarray) -> Learned:
        """What follows from these tracks."""
        return learn(self.heard[rows], np.clip(said, -1.0, 1.0), self.features[rows])

    def error(self, learned: Learned, felt: np.ndarray) -> float:
        """Root mean squared error over all tracks."""
        places = learned.places(self.heard, self.features)
        return float(np.sqrt(((places - felt) ** 2).mean()))


@pytest.fixture
def music() -> Music:
    return Music()


def test_nothing_said_leaves_the_plane_as_it_is(music: Music) -> None:
    """At no word the warp is the identity and no track is moved."""
    learned = learn(np.empty((0, 2)), np.empty((0, 2)), np.empty((0, MOST)))
    assert learned.is_nothing
    np.testing.assert_array_equal(learned.places(music.heard, music.features), music.heard)


def test_who_agrees_changes_next_to_nothing() -> None:
    """After fifty words with an annotator's noise the warp is the identity within .02.

    In nine of ten draws at least; in the others noise looks like a little knowledge.
    """
    moved = []
    for seed in range(40):
        music = Music(seed)
        rows = music.some(50)
        said = music.heard[rows] + music.draws.normal(0.0, NOISE_SD, (50, 2))
        moved.append(float(np.abs(music.learned(rows, said).warp.displacement(GRID)).max()))
    assert sum(each <= 0.02 for each in moved) >= 36
    assert max(moved) < 0.2


def test_who_answers_at_random_is_hardly_believed() -> None:
    """Of forty such listeners the others' tracks are moved by a few hundredths on the mean."""
    moved = []
    for seed in range(40):
        music = Music(seed)
        rows = music.some(30)
        learned = music.learned(rows, music.draws.uniform(-1.0, 1.0, (30, 2)))
        places = learned.places(music.heard, music.features)
        moved.append(np.abs(places - music.heard).mean())
    assert np.mean(moved) < 0.003


@pytest.mark.parametrize("count", [5, 10, 20, 50])
def test_learning_is_never_worse_than_not_learning(count: int) -> None:
    """Whatever a listener is like, the error grows by at most 3 % in any of fifty draws."""
    for seed in range(50):
        music = Music(seed)
        shift = music.draws.normal(0.0, 0.2, 2)
        taste = music.features @ music.draws.normal(0.0, 0.3, (MOST, 2))
        felt = np.clip(music.heard + shift + taste, -1.0, 1.0)
        rows = music.some(count)
        said = felt[rows] + music.draws.normal(0.0, NOISE_SD, (count, 2))
        plain = float(np.sqrt(((music.heard - felt) ** 2).mean()))
        assert music.error(music.learned(rows, said), felt) <= 1.03 * plain


def test_what_is_learned_follows_from_the_probabilities_of_the_answers() -> None:
    """Trust and places are those of dense Gaussians, one for each prior scale and noise."""
    music = Music(3)
    rows = music.some(12)
    heard, features = music.heard[rows], music.features[rows]
    said = heard + np.array([0.2, -0.1]) + music.draws.normal(0.0, 0.2, (12, 2))
    learned = learn(heard, said, features)
    design = np.concatenate([terms(heard), features], axis=1)
    log_noise = priors.log_noise(priors.NOISES, priors.NOISE_SD, priors.NOISE_COUNT)
    every, log_prior = priors.scales(MOST)
    logs, means = [], []
    for variances, chance in zip(every, log_prior, strict=True):
        cov = (design * variances) @ design.T
        each = likelihoods(said - heard, cov) + log_noise[:, None]  # [J, 2]
        evidence = np.logaddexp.reduce(each, axis=0)
        logs.append(chance + evidence.sum())
        share = np.exp(each - evidence)
        means.append(posterior_means(design * variances, cov, said - heard, share))
    own = np.logaddexp.reduce(logs)
    same = likelihoods(said - heard, np.zeros((12, 12))) + log_noise[:, None]
    apart = likelihoods(said, np.full((12, 12), priors.RANDOM_MEAN_SD**2))
    sds = priors.RANDOM_NOISE_SD, priors.RANDOM_NOISE_COUNT
    apart += priors.log_noise(priors.NOISES, *sds)[:, None]
    against = [np.logaddexp.reduce(each, axis=0).sum() for each in (same, apart)]
    odds = np.exp([own, *against] - own) * [
        priors.ODDS_OWN,
        priors.ODDS_SAME,
        priors.ODDS_RANDOM,
    ]
    probability, least = odds[0] / odds.sum(), 1.0 - 12 * priors.LESS_AN_ANSWER
    assert learned.trust == pytest.approx((probability - least) / (1.0 - least))
    assert 0.05 < learned.trust < 0.99
    mean = np.einsum("k,kpa->pa", np.exp(logs - own), means)
    np.testing.assert_allclose(learned.direction, learned.trust * mean[6:], atol=1e-9)
    np.testing.assert_allclose(learned.warp.coefficients, learned.trust * mean[:6], atol=1e-9)


def likelihoods(values: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Log-probability of both columns with each noise of an answer, [J, 2]."""
    size = len(values)
    return np.array(
        [
            [
                multivariate_normal.logpdf(column, cov=covariance + sd**2 * np.eye(size))
                for column in values.T
            ]
            for sd in priors.NOISES
        ]
    )


def posterior_means(
    scaled: np.ndarray, covariance: np.ndarray, moved: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Of the coefficients, [P, 2], averaged over the noises by their shares, [J, 2]."""
    eye = np.eye(len(moved))
    each = [
        scaled.T @ np.linalg.solve(covariance + sd**2 * eye, moved) * of_axes
        for sd, of_axes in zip(priors.NOISES, share, strict=True)
    ]
    return np.sum(each, axis=0)


def test_a_shift_is_learned(music: Music) -> None:
    """Who hears everything as more pleasant is understood after twenty words."""
    felt = np.clip(music.heard + np.array([0.0, 0.4]), -1.0, 1.0)
    rows = music.some(20)
    learned = music.learned(rows, felt[rows] + music.draws.normal(0.0, 0.1, (20, 2)))
    plain = float(np.sqrt(((music.heard - felt) ** 2).mean()))
    assert music.error(learned, felt) < 0.5 * plain


def test_what_is_said_of_one_axis_speaks_for_the_other() -> None:
    """The same answers about arousal are believed no less, and at times more, beside a clear shift.

    They are of one listener: the evidence of both axes together counts where that of one is weak.
    """
    alone, beside = [], []
    for seed in range(40):
        music = Music(seed)
        rows = music.some(15)
        noise = music.draws.normal(0.0, NOISE_SD, 15)
        for trusts, shift in ((alone, 0.0), (beside, -0.6)):
            said = music.heard[rows] + np.stack([0.15 + noise, np.full(15, shift)], axis=1)
            learned = learn(music.heard[rows], said, music.features[rows])
            trusts.append(learned.trust)
    assert all(two >= one for one, two in zip(alone, beside, strict=True))
    assert sum(beside) > sum(alone)


def test_a_taste_in_music_is_learned(music: Music) -> None:
    """What a listener hears in some kinds of music alone is found in the embeddings."""
    taste = np.zeros((MOST, 2))
    taste[4, 1] = 1.2
    felt = np.clip(music.heard + music.features @ taste, -1.0, 1.0)
    rows = music.some(100)
    learned = music.learned(rows, felt[rows])
    plain = float(np.sqrt(((music.heard - felt) ** 2).mean()))
    assert music.error(learned, felt) < 0.6 * plain


def test_words_lower_the_stated_uncertainty(music: Music) -> None:
    """What is known of the correction after fifty words is less uncertain than before."""
    rows = music.some(50)
    felt = music.heard[rows] + np.array([0.0, 0.3])
    before = unlearned(MOST).sd(music.heard, music.features).mean()
    assert music.learned(rows, felt).sd(music.heard, music.features).mean() < before


def test_five_hundred_words_are_learned_in_a_request(music: Music) -> None:
    """The work grows with the number of words as it is, not with its square."""
    draws = music.draws

    def learned_s(count: int) -> float:
        heard, features = draws.uniform(-1, 1, (count, 2)), draws.normal(size=(count, MOST))
        start = time.process_time()
        learn(heard, heard + 0.1, features)
        return time.process_time() - start

    learned_s(100)
    assert min(learned_s(2000) for _ in range(3)) < 60.0 * min(learned_s(100) for _ in range(3))


def test_rows_belong_together(music: Music) -> None:
    """As many tracks are heard as said."""
    with pytest.raises(ShapeError, match="said"):
        learn(music.heard[:3], music.heard[:2], music.features[:3])


def test_a_tamed_warp_is_undone_by_its_inverse() -> None:
    """Wherever the plane is not cut off, there and back is the same place."""
    draws = np.random.default_rng(1)
    for _ in range(20):
        warp = Warp(draws.normal(0.0, 0.3, (len(terms(GRID[0])), 2))).tamed()
        inside = 0.2 * GRID
        there = warp(inside)
        kept = (np.abs(there) < 1.0).all(axis=1)
        np.testing.assert_allclose(warp.inverse(there)[kept], inside[kept], atol=1e-4)


def test_a_warp_that_would_fold_the_plane_is_weakened() -> None:
    """Its displacement changes by less than the place does."""
    warp = Warp(np.full((6, 2), 3.0)).tamed()
    step = np.array([1e-5, 0.0])
    for corner in np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]]):
        slope = (warp.displacement(corner + step) - warp.displacement(corner)) / step[0]
        assert np.linalg.norm(slope) <= STEEPEST + 1e-3


def test_the_most_telling_track_is_asked_about_first(music: Music) -> None:
    """Its answer takes most off the variance of all, and none comes twice."""
    heard, features = music.heard[:60], music.features[:60]
    none, all_allowed = np.array([], dtype=np.intp), np.ones(60, dtype=bool)
    rows, shares = chosen(heard, features, none, all_allowed, 10)
    assert len(set(rows)) == 10
    prior = expected_covariance(heard, features)
    noise = answer_noise_sd(0) ** 2
    left = [variance_left(prior, [row], noise) for row in range(60)]
    assert rows[0] == int(np.argmin(left))
    assert shares[0] == pytest.approx(1.0 - min(left) / np.trace(prior), rel=1e-4)


def test_each_is_chosen_as_if_those_before_it_were_answered(music: Music) -> None:
    """The last of many leaves the least variance that any track could leave beside the others."""
    heard, features = music.heard[:60], music.features[:60]
    rows, _ = chosen(heard, features, np.array([7, 9]), np.ones(60, dtype=bool), 20)
    prior, noise = expected_covariance(heard, features), answer_noise_sd(21) ** 2
    before = [7, 9, *rows[:-1]]
    left = {
        row: variance_left(prior, [*before, row], noise) for row in range(60) if row not in before
    }
    assert rows[-1] == min(left, key=lambda row: left[row])


def test_few_answers_count_less_than_many() -> None:
    """An answer is taken for noisier while few are known, and for what it is at last."""
    noises = [answer_noise_sd(count) for count in range(40)]
    assert noises == sorted(noises, reverse=True)
    assert noises[0] > 2.0 * noises[20] == 2.0 * noises[39]


def expected_covariance(heard: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Of how far tracks are moved, pair by pair, from the stated standard deviations."""
    unlike = 1.0 - features @ features.T
    apart = ((heard[:, None] - heard) ** 2).sum(axis=2) / heard.var(axis=0).sum()
    return SHIFT**2 + MUSIC_SD**2 * np.exp(-unlike / LIKENESS) * np.exp(-apart / 2.0)


def test_a_track_that_stands_for_many_is_asked_about_before_an_odd_one() -> None:
    """Of many tracks of one kind and a few odd ones at the edges, the first is one of the many."""
    draws = np.random.default_rng(4)
    heard = np.concatenate([draws.normal(0.0, 0.1, (20, 2)), 0.9 * np.eye(2), -0.9 * np.eye(2)])
    features = np.zeros((24, 5))
    features[:20, 0] = 1.0
    features[20:, 1:] = np.eye(4)
    none, all_allowed = np.array([], dtype=np.intp), np.ones(24, dtype=bool)
    rows, _ = chosen(heard, features, none, all_allowed, 1)
    assert rows[0] < 20


def test_tracks_that_are_all_heard_at_one_place_can_be_asked_about() -> None:
    """Without any distance between them the music alone decides."""
    features = np.eye(6)
    none, all_allowed = np.array([], dtype=np.intp), np.ones(6, dtype=bool)
    rows, shares = chosen(np.zeros((6, 2)), features, none, all_allowed, 6)
    assert sorted(rows) == list(range(6))
    assert all(0.0 < share < 1.0 for share in shares)


def variance_left(prior: np.ndarray, asked: list[int], noise: float) -> float:
    """Sum of all tracks' variances once these are known, by inverting precisions."""
    seen = np.zeros((len(asked), len(prior)))
    seen[np.arange(len(asked)), asked] = 1.0
    ridge = 1e-9 * np.eye(len(prior))
    precision = np.linalg.inv(prior + ridge) + seen.T @ seen / noise
    return float(np.trace(np.linalg.inv(precision)))


def test_what_was_answered_is_not_asked_again(music: Music) -> None:
    """Neither placed tracks nor those that may not be asked about come."""
    allowed = np.zeros(TRACKS, dtype=bool)
    allowed[:5] = True
    rows, _ = chosen(music.heard, music.features, np.array([2]), allowed, 10)
    assert sorted(rows) == [0, 1, 3, 4]


def test_nothing_is_asked_where_nothing_may_be(music: Music) -> None:
    """A catalogue whose tracks were all skipped has no next one."""
    none, nowhere = np.array([], dtype=np.intp), np.zeros(TRACKS, dtype=bool)
    assert chosen(music.heard, music.features, none, nowhere, 1) == ([], [])
