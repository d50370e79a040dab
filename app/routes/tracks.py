"""`/v1/tracks` and `/v1/library`: what is indexed."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse

from app.clips.emotions import track_emotion
from app.figures.figure import emotion_svg
from app.http.documentation import UNCHANGED, problems
from app.http.entity_tags import json_unless_known, known_answer, snapshot_tag, tagged
from app.http.paging import Cursor, Limit
from app.library.audio_files import audio_response
from app.library.live import Live
from app.library.open_files import open_track
from app.routes.access import is_administered, live_of, live_or_none_of, read_access
from app.services import ServicesDep
from app.wire.responses import (
    EmotionResponse,
    GenreOut,
    IndexingOut,
    LibraryOut,
    MeanOut,
    TrackDetail,
    TrackListItem,
    TrackMap,
    TrackPageOut,
)
from app.wire.schemas import Name, NotMusic, Scale
from app.wire.tracks import copies_in, track_out
from indexer.catalog.records import RunProgress, Track, TrackQuery
from indexer.errors import TrackNotFoundError
from indexer.folders.roots import is_in_store
from indexer.snapshot.filters import TrackFilter
from indexer.snapshot.tracks import TrackRecord
from model.feelings.moods import plane_words
from model.verdict import VerdictKind

MOST_GENRES = 100  # in the library's description

router = APIRouter(
    prefix="/v1",
    tags=["tracks"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)

TrackIdPath = Annotated[int, Path(ge=1, le=2**31 - 1, description="Id of a track.")]
ScaleQuery = Annotated[Scale, Query(description="Of the answer.")]
Seconds = Annotated[float | None, Query(ge=0, le=1e6, allow_inf_nan=False)]
Year = Annotated[int | None, Query(ge=0, le=9999)]
Verdicts = Annotated[list[VerdictKind], Query(max_length=4, description="What they are taken for.")]
Included = Annotated[list[NotMusic], Query(max_length=3, description="What to show besides music.")]
Names = Annotated[list[Name], Query(max_length=100)]


@router.get(
    "/library",
    summary="What is indexed",
    response_model=LibraryOut,
    responses={**UNCHANGED, **problems(429, 503)},
)
def get_library(request: Request, services: ServicesDep) -> Response:
    """Size and age of the index, and the genres and mood words it can be asked with."""
    live = services.live.current_or_none()
    under_way = [run for run in services.catalog.list_runs(limit=1) if not run.is_over]
    answer = LibraryOut(
        snapshot_id=live.id if live else None,
        model_id=services.model_of(live).model_id,
        scale="relative",
        tracks=live.snapshot.manifest.tracks if live else 0,
        segments=live.snapshot.manifest.segments if live else 0,
        failed=services.catalog.counts().failed,
        verdicts=services.catalog.verdicts(),
        copies=int((~live.snapshot.tracks.answering.best).sum()) if live else 0,
        administered=is_administered(services),
        partial=live.partial if live else False,
        indexing=bool(under_way),
        progress=_progress(under_way[0].progress) if under_way else None,
        duration_s=round(live.duration_s, 1) if live else 0.0,
        indexed_at=live.created_at if live else None,
        genres=[GenreOut(name=n, tracks=t) for n, t in live.genres[:MOST_GENRES]] if live else [],
        moods={word: MeanOut(valence=v, arousal=a) for word, (v, a) in plane_words().items()},
    )
    return json_unless_known(request, answer)


@router.get(
    "/tracks",
    summary="The catalogue, page by page",
    response_model=TrackPageOut,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def list_tracks(
    request: Request,
    services: ServicesDep,
    limit: Limit = 100,
    cursor: Cursor = None,
    q: Annotated[
        str | None,
        Query(max_length=200, description="Words that title, artist, album or path contain."),
    ] = None,
    genre: Names = [],  # noqa: B006 - FastAPI copies it
    artist: Names = [],  # noqa: B006
    year_min: Year = None,
    year_max: Year = None,
    duration_min_s: Seconds = None,
    duration_max_s: Seconds = None,
    verdict: Verdicts = [],  # noqa: B006
    scale: ScaleQuery = "relative",
) -> Response:
    """Tracks in order of id; every filter that is given must hold.

    With `q` titles that begin with its words come first, the shortest before, then music by artists
    whose names begin so, then the others.
    """
    query = TrackQuery(
        genre=tuple(genre),
        artist=tuple(artist),
        year_min=year_min,
        year_max=year_max,
        duration_min_s=duration_min_s,
        duration_max_s=duration_max_s,
        text=q,
        verdict=tuple(verdict),
    )
    page = services.catalog.list_tracks(query, limit=limit, cursor=cursor)
    live = live_or_none_of(request, services)
    answer = TrackPageOut(
        snapshot_id=live.id if live else None,
        model_id=services.model_of(live).model_id,
        scale=scale,
        items=[_list_item(track, live, scale) for track in page.items],
        next_cursor=page.next_cursor,
    )
    return json_unless_known(request, answer)


@router.get(
    "/tracks/map",
    summary="All tracks as points",
    response_model=TrackMap,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def get_track_map(
    request: Request,
    services: ServicesDep,
    scale: ScaleQuery = "relative",
    include: Included = [],  # noqa: B006
) -> Response:
    """Where each recording that is music lies on the plane, in one compact answer, to draw."""
    live = live_of(request, services)
    tag = snapshot_tag(request, live.version)
    if (known := known_answer(request, tag)) is not None:
        return known
    let_in = tuple(sorted(set(include)))
    content = live.kept.written(("map", scale, let_in), partial(_map, live, scale, let_in))
    return Response(content, media_type="application/json", headers=tagged(tag))


@router.get(
    "/tracks/{track_id}",
    summary="One track",
    response_model=TrackDetail,
    responses={**UNCHANGED, **problems(404, 422, 429, 503)},
)
def get_track(
    track_id: TrackIdPath, request: Request, services: ServicesDep, scale: ScaleQuery = "relative"
) -> Response:
    """What is known about a track, also one that could not be indexed."""
    track = services.catalog.track(track_id)
    live = live_or_none_of(request, services)
    answer = TrackDetail(
        **_list_item(track, live, scale).model_dump(),
        snapshot_id=live.id if live else None,
        model_id=services.model_of(live).model_id,
        scale=scale,
        content_id=track.content_id,
        size_bytes=track.size_bytes,
        status=track.status,
        failure_reason=track.failure_reason,
        note=track.note,
        added_at=track.added_at,
        updated_at=track.updated_at,
    )
    return json_unless_known(request, answer)


@router.get(
    "/tracks/{track_id}/emotion",
    summary="The emotion of a track over time",
    response_model=EmotionResponse,
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}},
        **UNCHANGED,
        **problems(404, 422, 429, 503),
    },
)
def get_track_emotion(
    track_id: TrackIdPath,
    request: Request,
    services: ServicesDep,
    scale: ScaleQuery = "relative",
    similar: Annotated[int, Query(ge=0, le=50, description="How many similar tracks.")] = 10,
    format: Annotated[
        Literal["json", "svg"], Query(description="`svg` draws the curve, for people to look at.")
    ] = "json",
) -> Response:
    """From the index: nothing is decoded."""
    live = live_of(request, services)
    tag = snapshot_tag(request, live.version)
    if (known := known_answer(request, tag)) is not None:
        return known
    answer = track_emotion(live, track_id, scale, similar if format == "json" else 0)
    if format == "svg":
        track = live.snapshot.tracks[live.snapshot.tracks.row_of(track_id)]
        drawn = emotion_svg(answer, track.title or track.path)
        return Response(drawn, media_type="image/svg+xml", headers=tagged(tag))
    return Response(answer.model_dump_json(), media_type="application/json", headers=tagged(tag))


@router.get(
    "/tracks/{track_id}/audio",
    summary="The audio of a track",
    response_class=FileResponse,
    responses={
        200: {"description": "The file.", "content": {"audio/*": {}}},
        206: {"description": "The part asked for with `Range`.", "content": {"audio/*": {}}},
        **UNCHANGED,
        **problems(404, 416, 422, 429, 503),
    },
)
def get_track_audio(track_id: TrackIdPath, request: Request, services: ServicesDep) -> Response:
    """The file as it is, whole or (with a `Range` header) a part of it."""
    track = services.catalog.track(track_id)
    if is_in_store(track.root):
        return services.stored.response(request, track)
    return audio_response(request, open_track(track, services.settings.music_roots))


def _map(live: Live, scale: Scale, let_in: tuple[NotMusic, ...]) -> bytes:
    shown = live.snapshot.tracks.passing(TrackFilter(let_in=let_in))
    rounded = live.places(scale)[shown].round(4)
    answer = TrackMap(
        snapshot_id=live.id,
        model_id=live.model_id,
        scale=scale,
        ids=live.snapshot.tracks.ids[shown].tolist(),
        arousal=rounded[:, 0].tolist(),
        valence=rounded[:, 1].tolist(),
    )
    return answer.model_dump_json().encode()


def _progress(progress: RunProgress) -> IndexingOut:
    return IndexingOut(
        files_total=progress.files_total,
        files_done=progress.files_done,
        files_failed=progress.files_failed,
        seconds_left=progress.seconds_left,
    )


def _list_item(track: Track, live: Live | None, scale: Scale) -> TrackListItem:
    arousal, valence = _place(track, live, scale)
    copies = _copies(track, live)
    return TrackListItem(
        **dict(track_out(track, track.identifiers, copies)),
        valence=valence,
        arousal=arousal,
        verdict_reason=track.verdict_reason,
    )


def _copies(track: Track, live: Live | None) -> list[TrackRecord]:
    if live is None or track.status != "ok":
        return []
    try:
        return copies_in(live.snapshot.tracks, live.snapshot.tracks.row_of(track.id))
    except TrackNotFoundError:  # as below
        return []


def _place(track: Track, live: Live | None, scale: Scale) -> tuple[float | None, float | None]:
    """(arousal, valence), where the track is in the index."""
    if live is None or track.status != "ok":
        return None, None
    try:
        return live.place_of(track.id, scale)
    except TrackNotFoundError:  # a run has just published it; the snapshot follows in a moment
        return None, None
