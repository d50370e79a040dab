"""Stars, ratings and plays of a listener."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.subsonic.call import SubsonicCall
from app.subsonic.errors import MISSING, NOT_FOUND, SubsonicError
from indexer.catalog.listening import FIRST_DAY

MOST_AT_ONCE = 1000


def star(call: SubsonicCall) -> dict[str, Any]:
    """Give songs, albums and artists a star."""
    return _star(call, starred=True)


def unstar(call: SubsonicCall) -> dict[str, Any]:
    """Take their stars away."""
    return _star(call, starred=False)


def set_rating(call: SubsonicCall) -> dict[str, Any]:
    """Rate a song, an album or an artist 1 to 5; 0 takes the rating away."""
    call.require_write()
    item, rating = call.text("id"), call.text("rating")
    if rating not in {"0", "1", "2", "3", "4", "5"}:
        raise SubsonicError(MISSING, f"rating={rating[:40]!r} is none of 0 to 5")
    _require_known(call, item)
    call.services.catalog.rate(call.listener.name, item, int(rating) or None)
    return {}


def scrobble(call: SubsonicCall) -> dict[str, Any]:
    """Keep that songs were played; that one has just begun (`submission=false`) is not kept."""
    call.require_write()
    asked = call.all("id")[:MOST_AT_ONCE]
    if not asked:
        raise SubsonicError(MISSING, "the parameter id is missing")
    if not any(each in call.library.songs for each in asked):
        call.song(asked[0])
    if call.flag("submission") is False:
        return {}
    times = [_time(each) for each in call.all("time")]
    now = datetime.now(UTC)
    played = [
        (call.song(each).track.id, times[index] if index < len(times) else now)
        for index, each in enumerate(asked)
        if each in call.library.songs  # who was offline may tell of songs that have gone since
    ]
    call.services.catalog.note_plays(call.listener.name, played)
    return {}


def _star(call: SubsonicCall, *, starred: bool) -> dict[str, Any]:
    call.require_write()
    items = [each for name in ("id", "albumId", "artistId") for each in call.all(name)]
    if not items:
        raise SubsonicError(MISSING, "one of id, albumId and artistId is missing")
    for item in items[:MOST_AT_ONCE]:
        _require_known(call, item)
    call.services.catalog.star(call.listener.name, items[:MOST_AT_ONCE], starred=starred)
    return {}


def _require_known(call: SubsonicCall, item: str) -> None:
    library = call.library
    if not any(item in kind for kind in (library.songs, library.albums, library.artists)):
        raise SubsonicError(NOT_FOUND, f"nothing has the id {item[:64]!r}")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromtimestamp(float(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise SubsonicError(MISSING, f"time={text[:40]!r} is no time in milliseconds") from exc
    if at < FIRST_DAY:
        raise SubsonicError(MISSING, f"time={text[:40]!r} lies before 1970")
    return at
