"""The music of stations, kept while it stays the same: lists of playlists ask for all of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from app.errors import AppError, WorkTimeoutError
from app.library.live import Live
from app.playlists.queries import QueryModel
from app.stations.variation import question_of, seed_of, varied
from app.wire.schemas import PlaylistRequest
from indexer.catalog.stations import MOST_STATIONS, Station

MOST_KEPT = 2 * MOST_STATIONS  # a list of them does not drive out its own beginning
Heard = Callable[[float | None], Sequence[int]]


class Key(NamedTuple):
    """What the music of a station depends on."""

    station_id: str
    updated_at: datetime
    version: str
    seed: str | None
    heard: tuple[int, ...]


@dataclass
class StationAnswers:
    """Answers a station once for each snapshot, seed and change of it."""

    _kept: OrderedDict[Key, tuple[int, ...]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def track_ids(
        self,
        station: Station,
        model: QueryModel,
        live: Live,
        heard: Heard,
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
        question = asked_by(station)
        key = _key(station, question, live, heard)
        kept = self._found(key)
        if kept is not None:
            return kept
        with self._making:  # one at a time: a list of stations must not take every core
            kept = self._found(key)
            if kept is not None:
                return kept
            made = _answer(question, key.seed, model, live, key.heard)
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return made

    def is_kept(self, station: Station, live: Live, heard: Heard) -> bool:
        """Whether `track_ids` would answer at once."""
        return self._found(_key(station, asked_by(station), live, heard)) is not None

    def _found(self, key: Key) -> tuple[int, ...] | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


def _key(station: Station, question: PlaylistRequest | None, live: Live, heard: Heard) -> Key:
    aside = tuple(heard(question.not_again_s)) if question is not None else ()
    seed = seed_of(station, None, datetime.now().astimezone())
    return Key(station.id, station.updated_at, live.version, seed, aside)


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
