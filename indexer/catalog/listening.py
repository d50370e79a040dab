"""What listeners keep: their playlists, stars, ratings, and what they played and when."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine, func, insert, or_, select, true, update

from indexer.catalog.database import transaction
from indexer.catalog.tables import marks, plays, saved_playlists
from indexer.errors import PlaylistNotFoundError, TooManyError

Value = TypeVar("Value")
MOST_PLAYLISTS, MOST_PLAYLISTS_OF_ONE = 5000, 1000
MOST_HEARD = 10_000  # tracks that step back
MOST_PLAYS = 300_000  # kept of all listeners; the oldest go
MOST_MARKS = 1_000_000
REMEMBERED_S, MOST_REMEMBERED = 5.0, 32
AHEAD = timedelta(days=1)
"""Plays of a day that is to come were noted while the clock was wrong."""
FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SavedPlaylist:
    """A list of tracks as its owner arranged it.

    Attributes:
        id: Stays when it changes.
        owner: Name of the listener.
        name: Of the list.
        comment: Whatever its owner wrote.
        public: Whether others see it too.
        track_ids: Ids of its tracks in order; one may come twice.
        created_at: When it was made.
        updated_at: When it last changed.
    """

    id: str
    owner: str
    name: str
    comment: str | None
    public: bool
    track_ids: Sequence[int]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Mark:
    """What a listener says of a track, an album or an artist.

    Attributes:
        item: Its name, as the Subsonic server gives it.
        starred_at: Since when it has a star; None without one.
        rating: 1 to 5; None without one.
    """

    item: str
    starred_at: datetime | None
    rating: int | None


@dataclass(frozen=True)
class Played:
    """How often a track was played, and when last."""

    count: int
    last_at: datetime


class _Memory:
    """What was read for a listener a moment ago: a page of songs asks for all of it many times."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[float, Any]] = OrderedDict()
        self._changes = 0
        self._lock = threading.Lock()

    def of(self, key: tuple[str, str], read: Callable[[], Value]) -> Value:
        """What is remembered under a kind and an owner, or is read now."""
        with self._lock:
            read_s, kept = self._kept.get(key, (-REMEMBERED_S, None))
            changes = self._changes
        if time.monotonic() - read_s < REMEMBERED_S:
            known: Value = kept
            return known
        value = read()
        with self._lock:
            if changes == self._changes:  # else it may be of before the change
                self._kept[key] = time.monotonic(), value
                while len(self._kept) > MOST_REMEMBERED:
                    self._kept.popitem(last=False)
        return value

    def forget(self, owner: str) -> None:
        """Something of this owner has changed."""
        with self._lock:
            self._changes += 1
            for key in [each for each in self._kept if each[1] == owner]:
                del self._kept[key]


_PLAYLIST = [saved_playlists.c[name] for name in SavedPlaylist.__dataclass_fields__]


class ListeningRows:
    """The part of the catalogue that keeps what listeners made, marked and heard."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._memory = _Memory()

    # Playlists -------------------------------------------------------------------------------

    def playlists_of(self, owner: str) -> list[SavedPlaylist]:
        """The playlists a listener sees: their own and the public ones, by name."""
        seen = or_(saved_playlists.c.owner == owner, saved_playlists.c.public)
        with transaction(self.engine) as connection:
            rows = connection.execute(select(*_PLAYLIST).where(seen)).mappings().all()
        found = [SavedPlaylist(**row) for row in rows]
        return sorted(found, key=lambda each: (each.name.casefold(), each.id))

    def saved_playlist(self, playlist_id: str) -> SavedPlaylist:
        """One playlist.

        Raises:
            PlaylistNotFoundError: There is none of this id.
        """
        chosen = select(*_PLAYLIST).where(saved_playlists.c.id == playlist_id)
        with transaction(self.engine) as connection:
            row = connection.execute(chosen).mappings().first()
        if row is None:
            raise PlaylistNotFoundError(f"no playlist {playlist_id!r}")
        return SavedPlaylist(**row)

    def create_playlist(self, owner: str, name: str, track_ids: Sequence[int]) -> SavedPlaylist:
        """Keep a new list of tracks.

        Raises:
            TooManyError: There are `MOST_PLAYLISTS`, or `MOST_PLAYLISTS_OF_ONE` of the owner.
        """
        now = datetime.now(UTC)
        tracks = list(track_ids)
        made = SavedPlaylist(secrets.token_hex(8), owner, name, None, False, tracks, now, now)
        with transaction(self.engine, writes=True) as connection:
            own = saved_playlists.c.owner == owner
            for most, counted in ((MOST_PLAYLISTS, true()), (MOST_PLAYLISTS_OF_ONE, own)):
                counting = select(func.count()).select_from(saved_playlists).where(counted)
                known = connection.execute(counting).scalar_one()
                if known >= most:
                    raise TooManyError(f"{known} playlists are kept, no more may be: delete one")
            connection.execute(insert(saved_playlists).values(vars(made)))
        return made

    def change_playlist(self, changed: SavedPlaylist) -> None:
        """Write a playlist over the one of its id."""
        values = {**vars(changed), "track_ids": list(changed.track_ids)}
        values["updated_at"] = datetime.now(UTC)
        written = update(saved_playlists).where(saved_playlists.c.id == changed.id).values(values)
        with transaction(self.engine, writes=True) as connection:
            connection.execute(written)

    def delete_playlist(self, playlist_id: str) -> None:
        """Forget a playlist."""
        with transaction(self.engine, writes=True) as connection:
            connection.execute(saved_playlists.delete().where(saved_playlists.c.id == playlist_id))

    # Stars and ratings -----------------------------------------------------------------------

    def marks_of(self, owner: str) -> dict[str, Mark]:
        """What a listener has starred or rated, by item; not to be changed.

        What another process writes shows after `REMEMBERED_S`.
        """
        return self._memory.of(("marks", owner), lambda: self._marks(owner, None))

    def _marks(self, owner: str, items: Sequence[str] | None) -> dict[str, Mark]:
        chosen = select(marks.c.item, marks.c.starred_at, marks.c.rating)
        chosen = chosen.where(marks.c.owner == owner)
        if items is not None:
            chosen = chosen.where(marks.c.item.in_(items))
        with transaction(self.engine) as connection:
            rows = connection.execute(chosen).all()
        return {row.item: Mark(row.item, row.starred_at, row.rating) for row in rows}

    def star(self, owner: str, items: Sequence[str], *, starred: bool) -> None:
        """Give items a star, or take it away; one that has a star keeps its time.

        Raises:
            TooManyError: There are `MOST_MARKS`.
        """
        now = datetime.now(UTC)
        known = self._marks(owner, items)
        before = [known.get(item) or Mark(item, None, None) for item in dict.fromkeys(items)]
        self._mark(
            owner,
            [
                Mark(each.item, (each.starred_at or now) if starred else None, each.rating)
                for each in before
            ],
        )

    def rate(self, owner: str, item: str, rating: int | None) -> None:
        """Rate an item 1 to 5, or take the rating away.

        Raises:
            TooManyError: There are `MOST_MARKS`.
        """
        before = self._marks(owner, [item]).get(item)
        self._mark(owner, [Mark(item, before.starred_at if before else None, rating)])

    def _mark(self, owner: str, changed: Sequence[Mark]) -> None:
        same = (marks.c.owner == owner) & marks.c.item.in_([mark.item for mark in changed])
        kept = [
            {"owner": owner, **vars(mark)}
            for mark in changed
            if mark.starred_at is not None or mark.rating is not None
        ]
        with transaction(self.engine, writes=True) as connection:
            connection.execute(marks.delete().where(same))
            if kept:
                known = connection.execute(select(func.count()).select_from(marks)).scalar_one()
                if known + len(kept) > MOST_MARKS:
                    raise TooManyError(f"{known} stars and ratings are kept, no more may be")
                connection.execute(insert(marks), kept)
        self._memory.forget(owner)

    # Plays -----------------------------------------------------------------------------------

    def note_plays(
        self, owner: str, played: Sequence[tuple[int, datetime]], *, skipped: bool = False
    ) -> None:
        """Keep that tracks were played at these times, or begun and left.

        A time to come is that of a clock that is ahead: the play counts as of now. Where there are
        more than `MOST_PLAYS`, those of the longest time ago are forgotten.
        """
        now = datetime.now(UTC)
        common = {"owner": owner, "skipped": skipped}
        rows = [
            {"id": secrets.token_hex(16), "track_id": track, "played_at": min(at, now), **common}
            for track, at in played
        ]
        if not rows:
            return
        count = select(func.count()).select_from(plays)
        with transaction(self.engine, writes=True) as connection:
            connection.execute(insert(plays), rows)
            spare = connection.execute(count).scalar_one() - MOST_PLAYS
            if spare > 0:
                oldest = select(plays.c.id).order_by(plays.c.played_at, plays.c.id).limit(spare)
                connection.execute(plays.delete().where(plays.c.id.in_(oldest)))
        self._memory.forget(owner)

    def plays_of(self, owner: str) -> dict[int, Played]:
        """How often a listener has played each track, and when last; as `marks_of`."""
        return self._memory.of(("plays", owner), lambda: self._plays(owner))

    def _plays(self, owner: str) -> dict[int, Played]:
        chosen = select(plays.c.track_id, func.count(), func.max(plays.c.played_at))
        whole = (plays.c.owner == owner) & ~plays.c.skipped
        grouped = chosen.where(whole).group_by(plays.c.track_id)
        with transaction(self.engine) as connection:
            return {row[0]: Played(row[1], row[2]) for row in connection.execute(grouped)}

    def heard_lately(self, owner: str | None, seconds: float | None) -> list[int]:
        """Tracks played or skipped in the last so many seconds, the one heard last first.

        Args:
            owner: Who heard them; None for anybody.
            seconds: How far back it counts; None or 0: nothing counts.

        Returns:
            Ids, at most `MOST_HEARD`, none twice.
        """
        if not seconds:
            return []
        now = datetime.now(UTC)
        since = now - timedelta(seconds=min(seconds, (now - FIRST_DAY).total_seconds()))
        last = func.max(plays.c.played_at)
        lately = (plays.c.played_at >= since) & (plays.c.played_at <= now + AHEAD)
        chosen = select(plays.c.track_id).where(lately)
        if owner is not None:
            chosen = chosen.where(plays.c.owner == owner)
        ordered = chosen.group_by(plays.c.track_id).order_by(last.desc(), plays.c.track_id)
        with transaction(self.engine) as connection:
            return list(connection.execute(ordered.limit(MOST_HEARD)).scalars())
