"""From the rows of an answer to what is said of its tracks.

Letters: N tracks of an answer, T tracks of the snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.search.scope import Scope
from indexer.search.scores import Scores
from indexer.search.tables import Task, Wanted
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.scoring import Direction, ScoringParams

_NO_FIRST, _NO_ARTISTS = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)


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
    """Exactly scored tracks in order of rank.

    Attributes:
        rows: The best segment of each, [N].
        tracks: [N].
        scores: Total, CCA half, -KL, [N, 3].
    """

    rows: NDArray[np.int64]
    tracks: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Request:
    """What a search asks for, besides its query."""

    wanted: int
    scoring: ScoringParams
    direction: Direction
    max_per_artist: int | None
    scope: Scope


class Ranker:
    """What ranking the tracks of one snapshot takes, and their hits."""

    def __init__(self, snapshot: Snapshot, scoring: ScoringParams) -> None:
        """Prepare the columns that every search reads."""
        self._tracks = snapshot.tracks
        self.scores = Scores(
            snapshot.embedding, scoring, snapshot.track_first, snapshot.tracks.content_codes
        )
        self._ids = np.asarray(snapshot.tracks.ids)
        self._segment_s = np.asarray(snapshot.segment_s)
        self._emotion = np.asarray(snapshot.segment_emotion)

    def task(self, query: Embedding, request: Request) -> Task:
        """One query, a row, ready to be scored."""
        wanted = Wanted(request.wanted, -1, _NO_FIRST, _NO_ARTISTS)
        if request.max_per_artist is not None:
            artists = self._tracks.artist_groups
            wanted = Wanted(request.wanted, request.max_per_artist, artists.first, artists.codes)
        asked = self.scores.ask(query, request.scoring.kind, request.direction)
        return Task(self.scores.items, asked, wanted)

    def hits(self, ranked: Ranked, offset: int) -> tuple[Hit, ...]:
        """The answer from rank `offset` on."""
        rows = ranked.rows[offset:]
        start_s, end_s = self._segment_s[rows].T.tolist() if len(rows) else ([], [])
        arousal, valence = self._emotion[rows].T.tolist() if len(rows) else ([], [])
        ids = self._ids[ranked.tracks[offset:]].tolist()
        total, cca, neg_kl = ranked.scores[offset:].T.tolist()
        return tuple(map(Hit, ids, start_s, end_s, total, cca, neg_kl, valence, arousal))
