"""Louder stretches move an embedding along one direction, by a bounded amount."""

from __future__ import annotations

import numpy as np
import pytest

from model.audio.dynamics import REACH_DB, Dynamics, relative_db
from model.embedding import Embedding
from model.frontends.loudness import REFERENCE
from model.learning.datasets import Dataset
from model.learning.level import arousal_per_db, fit_dynamics
from model.regression import fit_mean_head


def embedding(count: int = 300) -> Embedding:
    random = np.random.default_rng(0)
    phi, mu = random.normal(size=(count, 3)), random.normal(size=(count, 2))
    var = np.ones_like(mu)
    return Embedding(*(part.astype(np.float32) for part in (phi, mu, var)))


def test_decibels_are_those_of_the_power() -> None:
    """Loudness grows with power to .33: ten decibels are 2.14 times the loudness."""
    loudness = np.array([REFERENCE, REFERENCE * 10**0.33, REFERENCE * 10**-0.33], np.float32)

    np.testing.assert_allclose(relative_db(loudness), [0.0, 10.0, -10.0], atol=1e-5)


def test_the_heads_arousal_moves_by_the_slope() -> None:
    """And its valence does not, for small differences of level."""
    rows = embedding()
    emotion = 0.1 * np.stack([rows.phi[:, 0] + rows.mu[:, 1], rows.phi[:, 1]], axis=1)
    head = fit_mean_head(rows, emotion, ridge=1e-3)

    dynamics = fit_dynamics(rows, head, 0.01)
    moved = head.predict(dynamics.apply(rows, np.full(len(rows), 2.0))) - head.predict(rows)

    assert moved[:, 0].mean() == pytest.approx(0.02, rel=0.05)
    assert abs(moved[:, 1].mean()) < 0.002


def test_differences_of_level_are_bounded() -> None:
    """A fade to silence counts no more than the bound."""
    rows = embedding(2)
    dynamics = Dynamics(np.ones(3), np.zeros(2))

    moved = dynamics.apply(rows, np.array([-80.0, 0.0]))

    assert (rows.phi[0] - moved.phi[0]).max() <= REACH_DB + 1e-4
    np.testing.assert_array_equal(moved.phi[1], rows.phi[1])
    np.testing.assert_array_equal(moved.var, rows.var)


def test_the_slope_is_what_the_columns_do_not_tell() -> None:
    """Level follows a column that makes arousal too; only its own part counts."""
    random = np.random.default_rng(0)
    columns = random.normal(size=(600, 2)).astype(np.float32)
    level_db = 4.0 * columns[:, 0] + random.normal(0, 3.0, 600)
    arousal = 0.2 * columns[:, 0] + 0.01 * level_db + random.normal(0, 0.05, 600)
    curves = np.repeat(np.stack([arousal, arousal], 1)[:, None], 4, axis=1)
    data = Dataset(
        "deam",
        np.arange(600),
        columns,
        ("a", "b"),
        curves.astype(np.float32),
        np.full(600, 4),
        level_db=level_db.astype(np.float32),
    )

    assert arousal_per_db(data) == pytest.approx(0.01, abs=0.003)
