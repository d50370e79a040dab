"""What a station asks, and its other answers: drawn from those that fit about as well (ADR 82).

A seed is any text; the day's date is one. How far an answer falls below the best one is stated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from app.library.live import Live
from app.playlists.match import make_playlist
from app.playlists.queries import QueryModel
from app.playlists.recency import stepping_back
from app.wire.responses import PlaylistResponse
from app.wire.schemas import PlaylistRequest
from indexer.catalog.stations import Station

VARIETY = 1.0  # of an answer with a seed: each track with the likelihood that it is what was asked


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


def varied(
    request: PlaylistRequest,
    seed: str | None,
    model: QueryModel,
    live: Live,
    heard: Sequence[int] = (),
) -> Varied:
    """The best answer without a seed; with one, another answer of about equal fit.

    Args:
        request: What the station asks.
        seed: Any text; None for the best answer.
        model: Embeds the question.
        live: The snapshot that answers.
        heard: Tracks that step back, the one heard last first.

    Raises:
        AppError: Whatever `make_playlist` raises.
    """
    make = partial(make_playlist, model=model, live=live)
    best, question = stepping_back(request, heard, make)
    if seed is None or not best.items:
        return Varied(best, seed, 0.0)
    changes = {"variety": max(VARIETY, request.variety), "seed": _number(seed, request)}
    # The best journey is known where the station asks for no variety of its own.
    known = best if request.variety <= 0.0 else None
    other = make(question.model_copy(update=changes), best=known)
    other = other.model_copy(update={"not_again": best.not_again})
    return Varied(other, seed, _mean_score(best) - _mean_score(other))


def _number(seed: str, request: PlaylistRequest) -> int:
    """The seed as the draw takes it; another one for each question."""
    text = f"{seed}\n{request.model_dump_json()}".encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest()) % 2**31


def _mean_score(playlist: PlaylistResponse) -> float:
    return sum(item.score for item in playlist.items) / max(1, len(playlist.items))
