"""Peaks of a contour and the slopes between them, to openSMILE's definition (functional `Peaks2`).

A contour's local extremes are thinned: a rise or fall smaller than a tenth of the contour's range
does not count. What remains alternates between peaks and dips, and gives the slopes. The thinning
looks at one extreme after the other, so it runs on the CPU, on the few extremes that a window has.

F frames, W windows, E extremes of one window.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.arrays import Doubles
from model.frontends.windows import FrameSpans

RELATIVE_THRESHOLD = 0.1
"""Smallest rise or fall that counts, as a fraction of the window's range."""

_OVERTAKES = 1.05  # a peak this much above the last one replaces it

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def peak_statistics(contour: Tensor, spans: FrameSpans, step_s: float) -> Tensor:
    """Slopes between extremes and the rate of peaks, for each window.

    Args:
        contour: [F].
        spans: The frames of the W windows.
        step_s: Seconds from frame to frame.

    Returns:
        [W, 5]: mean and standard deviation of the rising slopes, the same of the falling ones (per
        second), and peaks per second.
    """
    values = contour.double().cpu().numpy()
    places, is_peak = _local_extremes(values)
    rows = []
    for first, count in zip(spans.first.tolist(), spans.count.tolist(), strict=True):
        # The two outermost frames on either side are never extremes.
        low, high = np.searchsorted(places, [first + 2, first + count - 2])
        rows.append(
            _window_statistics(
                values[first : first + count], places[low:high] - first, is_peak[low:high], step_s
            )
        )
    return torch.tensor(rows, dtype=torch.float32, device=contour.device).reshape(-1, 5)


def _local_extremes(values: Doubles) -> tuple[Ints, Bools]:
    """Places of the strict local maxima and minima, [E], and which are maxima."""
    rises = np.diff(values)
    maxima = (rises[:-1] > 0) & (rises[1:] < 0)
    minima = (rises[:-1] < 0) & (rises[1:] > 0)
    places = np.flatnonzero(maxima | minima)
    return places + 1, maxima[places]


def _window_statistics(
    values: Doubles, places: Ints, is_peak: Bools, step_s: float
) -> tuple[float, float, float, float, float]:
    threshold = RELATIVE_THRESHOLD * (values.max() - values.min())
    kept = _without_small_peaks(values[places], is_peak, values[0], threshold)
    places, is_peak = places[kept], is_peak[kept]
    kept_dips = _deep_enough(values[places], is_peak, values[0], threshold)
    places, is_peak = places[kept_dips], is_peak[kept_dips]
    best = _best_of_runs(values[places], is_peak)
    places, is_peak = places[best], is_peak[best]
    if len(places) == 0:
        drift = float(values[-1] - values[0]) / len(values)
        return max(drift, 0.0), 0.0, max(-drift, 0.0) * -1.0, 0.0, 0.0
    rising, falling = _slopes(values, places, is_peak, step_s)
    rate = is_peak.sum() / (len(values) * step_s)
    return (*rising, *falling, float(rate))


def _without_small_peaks(heights: Doubles, is_peak: Bools, start: float, threshold: float) -> Ints:
    """Which extremes stay once peaks that rise too little or soon get overtaken are dropped."""
    keep = [True] * len(heights)
    last = last_dip = last_peak = start
    last_peak_at = -1
    dipped = False
    for i, (height, peak) in enumerate(zip(heights.tolist(), is_peak.tolist(), strict=True)):
        far = abs(height - last) >= threshold
        last = height
        if not peak:
            if far:
                dipped, last_dip = True, height
            continue
        if not far:
            if height - last_dip < threshold:
                keep[i] = False
                continue
            overtakes = height > last_peak * _OVERTAKES
            if overtakes and last_peak_at >= 0:
                keep[last_peak_at] = False
            if not overtakes and not dipped:
                keep[i] = dipped = False
                continue
        dipped = False
        last_peak, last_peak_at = height, i
    return np.flatnonzero(keep)


def _deep_enough(heights: Doubles, is_peak: Bools, start: float, threshold: float) -> Ints:
    """Which extremes stay once dips too little under the peak before them are dropped."""
    order = np.arange(len(heights))
    peak_before = np.maximum.accumulate(np.where(is_peak, order, -1))
    reference = np.where(peak_before >= 0, heights[peak_before], start)
    return np.flatnonzero(is_peak | (reference - heights >= threshold))


def _best_of_runs(heights: Doubles, is_peak: Bools) -> Ints:
    """The highest of each run of peaks and the lowest of each run of dips (the first of equals)."""
    if len(heights) == 0:
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, is_peak[1:] != is_peak[:-1]])
    run = np.cumsum(np.r_[True, is_peak[1:] != is_peak[:-1]]) - 1
    outward = np.where(is_peak, heights, -heights)
    winners = np.flatnonzero(outward == np.maximum.reduceat(outward, starts)[run])
    return winners[np.unique(run[winners], return_index=True)[1]]


def _slopes(
    values: Doubles, places: Ints, is_peak: Bools, step_s: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and deviation of the rising slopes and of the falling ones, >= 0 between extremes.

    As in openSMILE the way from the last extreme to the end counts in the mean (a falling one with
    a negative sign) and in the number of slopes that the deviation is divided by.
    """
    heights = values[places]
    run_up = np.diff(heights, prepend=values[0]) / (np.diff(places, prepend=0) * step_s)
    tail = (values[-1] - heights[-1]) / ((len(values) - 1 - places[-1]) * step_s)
    rising = _mean_and_deviation(run_up[is_peak], None if is_peak[-1] else tail)
    falling = _mean_and_deviation(-run_up[~is_peak], tail if is_peak[-1] else None)
    return rising, falling


def _mean_and_deviation(slopes: Doubles, tail: float | None) -> tuple[float, float]:
    count = len(slopes) + (tail is not None)
    if count == 0:
        return 0.0, 0.0
    mean = (slopes.sum() + (tail or 0.0)) / count
    return float(mean), float(np.sqrt(np.square(slopes - mean).sum() / count))
