"""Rows of an analysis as a model embeds them: features, and beside them the cues.

Columns are those of `model.frontends.row_names`. S segments, W windows, Dx features, K columns of
cues.
"""

from __future__ import annotations

import numpy as np

from model.analysis import Analysis
from model.arrays import Floats
from model.frontends import JOINT


def segment_rows(analysis: Analysis) -> Floats:
    """Features and cues of the segments, [S, Dx + K]."""
    return np.concatenate([analysis.segment_features, *_cues(analysis)], axis=1)


def window_rows(analysis: Analysis) -> Floats:
    """Features of the windows, and not a number where cues would be, [W, Dx + K]."""
    width = sum(rows.shape[1] for rows in _cues(analysis))
    unheard = np.full((len(analysis.window_features), width), np.nan, dtype=np.float32)
    return np.concatenate([analysis.window_features, unheard], axis=1)


def _cues(analysis: Analysis) -> list[Floats]:
    """Those of the frontend; others are evidence for the verdict (`model.judge`)."""
    own = analysis.frontend_id.split(JOINT)[1:]
    return [rows for name, rows in sorted(analysis.cues.items()) if name in own]
