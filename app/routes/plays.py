"""`/v1/plays`: what was heard, so that it does not come again so soon."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from app.http.documentation import problems
from app.http.keys import ApiKey
from app.routes.access import write_access
from app.services import Services, ServicesDep
from app.wire.schemas import Strict, TrackId

NOBODY = "listener"  # who listens where no key is asked for
MOST_PLAYS = 1000

router = APIRouter(prefix="/v1", tags=["tracks"], dependencies=[Depends(write_access)])


def _text(value: Any) -> Any:
    """Refuse numbers, which would be taken for seconds."""
    if not isinstance(value, str | datetime | None):
        raise ValueError("a time is text, such as 2026-01-31T20:15:00Z")  # noqa: TRY004
    return value


def _in_utc(value: datetime) -> datetime:
    """The same moment in UTC; refuse one that UTC has no date for."""
    try:
        return value.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("a time lies in the years 1 to 9999, in UTC") from exc


class PlayIn(Strict):
    """A track that somebody heard."""

    track_id: TrackId
    played_at: (
        Annotated[
            AwareDatetime, BeforeValidator(_text), AfterValidator(_in_utc), Field(strict=False)
        ]
        | None
    ) = Field(None, description="When, with its time zone; now unless given.")
    skipped: bool = Field(False, description="Whether it was left before its end.")


class PlaysIn(Strict):
    """What was heard."""

    plays: Annotated[list[PlayIn], Field(min_length=1, max_length=MOST_PLAYS)]


@router.post(
    "/plays",
    status_code=204,
    response_class=Response,
    summary="Note what was heard",
    responses=problems(400, 401, 403, 404, 413, 422, 429, 503),
)
def note_plays(body: PlaysIn, request: Request, services: ServicesDep) -> None:
    """As Subsonic's `scrobble` does, for the page and other players.

    Playlists and stations that say `not_again_s` leave out what their listener heard since then,
    played or skipped. A listener is the name of a key; without keys all are one.
    """
    tracks = services.live.current().snapshot.tracks
    now = datetime.now(UTC)
    for play in body.plays:
        tracks.row_of(play.track_id)
    for skipped in (False, True):
        heard = [
            (play.track_id, play.played_at or now) for play in body.plays if play.skipped is skipped
        ]
        services.catalog.note_plays(listener_of(request) or NOBODY, heard, skipped=skipped)


def listener_of(request: Request) -> str | None:
    """The name of the key that asks; None without one."""
    key: ApiKey | None = getattr(request.state, "key", None)
    return key.name if key is not None else None


def heard_by(listener: str | None, services: Services, not_again_s: float | None) -> list[int]:
    """What the listener heard lately, the last one first; nothing where that does not matter.

    Without required keys nobody is told from anybody, so what anyone heard counts.
    """
    who = listener if services.settings.require_key else None
    return services.catalog.heard_lately(who, not_again_s)
