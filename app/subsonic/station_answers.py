"""The music of stations, kept while it stays the same: lists of playlists ask for all of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from app.errors import AppError
from app.library.live import Live
from app.playlists.queries import QueryModel
from app.stations.variation import question_of, seed_of, varied
from indexer.catalog.stations import Station

MOST_KEPT = 200
Key = tuple[str, datetime, str, str | None]


@dataclass
class StationAnswers:
    """Answers a station once for each snapshot, seed and change of it."""

    _kept: OrderedDict[Key, tuple[int, ...]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def track_ids(
        self, station: Station, model: QueryModel, live: Live, seed: str | None = None
    ) -> tuple[int, ...]:
        """Ids of a station's tracks in order; none where its question has no answer any more."""
        chosen = seed_of(station, seed, datetime.now().astimezone())
        key = (station.id, station.updated_at, live.id, chosen)
        with self._lock:  # one at a time: a list of stations must not take every core
            if key not in self._kept:
                self._kept[key] = _answer(station, chosen, model, live)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]


def _answer(station: Station, seed: str | None, model: QueryModel, live: Live) -> tuple[int, ...]:
    try:
        playlist = varied(question_of(station), seed, model, live).playlist
    except (AppError, ValueError):  # a track it names has gone, or a build that knew more asked
        return ()
    return tuple(item.track.id for item in playlist.items)
