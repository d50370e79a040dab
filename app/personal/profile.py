"""What a listener says and is told: for the service and the command line alike."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from app.errors import InvalidRequestError
from app.library.live import Live
from app.personal.personal_live import on_plane
from app.personal.plane import Plane
from app.personal.planes import Planes
from app.personal.sentences import sentences
from app.wire.profile import (
    AnswerOut,
    FeltIn,
    FeltOut,
    NextItem,
    NextOut,
    ProfileOut,
    WarpOut,
)
from app.wire.responses import MeanOut
from indexer.catalog.profiles import MACHINE, Placement, Profile
from model.personal import asking

GRID = np.linspace(-1.0, 1.0, 5)
NOBODY = "none yet"  # version of a profile that is in no database


def spoken_of(
    track_id: int, said: FeltIn, live: Live, planes: Planes
) -> tuple[Placement, list[str]]:
    """What is kept of an answer, and the contents of the same recording that it answers for.

    Raises:
        TrackNotFoundError: The snapshot lacks the track.
    """
    tracks = live.snapshot.tracks
    row = tracks.row_of(track_id)
    record = tracks[row]
    placement = Placement(
        content_id=record.content_id,
        track_id=record.id,
        recording_id=live.identifiers[record.id].recording_mbid,
        title=record.title or record.path.rpartition("/")[2],
        artist=record.artist,
        duration_s=record.duration_s,
        valence=said.valence,
        arousal=said.arousal,
        scale=said.scale,
        placed_at=datetime.now(UTC),
    )
    copies = planes.basis(live).recordings.rows_together(row)
    return placement, [tracks[copy].content_id for copy in copies]


def said_of(valence: float | None, arousal: float | None, scale: str, *, skipped: bool) -> FeltIn:
    """What the command line says of a track.

    Raises:
        InvalidRequestError: It is no place of the plane.
    """
    values = {"valence": valence, "arousal": arousal, "scale": scale, "skipped": skipped}
    try:
        return FeltIn.model_validate(values)
    except ValidationError as exc:
        found = "; ".join(item["msg"].removeprefix("Value error, ") for item in exc.errors())
        raise InvalidRequestError(found) from exc


def forgotten(track_id: int, owner: str, live: Live, planes: Planes) -> list[str]:
    """The contents whose answers speak of a track.

    Raises:
        TrackNotFoundError: The snapshot lacks the track.
    """
    row = live.snapshot.tracks.row_of(track_id)
    plane = planes.of(owner, live)
    if plane is None:
        return []
    together = set(plane.basis.recordings.rows_together(row))
    return [
        each.content_id for each in plane.spoken if plane.basis.recordings.row_of(each) in together
    ]


def answer_of(track_id: int, owner: str, live: Live, planes: Planes) -> FeltOut:
    """Where a listener feels a track.

    Raises:
        TrackNotFoundError: The snapshot lacks it.
    """
    row, plane = live.snapshot.tracks.row_of(track_id), _plane(owner, live, planes)
    return FeltOut(
        track_id=track_id,
        scale="relative",
        heard=_mean(plane.basis.heard[row]),
        felt=_mean(plane.places[row]),
        sd=_mean(plane.sd(row)),
        said=row in plane.said_rows,
    )


def profile_out(owner: str, live: Live, planes: Planes) -> ProfileOut:
    """A listener's own plane as it goes over the wire."""
    plane = _plane(owner, live, planes)
    own = on_plane(live, plane)
    grid = np.array([(arousal, valence) for arousal in GRID for valence in GRID])
    return ProfileOut(
        owner=owner or "machine",
        applied=None if plane.is_plain else own.told,
        weight=plane.profile.weight,
        sentences=sentences(plane),
        trust=round(plane.learned.trust, 6),
        plane=[
            WarpOut(before=_mean(before), after=_mean(after))
            for before, after in zip(grid, plane.warp(grid), strict=True)
        ],
        answers=[_answer_out(row, each, live) for row, each in reversed(plane.answers)],
    )


def next_tracks(owner: str, live: Live, planes: Planes, limit: int) -> NextOut:
    """The tracks that teach most about a listener."""
    plane = _plane(owner, live, planes)
    basis = plane.basis
    allowed = basis.may_be_asked.copy()
    answered = [row for row, _ in plane.answers if row is not None]
    for row in answered:
        allowed[basis.recordings.rows_together(row)] = False
    rows, gains = asking.chosen(
        basis.heard, basis.features, np.array(plane.placed, dtype=np.intp), allowed, limit
    )
    return NextOut(
        scale="relative",
        items=[
            NextItem(
                track=live.shown[live.snapshot.tracks[row].id],
                heard=_mean(plane.places[row]),
                gain=round(gain, 6),
            )
            for row, gain in zip(rows, gains, strict=True)
        ],
    )


def _plane(owner: str, live: Live, planes: Planes) -> Plane:
    """A listener's plane; that of one who has said nothing where there is none."""
    found = planes.of(owner, live)
    nothing = Profile(owner, 1.0, NOBODY, live.created_at)
    return planes.made(nothing, [], live) if found is None else found


def _answer_out(row: int | None, placement: Placement, live: Live) -> AnswerOut:
    return AnswerOut(
        track=None if row is None else live.shown[live.snapshot.tracks[row].id],
        title=placement.title,
        artist=placement.artist,
        valence=placement.valence,
        arousal=placement.arousal,
        scale=placement.scale,
        placed_at=placement.placed_at,
    )


def _mean(place: NDArray[np.float64]) -> MeanOut:
    return MeanOut(arousal=round(float(place[0]), 6), valence=round(float(place[1]), 6))


def owner_called(key_id: str | None) -> str:
    """The owner of a profile that the command line names."""
    return MACHINE if key_id is None else key_id
