"""The wire of AudioMuse-AI: similar songs and ways between songs, by the media server's ids.

Distances are 0 to 1; clients take 1 - distance as similarity. Where nothing is linked
(`circumplex link`), ids are those of this service.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from app.compat.links import LinkStore, SongLinks
from app.library.live import Live
from app.playlists.likeness import Likeness, path_between
from app.routes.access import live_of, read_access
from app.services import Services, ServicesDep
from indexer.catalog.records import TrackQuery
from indexer.errors import TrackNotFoundError
from indexer.snapshot.tracks import TrackRecord
from model.folding import fold

MOST = 200
MOOD_FACTOR = 4  # with `mood_similarity`, candidates for each wanted song

Count = Annotated[int, Query(ge=1, le=MOST)]
Text = Annotated[str | None, Query(max_length=500)]


class _UnknownSongError(Exception):
    """What is answered with 404."""


def make_router(links: LinkStore) -> APIRouter:
    """The routes below `/api`."""
    router = APIRouter(prefix="/api", include_in_schema=False)

    @router.get("/health")
    async def get_health() -> dict[str, str]:
        """The service answers; asked without a key, as monitors do."""
        return {"status": "ok"}

    @router.get("/similar_tracks", dependencies=[Depends(read_access)])
    def get_similar_tracks(
        request: Request,
        services: ServicesDep,
        item_id: Text = None,
        title: Text = None,
        artist: Text = None,
        n: Count = 10,
        eliminate_duplicates: bool | None = None,
        radius_similarity: bool | None = None,
        mood_similarity: bool | None = None,
    ) -> JSONResponse:
        """Songs that feel like one, the nearest first."""
        del radius_similarity  # it names another order of the same songs; this service has one
        if item_id is None and not (title and artist):
            return _error(400, "give item_id, or title and artist")
        return _answered(
            lambda: _similar(
                services, live_of(request, services), links.current(), (item_id, title, artist), n,
                unique=eliminate_duplicates is not False, by_mood=bool(mood_similarity),
            )
        )  # fmt: skip

    @router.get("/find_path", dependencies=[Depends(read_access)])
    async def get_path(
        request: Request,
        services: ServicesDep,
        start_song_id: Text = None,
        end_song_id: Text = None,
        max_steps: Annotated[int, Query(ge=2, le=MOST)] = 25,
    ) -> JSONResponse:
        """A way from one song to another; it begins and ends with them."""
        if start_song_id is None or end_song_id is None:
            return _error(400, "give start_song_id and end_song_id")
        if start_song_id == end_song_id:
            return _error(400, "start_song_id and end_song_id are the same song")
        ends = (start_song_id, end_song_id)
        return await services.journeys.run(
            request,
            lambda: _answered(
                lambda: _path(
                    services, live_of(request, services), links.current(), ends, max_steps
                )
            ),
        )

    @router.get("/search_tracks", dependencies=[Depends(read_access)])
    def search_tracks(
        services: ServicesDep, title: Text = None, artist: Text = None, q: Text = None
    ) -> JSONResponse:
        """Songs whose names hold the words."""
        words = " ".join(filter(None, (q, title, artist))).strip()
        if not words:
            return _error(400, "give title, artist or q")
        return _answered(lambda: _searched(services, links.current(), words))

    return router


def _similar(
    services: Services,
    live: Live,
    links: SongLinks,
    asked: tuple[str | None, str | None, str | None],
    n: int,
    *,
    unique: bool,
    by_mood: bool,
) -> list[dict[str, Any]]:
    track_id = _track_of(services, links, live, *asked)
    wide = min(n * (MOOD_FACTOR if unique or by_mood else 1) + 1, len(live.snapshot.tracks))
    found = Likeness(live, services.model_of(live).scoring, track_id).nearest(wide)
    if by_mood:
        found = _nearest_on_plane(live, track_id, found)
    songs, seen = [], {_name(_record(live, track_id))}
    for each, likeness in found:
        record = _record(live, each)
        if unique and _name(record) in seen:
            continue
        seen.add(_name(record))
        songs.append(_song(record, links, 1.0 - likeness))
    return songs[:n]


def _nearest_on_plane(
    live: Live, track_id: int, found: list[tuple[int, float]]
) -> list[tuple[int, float]]:
    """The same songs, those nearest in arousal and valence first; likeness is kept."""
    row_of, emotion = live.snapshot.tracks.row_of, live.places("absolute")
    here = emotion[row_of(track_id)]
    return sorted(found, key=lambda pair: float(((emotion[row_of(pair[0])] - here) ** 2).sum()))


def _path(
    services: Services, live: Live, links: SongLinks, ends: tuple[str, str], most: int
) -> dict[str, Any]:
    start, end = (_track_of(services, links, live, each, None, None) for each in ends)
    ids = path_between(live, start, end, most)
    scoring = services.model_of(live).scoring
    steps = [
        1.0 - Likeness(live, scoring, before).of([after])[0][1] for before, after in pairwise(ids)
    ]
    from_start = Likeness(live, scoring, start).of(ids)
    path = [_song(_record(live, each), links, 1.0 - like) for each, like in from_start]
    return {"path": path, "total_distance": round(sum(steps), 6)}


def _searched(services: Services, links: SongLinks, words: str) -> list[dict[str, Any]]:
    live = services.live.current()
    page = services.catalog.list_tracks(TrackQuery(text=words), limit=20)
    found = [_known(live, track.id) for track in page.items]
    return [_song(record, links, None) for record in found if record is not None]


def _track_of(
    services: Services,
    links: SongLinks,
    live: Live,
    item_id: str | None,
    title: str | None,
    artist: str | None,
) -> int:
    if item_id is not None:
        track_id = links.track_of.get(item_id)
        if track_id is None and not links.server and item_id.isdecimal():
            track_id = min(int(item_id), 2**31 - 1)
        if track_id is None or _known(live, track_id) is None:
            raise _UnknownSongError(f"no song {item_id[:64]!r}")
        return track_id
    page = services.catalog.list_tracks(TrackQuery(text=f"{title} {artist}"), limit=50)
    for track in page.items:
        same = fold(track.title) == fold(title or "") and fold(artist or "") in fold(
            track.artist or ""
        )
        if same and _known(live, track.id) is not None:
            return track.id
    raise _UnknownSongError(f"no song {title!r} by {artist!r}")


def _known(live: Live, track_id: int) -> TrackRecord | None:
    try:
        return _record(live, track_id)
    except TrackNotFoundError:
        return None


def _record(live: Live, track_id: int) -> TrackRecord:
    return live.snapshot.tracks[live.snapshot.tracks.row_of(track_id)]


def _song(record: TrackRecord, links: SongLinks, distance: float | None) -> dict[str, Any]:
    song = {
        "item_id": links.song_of.get(record.id, str(record.id)),
        "title": record.title,
        "author": record.artist,
        "album": record.album,
    }
    return song if distance is None else {**song, "distance": round(max(0.0, distance), 6)}


def _name(record: TrackRecord) -> tuple[str, str]:
    return fold(record.title or ""), fold(record.artist or "")


def _answered(work: Callable[[], Any]) -> JSONResponse:
    try:
        return JSONResponse(work())
    except _UnknownSongError as exc:
        return _error(404, str(exc))


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
