"""The music of stations, kept while it stays the same: lists of playlists ask for all of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.errors import AppError, WorkTimeoutError
from app.library.live import Live
from app.playlists.queries import QueryModel
from app.stations.variation import question_of, seed_of, varied
from app.wire.schemas import PlaylistRequest
from indexer.catalog.stations import Station

MOST_KEPT = 200
Key = tuple[str, datetime, str, str | None, tuple[int, ...]]


@dataclass
class StationAnswers:
    """Answers a station once for each snapshot, seed and change of it."""

    _kept: OrderedDict[Key, tuple[int, ...]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def track_ids(
        self,
        station: Station,
        model: QueryModel,
        live: Live,
        heard: Callable[[float | None], Sequence[int]],
    ) -> tuple[int, ...]:
        """Ids of a station's tracks in order; none where its question has no answer any more.

        Args:
            station: Which one.
            model: Embeds its question.
            live: The snapshot that answers, on the listener's plane.
            heard: What the listener heard in the last so many seconds, the last one first.

        Raises:
            WorkTimeoutError: It took longer than its desk allows.
        """
        seed = seed_of(station, None, datetime.now().astimezone())
        question = asked_by(station)
        aside = tuple(heard(question.not_again_s)) if question is not None else ()
        key = (station.id, station.updated_at, live.version, seed, aside)
        with self._lock:  # one at a time: a list of stations must not take every core
            if key not in self._kept:
                self._kept[key] = _answer(question, seed, model, live, aside)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]


def asked_by(station: Station) -> PlaylistRequest | None:
    """What a station asks; None where a build that knew more saved it."""
    try:
        return question_of(station)
    except ValueError:
        return None


def _answer(
    question: PlaylistRequest | None,
    seed: str | None,
    model: QueryModel,
    live: Live,
    heard: Sequence[int],
) -> tuple[int, ...]:
    if question is None:
        return ()
    try:
        playlist = varied(question, seed, model, live, heard).playlist
    except WorkTimeoutError:  # the next time there may be less to do
        raise
    except (AppError, ValueError):  # a track it names has gone
        return ()
    return tuple(item.track.id for item in playlist.items)
