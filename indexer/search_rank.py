"""From scored segments to ranked tracks.

Letters: M segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.search_scores import Asked, Scores
from indexer.snapshot_reader import Snapshot
from model.scoring import ScoringParams

TIE_DECIMALS = 9  # scores that agree to 1e-9 nats are equal; the smaller track id comes first
TIE = 2.0 * 10.0**-TIE_DECIMALS

Rows = NDArray[np.int64]


class Hit(NamedTuple):
    """A track of the answer, with its best segment.

    Attributes:
        track_id: The catalogue's id.
        start_s: Where the segment begins.
        end_s: Where it ends.
        score: The composite, in nats with `gaussian`.
        cca: Its CCA half.
        neg_kl: Its Gaussian half, in nats, at most 0.
        valence: Of the segment, absolute scale.
        arousal: Of the segment, absolute scale.
    """

    track_id: int
    start_s: float
    end_s: float
    score: float
    cca: float
    neg_kl: float
    valence: float
    arousal: float


@dataclass(frozen=True)
class Ranked:
    """Exactly scored segments in order of rank: rows, tracks, and total, cca, neg_kl of each."""

    rows: Rows
    tracks: NDArray[np.int64]
    scores: NDArray[np.float64]  # [3, M]

    def at(self, positions: NDArray[np.intp]) -> Ranked:
        """Those in these places."""
        return Ranked(self.rows[positions], self.tracks[positions], self.scores[:, positions])

    def above(self, bound: float) -> Ranked:
        """Those that score more than `bound`."""
        return self.at(np.flatnonzero(self.scores[0] > bound))


class Ranker:
    """Ranks the tracks of one snapshot by scores in float64."""

    def __init__(self, snapshot: Snapshot, scoring: ScoringParams) -> None:
        """Prepare the columns that every search reads."""
        self.scores = Scores(snapshot.embedding, scoring)
        self._first = np.asarray(snapshot.track_first)
        self._snapshot = snapshot
        self._ids = np.asarray(snapshot.tracks.ids)
        self._content = np.asarray(snapshot.tracks.content_codes)
        self._segment_s = np.asarray(snapshot.segment_s)
        self._emotion = np.asarray(snapshot.segment_emotion)

    def ranked(self, asked: Asked, rows: Rows) -> Ranked:
        """Segments scored by the definition, best first, ties by row.

        Args:
            asked: The query.
            rows: Distinct segments, [M].
        """
        rows = np.sort(rows)
        scores = self.scores.score(asked, rows)
        order = np.argsort(-np.round(scores[0], TIE_DECIMALS), kind="stable")
        rows = rows[order]
        tracks = np.searchsorted(self._first, rows, side="right") - 1
        return Ranked(rows, tracks, scores[:, order])

    def first_of_each(self, rows: Rows, most: int) -> Rows:
        """The first row of each of the first `most` contents in `rows`."""
        tracks = np.searchsorted(self._first, rows, side="right") - 1
        first = np.sort(np.unique(self._content[tracks], return_index=True)[1])
        return rows[first[:most]]

    def chosen(self, ranked: Ranked, wanted: int, max_per_artist: int | None) -> Ranked:
        """The wanted tracks in order: each once, each content once, no artist too often."""
        content = self._content[ranked.tracks]
        best = np.sort(np.unique(content, return_index=True)[1])  # a track has one content
        if max_per_artist is None:
            return ranked.at(best[:wanted])
        artists = self._snapshot.tracks.artist_codes[ranked.tracks[best]]
        kept, seen = [], dict[int, int]()
        for position, artist in zip(best.tolist(), artists.tolist(), strict=True):
            seen[artist] = seen.get(artist, 0) + 1
            if artist < 0 or seen[artist] <= max_per_artist:
                kept.append(position)
        return ranked.at(np.array(kept[:wanted], dtype=np.intp))

    def hits(self, ranked: Ranked, offset: int) -> tuple[Hit, ...]:
        """The answer from rank `offset` on."""
        rows = ranked.rows[offset:]
        start_s, end_s = self._segment_s[rows].T.tolist() if len(rows) else ([], [])
        arousal, valence = self._emotion[rows].T.tolist() if len(rows) else ([], [])
        ids = self._ids[ranked.tracks[offset:]].tolist()
        total, cca, neg_kl = ranked.scores[:, offset:].tolist()
        return tuple(map(Hit, ids, start_s, end_s, total, cca, neg_kl, valence, arousal))
