"""The shapes of two endpoints that Spotify closed: recommendations and audio features.

Spotify's `valence` and `energy` run from 0 to 1. Here they are valence and arousal of the relative
scale, -1 to 1, moved to 0 to 1: (x + 1) / 2. So 0.9 is among the top tenth of this library.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from app.library.live import Live
from app.playlists.match import make_playlist, similar_hits
from app.playlists.queries import music_query
from app.routes.access import live_of, read_access
from app.services import Services, ServicesDep
from app.wire.schemas import PlaylistRequest
from indexer.errors import TrackNotFoundError
from indexer.snapshot.filters import TrackFilter

MOST_SEEDS = 5
WIDEST = 500
Share = Annotated[float | None, Query(ge=0.0, le=1.0, allow_inf_nan=False)]


def make_router() -> APIRouter:
    """The routes below `/compat/spotify/v1`."""
    router = APIRouter(
        prefix="/compat/spotify/v1", include_in_schema=False, dependencies=[Depends(read_access)]
    )

    @router.get("/recommendations")
    def get_recommendations(
        request: Request,
        services: ServicesDep,
        seed_tracks: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        min_valence: Share = None,
        max_valence: Share = None,
        target_valence: Share = None,
        min_energy: Share = None,
        max_energy: Share = None,
        target_energy: Share = None,
    ) -> JSONResponse:
        """Tracks like the seeds, or near the targets, within the bounds."""
        bounds = (min_energy, max_energy), (min_valence, max_valence)
        seeds = [each for each in seed_tracks.split(",") if each]
        if not seeds and target_valence is None and target_energy is None:
            return _error(400, "give seed_tracks, target_valence or target_energy")
        if len(seeds) > MOST_SEEDS or not all(s.isdecimal() and len(s) < 10 for s in seeds):
            return _error(400, f"seed_tracks takes up to {MOST_SEEDS} ids of this library")
        live, ids = live_of(request, services), [int(each) for each in seeds]
        try:
            ranked = (
                _like(live, ids) if ids else _near(services, live, target_energy, target_valence)
            )
        except TrackNotFoundError as exc:
            return _error(404, str(exc))
        shares = _shares(live)
        if ids and (target_energy is not None or target_valence is not None):
            ranked = _by_target(live, shares, ranked, target_energy, target_valence)
        kept = [each for each in ranked if _within(shares[_row(live, each)], bounds)]
        tracks = [_track(live, each) for each in kept[:limit]]
        told = [{"id": each, "type": "TRACK", "initialPoolSize": len(ranked)} for each in seeds]
        return JSONResponse({"seeds": told, "tracks": tracks})

    @router.get("/audio-features/{track_id}")
    def get_audio_features(track_id: str, request: Request, services: ServicesDep) -> JSONResponse:
        """Valence and energy of a track, and its length; nothing that is not measured."""
        live = live_of(request, services)
        try:
            row = live.snapshot.tracks.row_of(int(track_id) if track_id.isdecimal() else -1)
        except (TrackNotFoundError, OverflowError):
            return _error(404, f"no track {track_id[:40]!r}")
        energy, valence = _shares(live)[row]
        return JSONResponse(
            {
                "id": track_id,
                "type": "audio_features",
                "uri": f"circumplex:track:{track_id}",
                "duration_ms": round(1000 * live.snapshot.tracks[row].duration_s),
                "valence": round(float(valence), 4),
                "energy": round(float(energy), 4),
            }
        )

    return router


def _like(live: Live, seeds: list[int]) -> list[int]:
    others = TrackFilter(exclude_ids=frozenset(seeds))
    found = similar_hits(live, music_query(live, seeds), WIDEST, others)
    return [hit.track_id for hit in found.hits]


def _near(services: Services, live: Live, energy: float | None, valence: float | None) -> list[int]:
    point = {
        "t": 0.0,
        "valence": 2.0 * (0.5 if valence is None else valence) - 1.0,
        "arousal": 2.0 * (0.5 if energy is None else energy) - 1.0,
    }
    asked = PlaylistRequest.model_validate({"emotion": {"curve": [point]}, "limit": WIDEST})
    return [item.track.id for item in make_playlist(asked, services.model_of(live), live).items]


def _by_target(
    live: Live, shares: Any, ranked: list[int], energy: float | None, valence: float | None
) -> list[int]:
    """The tracks most like the seeds, those nearest to the targets first."""

    def distance(track_id: int) -> float:
        place = shares[_row(live, track_id)]
        pairs = ((place[0], energy), (place[1], valence))
        return sum((float(is_at) - want) ** 2 for is_at, want in pairs if want is not None)

    return sorted(ranked, key=distance)


def _within(
    place: Any, bounds: tuple[tuple[float | None, float | None], tuple[float | None, float | None]]
) -> bool:
    return all(
        (low is None or value >= low) and (high is None or value <= high)
        for value, (low, high) in zip(place, bounds, strict=True)
    )


def _shares(live: Live) -> Any:
    """(energy, valence) of each track, 0 to 1, [T, 2]."""
    return np.clip((live.places("relative") + 1.0) / 2.0, 0.0, 1.0)


def _row(live: Live, track_id: int) -> int:
    return live.snapshot.tracks.row_of(track_id)


def _track(live: Live, track_id: int) -> dict[str, Any]:
    track = live.shown[track_id]
    isrcs = track.identifiers.isrcs if track.identifiers else []
    return {
        "id": str(track.id),
        "type": "track",
        "uri": f"circumplex:track:{track.id}",
        "name": track.title,
        "artists": [{"name": name, "type": "artist"} for name in track.artists],
        "album": {"name": track.album, "type": "album"},
        "duration_ms": None if track.duration_s is None else round(1000 * track.duration_s),
        "external_ids": {"isrc": isrcs[0]} if isrcs else {},
    }


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"status": status, "message": message}}, status)
