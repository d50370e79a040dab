"""Other answers of about equal fit: a seed sets aside a part of the best answer.

What is set aside is replaced by what comes next in the ranking (or, on a journey, by the tracks
that then fit the curve best together), so the caps, filters and the order of the question hold as
ever. How far the answer falls below the best one is measured and stated.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from app.library.live import Live
from app.playlists.match import make_playlist
from app.playlists.queries import QueryModel
from app.wire.responses import PlaylistResponse
from app.wire.schemas import Filters, PlaylistRequest
from indexer.catalog.stations import Station

SET_ASIDE = 0.5  # of the best answer
MOST_EXCLUDED = 10_000


@dataclass(frozen=True)
class Varied:
    """An answer, and how far its mean score lies below that of the best one, nats."""

    playlist: PlaylistResponse
    seed: str | None
    below_best: float


def question_of(station: Station) -> PlaylistRequest:
    """What a station asks."""
    return PlaylistRequest.model_validate(station.question)


def seed_of(station: Station, asked: str | None, now: datetime) -> str | None:
    """The seed of an answer: the one asked for, else that of the day, else none."""
    if asked is not None:
        return asked
    return now.date().isoformat() if station.rhythm == "daily" else None


def varied(request: PlaylistRequest, seed: str | None, model: QueryModel, live: Live) -> Varied:
    """The best answer without a seed; with one, another answer of as many tracks.

    Raises:
        AppError: Whatever `make_playlist` raises.
    """
    best = make_playlist(request, model, live)
    if seed is None or not best.items:
        return Varied(best, seed, 0.0)
    chance = random.Random(f"{seed}\n{request.model_dump_json()}")
    aside = [item.track.id for item in best.items if chance.random() < SET_ASIDE]
    while aside:
        other = make_playlist(without(request, aside), model, live)
        if len(other.items) >= len(best.items):
            return Varied(other, seed, _mean_score(best) - _mean_score(other))
        aside = aside[: len(aside) // 2]  # a small catalogue has nothing to put in their place
    return Varied(best, seed, 0.0)


def without(request: PlaylistRequest, track_ids: list[int]) -> PlaylistRequest:
    """The same question, these tracks left out."""
    filters = request.filters or Filters.model_validate({})
    excluded = [*filters.exclude_ids, *track_ids][-MOST_EXCLUDED:]
    changed = filters.model_copy(update={"exclude_ids": excluded})
    return request.model_copy(update={"filters": changed})


def _mean_score(playlist: PlaylistResponse) -> float:
    return sum(item.score for item in playlist.items) / len(playlist.items)
