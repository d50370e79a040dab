"""How alike two tracks of a snapshot feel, and the way from one to another.

A score is in nats and differs in scale between checkpoints, so likeness is put on a scale of its
own: 1 for the track itself, one half for a track as far as the median one, towards 0 for the most
different. It falls with the score, so that its order is the search's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.library.live import Live
from app.playlists.match import similar_hits
from app.playlists.queries import EmbeddedQuery, music_query, query_places, track_query
from indexer.search.columns import doubled, points
from indexer.search.request import SearchRequest
from indexer.snapshot.filters import TrackFilter
from model.embedding import Embedding
from model.scoring import ScoringParams, score

SAMPLE = 256  # tracks, evenly spread, whose median sets the scale
LEAST_SCALE = 1e-6  # nats
PATH_CHOICE = 2  # candidates a step of a path chooses from, beyond as many as there are steps


class Likeness:
    """How much other tracks feel like one."""

    def __init__(self, live: Live, scoring: ScoringParams, track_id: int) -> None:
        """Compare with the track of this id, by the checkpoint's scoring.

        Raises:
            TrackNotFoundError: The snapshot lacks it.
        """
        self._live, self._id, self._scoring = live, track_id, doubled(scoring)
        row = live.snapshot.tracks.row_of(track_id)
        self._query = music_query(live, [track_id])
        self._places = query_places([self._query])
        rows = np.unique(np.linspace(0, len(live.snapshot.tracks) - 1, SAMPLE).astype(int))
        sample = self._scores([each for each in rows.tolist() if each != row] or [row])
        self._own = float(self._scores([row])[0])
        self._scale = max(self._own - float(np.median(sample)), LEAST_SCALE)

    def nearest(self, count: int) -> list[tuple[int, float]]:
        """The most similar other tracks with their likeness, best first."""
        others = TrackFilter(exclude_ids=frozenset({self._id}))
        hits = similar_hits(self._live, self._query, count, others).hits
        return [(hit.track_id, self._likeness(hit.score)) for hit in hits]

    def of(self, track_ids: Sequence[int]) -> list[tuple[int, float]]:
        """The tracks with their likeness, in the order given."""
        rows = [self._live.snapshot.tracks.row_of(each) for each in track_ids]
        scores = self._scores(rows).tolist() if rows else []
        return [
            (each, 1.0 if each == self._id else self._likeness(value))
            for each, value in zip(track_ids, scores, strict=True)
        ]

    def _likeness(self, value: float) -> float:
        return float(2.0 ** -max(0.0, (self._own - value) / self._scale))

    def _scores(self, rows: Sequence[int]) -> NDArray[np.float64]:
        """Scores of whole tracks, [N]."""
        snapshot = self._live.snapshot
        candidates = Embedding.concatenate([track_query(snapshot, row)[0] for row in rows])
        found = score(points(self._query.embedding), points(candidates), self._scoring, "m2m")
        heard = np.asarray(found.total.numpy(), dtype=np.float64)  # [1, N]
        return np.asarray(self._live.liked(heard, rows, self._places)[0])


def path_between(live: Live, start: int, end: int, most: int) -> list[int]:
    """Tracks from one to another, each the nearest to its point of the straight way between.

    Args:
        live: The snapshot.
        start: Id of the first track.
        end: Id of the last track.
        most: Most tracks, both ends counted.

    Returns:
        Ids, none twice; one alone where both ends are the same.

    Raises:
        TrackNotFoundError: The snapshot lacks one.
    """
    first, last = (music_query(live, [each]) for each in (start, end))
    if start == end:
        return [start]
    shares = np.linspace(0.0, 1.0, most)[1:-1]
    if not len(shares):
        return [start, end]
    steps = [_between(first, last, float(share)) for share in shares]
    others = TrackFilter(exclude_ids=frozenset({start, end}))
    limit = len(shares) + PATH_CHOICE
    request = SearchRequest(
        Embedding.concatenate([step.embedding for step in steps]),
        limit,
        others,
        direction="m2m",
        level="track",
        places=query_places(steps),
    )
    path, used = [start], {start, end}
    for found in live.searcher.search(request):
        step = next((hit.track_id for hit in found.hits if hit.track_id not in used), None)
        if step is not None:
            path.append(step)
            used.add(step)
    return [*path, end]


def _between(first: EmbeddedQuery, last: EmbeddedQuery, share: float) -> EmbeddedQuery:
    def mixed(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((1.0 - share) * a + share * b, dtype=np.float32)

    one, other = first.embedding, last.embedding
    embedding = Embedding(
        mixed(one.phi, other.phi), mixed(one.mu, other.mu), mixed(one.var, other.var)
    )
    places = query_places([first, last])
    felt, heard = ((1.0 - share) * at[0] + share * at[1] for at in (places.felt, places.heard))
    return EmbeddedQuery(
        embedding, "m2m", float(felt[1]), float(felt[0]), heard=(float(heard[0]), float(heard[1]))
    )
