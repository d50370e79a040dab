"""Listeners' own planes in the database: where they feel tracks, kept by recording."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, Delete, Engine, insert, select, update

from indexer.catalog.database import transaction
from indexer.catalog.tables import placements, profiles

MACHINE = ""  # owner of the profile of those who show no key


@dataclass(frozen=True)
class Profile:
    """What a listener's plane is learned from, without the tracks.

    Attributes:
        owner: Id of a key; "" for the machine's own.
        weight: How much of what is learned counts, 0 to 1.
        version: Another one after each change.
        updated_at: When that was.
    """

    owner: str
    weight: float
    version: str
    updated_at: datetime


@dataclass(frozen=True)
class Placement:
    """A track where a listener feels it.

    Attributes:
        content_id: Hash of the file that was heard.
        track_id: The catalogue's id of it then.
        recording_id: MusicBrainz's id of the recording, if the file names it.
        title: Of the track.
        artist: Of the track, if known.
        duration_s: Of the file.
        valence: In [-1, 1]; None: the listener was asked and did not say.
        arousal: Likewise.
        scale: That both are given on.
        placed_at: When it was said.
    """

    content_id: str
    track_id: int
    recording_id: str | None
    title: str
    artist: str | None
    duration_s: float
    valence: float | None
    arousal: float | None
    scale: Literal["absolute", "relative"]
    placed_at: datetime


_PROFILE = [profiles.c[name] for name in Profile.__dataclass_fields__]
_PLACEMENT = [placements.c[name] for name in Placement.__dataclass_fields__]


class ProfileRows:
    """The part of the catalogue that keeps listeners' own planes.

    Attributes:
        profiles_changed: How often a profile was changed through this object.
    """

    profiles_changed = 0

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def profile(self, owner: str) -> Profile | None:
        """A listener's profile; None where they never said anything."""
        chosen = select(*_PROFILE).where(profiles.c.owner == owner)
        with transaction(self.engine) as connection:
            row = connection.execute(chosen).mappings().first()
        return None if row is None else Profile(**row)

    def placements_of(self, owner: str) -> list[Placement]:
        """The tracks that a listener placed or skipped, the oldest answer first."""
        chosen = select(*_PLACEMENT).where(placements.c.owner == owner)
        with transaction(self.engine) as connection:
            rows = connection.execute(chosen).mappings().all()
        found = [Placement(**row) for row in rows]
        return sorted(found, key=lambda each: (each.placed_at, each.content_id))

    def place(self, owner: str, placement: Placement, replaced: Sequence[str] = ()) -> None:
        """Keep where a listener feels a track, instead of what they said before.

        Args:
            owner: The listener.
            placement: What is said.
            replaced: Contents of the same recording that this answers for too.
        """
        gone = [placement.content_id, *replaced]
        with transaction(self.engine, writes=True) as connection:
            self._changed(connection, owner)
            connection.execute(_of(owner, gone))
            connection.execute(insert(placements).values(owner=owner, **vars(placement)))
        self.profiles_changed += 1

    def unplace(self, owner: str, content_ids: Sequence[str]) -> int:
        """Forget what a listener said of a recording; how many answers that were."""
        with transaction(self.engine, writes=True) as connection:
            gone = connection.execute(_of(owner, content_ids)).rowcount
            if gone:
                self._changed(connection, owner)
        self.profiles_changed += 1
        return gone

    def weigh_profile(self, owner: str, weight: float) -> None:
        """Let what is learned count so much, 0 to 1."""
        with transaction(self.engine, writes=True) as connection:
            self._changed(connection, owner)
            chosen = update(profiles).where(profiles.c.owner == owner)
            connection.execute(chosen.values(weight=weight))
        self.profiles_changed += 1

    def forget_listener(self, owner: str) -> int:
        """Forget all that a listener said; how many answers that were.

        When it was forgotten is kept: their plane is another one since then.
        """
        with transaction(self.engine, writes=True) as connection:
            gone = connection.execute(placements.delete().where(placements.c.owner == owner))
            known = update(profiles).where(profiles.c.owner == owner)
            connection.execute(known.values(weight=1.0, **_change()))
        self.profiles_changed += 1
        return int(gone.rowcount)

    def delete_profile(self, owner: str) -> int:
        """Delete all that is kept of a listener; how many answers that were."""
        with transaction(self.engine, writes=True) as connection:
            gone = connection.execute(placements.delete().where(placements.c.owner == owner))
            connection.execute(profiles.delete().where(profiles.c.owner == owner))
        self.profiles_changed += 1
        return int(gone.rowcount)

    def _changed(self, connection: Connection, owner: str) -> None:
        changed = _change()
        known = update(profiles).where(profiles.c.owner == owner)
        if not connection.execute(known.values(changed)).rowcount:
            connection.execute(insert(profiles).values(owner=owner, weight=1.0, **changed))


def _change() -> dict[str, str | datetime]:
    """What says that a profile is another one now."""
    return {"version": secrets.token_hex(8), "updated_at": datetime.now(UTC)}


def _of(owner: str, content_ids: Sequence[str]) -> Delete:
    return placements.delete().where(
        (placements.c.owner == owner) & placements.c.content_id.in_(content_ids)
    )
