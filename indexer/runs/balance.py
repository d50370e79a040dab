"""Balances the rows of a snapshot that is being made; see `indexer.search.balance`.

Letters: S segments, T tracks.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from indexer.search.balance import (
    EmotionEmbedder,
    attraction_of,
    doubt,
    emotion_bank,
    kl_weight,
    mean_sd,
    with_dimension,
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
    bank = emotion_bank(QuantileScale.fit(content.segment_emotion[standing]))
    attraction = attraction_of(model.embed_emotion(bank), content.embedding, model.scoring)
    ends = content.curve_offsets
    sds = [mean_sd(content.curve_values[a:b, 2:]) for a, b in pairwise(ends)]
    attraction += doubt(np.stack(sds))[np.asarray(content.segment_track)]
    distance = np.sqrt(2.0 * (attraction - attraction.min()) / kl_weight(model.scoring))
    return replace(content, embedding=with_dimension(content.embedding, distance))
