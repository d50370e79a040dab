"""Balances the rows of a snapshot that is being made; see `indexer.search.balance`.

Letters: S segments, T tracks.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from indexer.search.balance import (
    Bank,
    EmotionEmbedder,
    attraction_of,
    doubt,
    kl_weight,
    piece_sd,
    valence_var,
    with_dimension,
    with_valence_var,
)
from indexer.snapshot.content import SnapshotContent, standing_rows
from model.curves.curve import QuantileScale


def balanced(content: SnapshotContent, model: EmotionEmbedder) -> SnapshotContent:
    """The content with the dimension that makes its rows' chances equal.

    Args:
        content: What `indexer.runs.embed.assemble` made, segments in order of track.
        model: The model that embedded it.
    """
    counts = np.bincount(content.segment_track, minlength=len(content.tracks))
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)  # [T + 1]
    standing = standing_rows(content.tracks, content.segment_s, first)
    rows, tracks = content.embedding, np.flatnonzero(standing)
    if model.emphasises and len(tracks):
        rows = with_valence_var(rows, valence_var(rows[tracks], model.scoring))
    bank = Bank.of(QuantileScale.fit(content.segment_emotion[tracks]), rows[tracks], model)
    attraction = attraction_of(bank, rows, model.scoring)
    ends = content.curve_offsets
    sds = [
        piece_sd(content.curve_values[a:b, 2:], track.duration_s)
        for (a, b), track in zip(pairwise(ends), content.tracks, strict=True)
    ]
    attraction += doubt(np.stack(sds))[np.asarray(content.segment_track)]
    distance = np.sqrt(2.0 * (attraction - attraction.min()) / kl_weight(model.scoring))
    return replace(content, embedding=with_dimension(rows, distance))
