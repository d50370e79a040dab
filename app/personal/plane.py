"""A listener's own plane of one snapshot, learned from what they said.

Letters: T tracks, N placed tracks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.personal.basis import Basis
from app.personal.recordings import resolved
from indexer.catalog.profiles import Placement, Profile
from indexer.search.additions import Addition, TrackColumns
from model.arrays import Doubles
from model.personal.learning import Learned, learn, unlearned
from model.personal.scale import PersonalScale
from model.personal.warp import Warp

MOST_LEARNED = 500  # the latest answers; earlier ones keep their tracks' places
CERTAIN = 1.0  # nats that a placed track has before the best one that is not
_MOVED = 1e-9  # a shorter way is none


@dataclass(frozen=True)
class Plane:
    """A listener's plane of one snapshot.

    Attributes:
        profile: Whose.
        basis: The snapshot.
        answers: What counts of that, with the row of each answer's recording, if it is there.
        spoken: All that the listener said.
        learned: From those answers, at full weight.
        warp: Of the relative plane, at the profile's weight.
        places: (arousal, valence) where the listener feels each track, relative, [T, 2].
        said: Rows of the tracks that were placed and of their copies, ascending.
        columns: What is added to scores of tracks for an emotion.
        like_columns: The same for music as the question.
    """

    profile: Profile
    basis: Basis
    answers: tuple[tuple[int | None, Placement], ...]
    spoken: tuple[Placement, ...]
    learned: Learned
    warp: Warp
    places: Doubles
    said: NDArray[np.int64]
    columns: TrackColumns
    like_columns: TrackColumns

    @cached_property
    def scale(self) -> PersonalScale:
        """The relative scale as the listener uses it."""
        return PersonalScale.of(self.basis.live.snapshot.scale, self.warp)

    @property
    def placed(self) -> list[int]:
        """Rows of the recordings that were placed, the oldest answer first."""
        return [row for row, each in self.answers if row is not None and each.valence is not None]

    @cached_property
    def moved(self) -> Doubles:
        """How far each track lies from where the warp alone puts it, [T, 2]."""
        moved = self.places - self.warp(self.basis.heard)
        return np.where(np.abs(moved) > _MOVED, moved, 0.0)

    @cached_property
    def said_rows(self) -> frozenset[int]:
        """`said`, to look one up."""
        return frozenset(self.said.tolist())

    @cached_property
    def is_plain(self) -> bool:
        """Whether it is the model's own plane."""
        return self.warp.is_identity and not self.moved.any()

    def addition(self, asked: Doubles, heard: Doubles | None = None) -> Addition:
        """What is added to scores for questions.

        Args:
            asked: Where the questions lie on the catalogue's relative plane, before the warp,
                [Q, 2].
            heard: Of music as the question: what the model hears in it, where `asked` is what the
                listener feels, [Q, 2]; None: emotions are asked for.
        """
        felt, one = self.warp(asked), np.ones((len(asked), 1))
        if heard is not None:
            between = self.warp(heard)
            parts = [between, felt - between, one]
            return Addition(self.like_columns, np.concatenate(parts, axis=1))
        fall = (felt**2).sum(axis=1) / (2.0 * self.basis.variance)
        there = self.basis.best_at(asked) + CERTAIN - fall
        parts = [felt, np.zeros_like(felt), one, there[:, None]]
        return Addition(self.columns, np.concatenate(parts, axis=1))

    def sd(self, row: int) -> Doubles:
        """How uncertain a track's place is, [2]: the model's own spread and that of the learned."""
        at = self.basis
        own = np.zeros(2)
        track = at.live.snapshot.tracks[row]
        _, mean, sd = at.live.snapshot.curve(track.id)
        if len(mean):
            scale, middle = at.live.snapshot.scale, mean.mean(axis=0)
            spread = np.sqrt((sd.astype(np.float64) ** 2).mean(axis=0))
            own = np.abs(scale.to_relative(middle + spread) - scale.to_relative(middle - spread))
            own = own / 2.0
        learned = self.learned.sd(at.heard[[row]], at.features[[row]])[0]
        return np.asarray(np.sqrt(own**2 + learned**2))


def make_plane(profile: Profile, placements: list[Placement], basis: Basis) -> Plane:
    """Learn a listener's plane; in the request that asks for it."""
    answers = resolved(placements, basis.recordings)
    placed = [(row, each) for row, each in answers if row is not None and each.valence is not None]
    rows = np.array([row for row, _ in placed], dtype=np.int64)
    said = np.array([_relative(each, basis) for _, each in placed]).reshape(-1, 2)
    latest = slice(max(0, len(rows) - MOST_LEARNED), None)
    heard, features = basis.heard, basis.features
    learned = unlearned(features.shape[1])
    if len(rows):
        learned = learn(heard[rows[latest]], said[latest], features[rows[latest]])
    warp = learned.warp.scaled(profile.weight)
    between = warp(heard)
    places = np.clip(between + profile.weight * (features @ learned.direction), -1.0, 1.0)
    apart: list[int] = []
    for row, place in zip(rows.tolist(), said, strict=True):
        together = basis.recordings.rows_together(row)
        apart += together
        places[together] = between[together] + profile.weight * (place - between[together])
    rows_apart = np.unique(np.array(apart, dtype=np.int64))
    return Plane(
        profile,
        basis,
        tuple(answers),
        tuple(placements),
        learned,
        warp,
        places,
        rows_apart,
        *_columns(places, between, rows_apart, basis, profile.weight),
    )


def _columns(
    places: Doubles, between: Doubles, said: NDArray[np.int64], basis: Basis, weight: float
) -> tuple[TrackColumns, TrackColumns]:
    """What is added to tracks' scores for an emotion, [T, 6], and for music, [T, 5].

    Scores fall about as `-|p - w|^2 / (2 v)` with the distance from the question to where the warp
    puts a track; it is felt at `y`, so `(|p - w|^2 - |p' - y|^2) / (2 v)` is added, `p'` being
    where the question is felt. But for a constant of the question that is linear in it.

    Of a track that the listener placed more is known than of any that the model hears. For an
    emotion it scores, instead of what the model says and as far as `weight` goes, what the best
    track there is would score at its place, a nat more, and less with the distance.
    """
    variance, ids = basis.variance, np.asarray(basis.live.snapshot.tracks.ids)
    squares = ((places**2).sum(axis=1) - (between**2).sum(axis=1)) / 2.0
    parts = [places - between, places, -squares[:, None]]
    like = np.concatenate(parts, axis=1) / variance
    emotion = np.concatenate([like, np.zeros((len(like), 1))], axis=1)
    there = places[said]
    own = [there, there, -(there**2).sum(axis=1, keepdims=True) / 2.0]
    certain = np.concatenate([*(part / variance for part in own), np.ones((len(said), 1))], axis=1)
    emotion[said] = (1.0 - weight) * emotion[said] + weight * certain
    every, counted = np.ones(len(places)), np.ones(len(places))
    counted[said] = 1.0 - weight
    return TrackColumns(ids, emotion, counted, said), TrackColumns(ids, like, every, said)


def _relative(placement: Placement, basis: Basis) -> Doubles:
    """Where a listener put a track, on the relative scale, [2]."""
    place = np.array([placement.arousal, placement.valence], dtype=np.float64)
    if placement.scale == "relative":
        return place
    return basis.live.snapshot.scale.to_relative(place)
