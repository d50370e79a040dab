"""How much of a curve's movement to believe, and whether its spread is right.

Movement can only be checked against audio with a human curve: the clips under `deam/audio`. Each is
guessed by a model that was trained without it, and what is learned from the other clips is tried on
it ("cross-checked"). The spread is checked on all held-out songs. Letters: N songs, T annotated
frames, W windows of a clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.analysis import SEGMENT_S, Analysis
from model.arrays import Doubles
from model.curves.estimation import (
    CURVE_HOP_S,
    CurveSettings,
    segment_level,
    window_movement,
)
from model.emotion_model import EmotionModel
from model.errors import DatasetError
from model.learning.datasets import Dataset
from model.learning.evaluation import half_width
from model.rows import window_rows

ANNOTATION_START_S = 15.0
"""DEAM's annotations begin here."""

SEGMENT_SCALE_S = round(SEGMENT_S / 12**0.5, 2)
"""Gaussian as wide as a box of one segment: the head was fitted to statistics of that length, and
averages of its guesses over shorter stretches are noisier than anything it was fitted to."""

COVERAGE_LEVELS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class AnnotatedClip:
    """A clip with audio and a human curve.

    Attributes:
        song_id: The dataset's id.
        analysis: Its features.
        truth: (arousal, valence) at 2 Hz from ANNOTATION_START_S, [T, 2].
    """

    song_id: int
    analysis: Analysis
    truth: Doubles


@dataclass(frozen=True)
class GuessedClip:
    """What a model that never met the clip guesses.

    Attributes:
        song_id: The dataset's id.
        truth: The human curve, [T, 2].
        segments_s: Start and end of its segments, [S, 2].
        segments: First guess for each segment, [S, 2].
        windows: First guess for each window, [W, 2].
    """

    song_id: int
    truth: Doubles
    segments_s: NDArray[np.float32]
    segments: Doubles
    windows: Doubles

    @property
    def constant(self) -> Doubles:
        """The prediction without movement: the segments' mean, [2]."""
        lengths = self.segments_s[:, 1] - self.segments_s[:, 0]
        mean: Doubles = np.average(self.segments, axis=0, weights=lengths)
        return mean

    def level(self) -> Doubles:
        """The slow level at the annotated frames, [T, 2]."""
        times = np.arange(len(self.windows), dtype=np.float64) * CURVE_HOP_S
        return self._annotated(segment_level(times, self.segments_s, self.segments))

    def movement(self, smoothing_s: float) -> Doubles:
        """The windows' movement at the annotated frames, [T, 2]."""
        return self._annotated(window_movement(self.windows, smoothing_s))

    def curve(self, smoothing_s: float, trust: float) -> Doubles:
        """The estimated curve at the annotated frames, [T, 2]."""
        return self.level() + trust * self.movement(smoothing_s)

    def _annotated(self, values: Doubles) -> Doubles:
        start = round(ANNOTATION_START_S / CURVE_HOP_S)
        return values[start : start + len(self.truth)]


@dataclass(frozen=True)
class Movement:
    """A rule for movement: smooth the windows, believe a share of what remains.

    Attributes:
        smoothing_s: Standard deviation of the Gaussian, in seconds.
        trust: Share, in [0, 1].
    """

    smoothing_s: float
    trust: float

    def applied(self, settings: CurveSettings) -> CurveSettings:
        """Settings with this rule."""
        return replace(settings, smoothing_s=self.smoothing_s, trust=(self.trust, self.trust))


@dataclass(frozen=True)
class CrossCheck:
    """Errors over all clips, each with the rule that the other clips taught; pairs are [2].

    Attributes:
        curve_rmse: Of the estimated curve.
        constant_rmse: Of the clip's mean guess, held constant.
        movement_ratio: RMSE about the clips' own means, over that of no movement at all.
        whole_ratio: The same with the smoothed movement believed whole.
        rules: The rule each clip was tried with.
    """

    curve_rmse: Doubles
    constant_rmse: Doubles
    movement_ratio: Doubles
    whole_ratio: Doubles
    rules: tuple[Movement, ...]


def load_clips(data_dir: Path, data: Dataset, model: EmotionModel) -> list[AnnotatedClip]:
    """Analyse every annotated clip of `deam/audio`.

    Raises:
        DatasetError: There is none.
    """
    rows = {int(song): row for row, song in enumerate(data.song_ids)}
    paths = sorted((data_dir / "deam" / "audio").glob("*.mp3"))
    known = [(int(path.stem), path) for path in paths if int(path.stem) in rows]
    if not known:
        raise DatasetError(f"no annotated clips under {data_dir / 'deam' / 'audio'}")
    return [
        AnnotatedClip(song, model.analyse(path), data.curves[rows[song]].astype(np.float64))
        for song, path in known
    ]


def guess(model: EmotionModel, clip: AnnotatedClip) -> GuessedClip:
    """First guesses of segments and windows by a model that was trained without the clip."""
    analysis = clip.analysis
    segments, windows = (
        model.mean_emotion(rows).astype(np.float64)
        for rows in (model.embed_segments(analysis), model.embed_analyses(window_rows(analysis)))
    )
    return GuessedClip(clip.song_id, clip.truth, analysis.segments_s, segments, windows)


def fit_movement(clips: Sequence[GuessedClip], smoothing_s: float = SEGMENT_SCALE_S) -> Movement:
    """Half the least-squares slope of the human movement on the guessed one.

    Both axes and all clips together. Half, because the prior is that nothing moves, and it counts
    as many clips as were measured; a negative slope means no trust.

    Args:
        clips: At least one.
        smoothing_s: Width of the smoothing.
    """
    return Movement(smoothing_s, float(np.clip(0.5 * _slope(clips, smoothing_s), 0.0, 1.0)))


def cross_check(clips: Sequence[GuessedClip], smoothing_s: float = SEGMENT_SCALE_S) -> CrossCheck:
    """Try on each clip the rule that the others teach.

    Args:
        clips: At least two.
        smoothing_s: Width of the smoothing.
    """
    rules = [
        fit_movement([other for other in clips if other is not clip], smoothing_s) for clip in clips
    ]
    curves = [clip.curve(smoothing_s, rule.trust) for clip, rule in zip(clips, rules, strict=True)]
    return CrossCheck(
        _rms(curve - clip.truth for clip, curve in zip(clips, curves, strict=True)),
        _rms(clip.constant - clip.truth for clip in clips),
        _movement_ratio(clips, curves),
        _movement_ratio(clips, [clip.curve(smoothing_s, 1.0) for clip in clips]),
        tuple(rules),
    )


def coverage(truth: Doubles, mean: Doubles, sd: Doubles, level: float) -> Doubles:
    """Share of the truths inside the central interval of probability `level`.

    Args:
        truth: [.., 2].
        mean: Predicted means, broadcastable to `truth`.
        sd: Predicted standard deviations, broadcastable to `truth`.
        level: In (0, 1).

    Returns:
        [2], in [0, 1].
    """
    inside = np.abs(truth - mean) <= half_width(level) * np.broadcast_to(sd, truth.shape)
    share: Doubles = inside.reshape(-1, truth.shape[-1]).mean(axis=0)
    return share


def reliability(truth: Doubles, mean: Doubles, sd: Doubles) -> dict[float, Doubles]:
    """Coverage of each of COVERAGE_LEVELS, [2] each."""
    return {level: coverage(truth, mean, sd, level) for level in COVERAGE_LEVELS}


def _slope(clips: Sequence[GuessedClip], smoothing_s: float) -> float:
    """Least-squares slope of what the level leaves over on the windows' movement."""
    moves = [_centred(clip.movement(smoothing_s)) for clip in clips]
    rests = [_centred(clip.truth - clip.level()) for clip in clips]
    power = sum(float((move**2).sum()) for move in moves)
    product = sum(float((m * r).sum()) for m, r in zip(moves, rests, strict=True))
    return product / power if power > 0 else 0.0


def _movement_ratio(clips: Sequence[GuessedClip], curves: Sequence[Doubles]) -> Doubles:
    errors = [_centred(curve) - _centred(c.truth) for c, curve in zip(clips, curves, strict=True)]
    return _rms(errors) / _rms(_centred(clip.truth) for clip in clips)


def _centred(values: Doubles) -> Doubles:
    centred: Doubles = values - values.mean(axis=0)
    return centred


def _rms(errors: Iterable[Doubles]) -> Doubles:
    rms: Doubles = np.sqrt((np.concatenate(list(errors)) ** 2).mean(axis=0))
    return rms
