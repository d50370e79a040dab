"""From windows and segments of a clip to its emotion curve with a calibrated spread.

Letters: W windows, S segments. Every emotion is (arousal, valence) in [-1, 1].

The regression head guesses the emotion of each window. Windows of ten seconds tell far less about
emotion than whole clips do, so the guess is not the answer. The slow level comes from the segments,
and the windows' movement around it is smoothed and shrunk by factors of the checkpoint (see
`benchmarks/learning/curve_calibration.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from model.arrays import Doubles, Floats
from model.curves.curve import CURVE_RATE_HZ

Pair = tuple[float, float]

CURVE_HOP_S = 1.0 / CURVE_RATE_HZ
LEVEL_S = 30.0  # movement slower than this comes from the segments, which are that long
# Settings of an estimator that is gone, which checkpoints made before it went still name.
RETIRED_SETTINGS = ("estimator", "temperature", "prior_mean", "prior_sd", "bank_sd_scale")


@dataclass(frozen=True)
class CurveSettings:
    """How a checkpoint turns windows into a curve; pairs are (arousal, valence).

    Attributes:
        smoothing_s: Standard deviation of the Gaussian that smooths the windows, in seconds, in
            [0, LEVEL_S].
        trust: Share of the smoothed windows' movement around the level that is believed, in
            [0, 1].
        sd: Residual standard deviation of a curve's level on held-out songs of the kind that the
            model was trained on, > 0; `model.novelty` says how much more others have.
    """

    smoothing_s: float = 8.66
    trust: Pair = (0.5, 0.5)
    sd: Pair = (0.15, 0.15)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CurveSettings:
        """The settings `to_dict` described, without those of `RETIRED_SETTINGS`.

        Raises:
            TypeError: A field is unknown.
        """
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in data.items()
            if name not in RETIRED_SETTINGS
        }
        return cls(**fields)


@dataclass(frozen=True)
class CurveEstimate:
    """The emotion curve of a clip.

    Attributes:
        t_s: Times from 0 in steps of CURVE_HOP_S, [T].
        mean: (arousal, valence) in [-1, 1], [T, 2].
        sd: Standard deviation of both, [T, 2], > 0.
    """

    t_s: Floats
    mean: Floats
    sd: Floats

    @property
    def overall(self) -> Floats:
        """Mean (arousal, valence) over the clip, [2]."""
        return np.asarray(self.mean.mean(axis=0), dtype=np.float32)


def estimate_curve(
    segments_s: Floats,
    segment_emotion: Doubles,
    window_emotion: Doubles,
    segment_sd: Floats,
    settings: CurveSettings,
) -> CurveEstimate:
    """The curve: the segments' slow level, plus what is believed of the windows' movement.

    Args:
        segments_s: Start and end of each segment, [S, 2].
        segment_emotion: First guess for each segment, [S, 2].
        window_emotion: First guess for each window, centred on i * CURVE_HOP_S, [W, 2].
        segment_sd: Calibrated spread of the segments' level, [S, 2].
        settings: The checkpoint's.

    Returns:
        W frames. Constant guesses give a constant curve.
    """
    t_s = np.arange(len(window_emotion), dtype=np.float64) * CURVE_HOP_S
    mean = segment_level(t_s, segments_s, segment_emotion)
    mean = mean + np.array(settings.trust) * window_movement(window_emotion, settings.smoothing_s)
    centres = segments_s.mean(axis=1)
    own = np.stack([np.interp(t_s, centres, column) for column in segment_sd.T], axis=1)
    return CurveEstimate(
        t_s.astype(np.float32),
        np.clip(mean, -1.0, 1.0).astype(np.float32),
        own.astype(np.float32),
    )


def segment_level(t_s: Doubles, segments_s: Floats, segment_emotion: Doubles) -> Doubles:
    """The segments' emotion over time, smoothed to LEVEL_S, [W, 2].

    Its mean over the clip is the segments' mean, weighted by their lengths.
    """
    centres, lengths = segments_s.mean(axis=1), segments_s[:, 1] - segments_s[:, 0]
    between = [np.interp(t_s, centres, column) for column in segment_emotion.T]
    slow = smoothed(np.stack(between, axis=1), LEVEL_S)
    mean = np.average(segment_emotion, axis=0, weights=lengths)
    level: Doubles = mean + slow - slow.mean(axis=0)
    return level


def window_movement(window_emotion: Doubles, smoothing_s: float) -> Doubles:
    """Movement of the windows between the scales `smoothing_s` and LEVEL_S, mean 0, [W, 2]."""
    around = smoothed(window_emotion, smoothing_s) - smoothed(window_emotion, LEVEL_S)
    movement: Doubles = around - around.mean(axis=0)
    return movement


def smoothed(values: Doubles, std_s: float) -> Doubles:
    """Gaussian smoothing along time whose weights are renormalised at the ends, [W, 2]."""
    std = std_s / CURVE_HOP_S
    reach = min(int(np.ceil(3.0 * std)), len(values) - 1)
    if std <= 0.0 or reach == 0:
        return values
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / std) ** 2)
    mass = _convolved(np.ones(len(values)), kernel)
    # Around the mean, so that constant values stay exactly constant.
    offset = values.mean(axis=0)
    columns = [_convolved(column, kernel) / mass for column in (values - offset).T]
    smoothed: Doubles = np.stack(columns, axis=1) + offset
    return smoothed


def _convolved(values: Doubles, kernel: Doubles) -> Doubles:
    reach = len(kernel) // 2
    full: Doubles = np.convolve(values, kernel)
    return full[reach : reach + len(values)]
