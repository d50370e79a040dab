"""Stations in the database: saved questions with a name."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, func, insert, select, update

from indexer.catalog.database import transaction
from indexer.catalog.tables import stations
from indexer.errors import StationNotFoundError, TooManyError

Rhythm = Literal["none", "daily"]
MOST_STATIONS = 500


@dataclass(frozen=True)
class Station:
    """A saved question.

    Attributes:
        id: Stays when the station changes.
        name: As its listener calls it.
        question: A playlist request as JSON; the catalogue does not look into it.
        rhythm: `daily`: other music of equal fit each day; `none`: the best, always.
        created_at: When it was made.
        updated_at: When it last changed.
    """

    id: str
    name: str
    question: Mapping[str, Any]
    rhythm: Rhythm
    created_at: datetime
    updated_at: datetime


_ROW = [stations.c[name] for name in Station.__dataclass_fields__]


class StationRows:
    """The part of the catalogue that keeps stations."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def list_stations(self) -> list[Station]:
        """All stations, in order of their names."""
        with transaction(self.engine) as connection:
            rows = connection.execute(select(*_ROW)).mappings().all()
        return sorted((Station(**row) for row in rows), key=lambda s: (s.name.casefold(), s.id))

    def station(self, station_id: str) -> Station:
        """One station.

        Raises:
            StationNotFoundError: There is none of this id.
        """
        chosen = select(*_ROW).where(stations.c.id == station_id)
        with transaction(self.engine) as connection:
            row = connection.execute(chosen).mappings().first()
        if row is None:
            raise StationNotFoundError(f"no station {station_id!r}; GET /v1/stations lists them")
        return Station(**row)

    def create_station(self, name: str, question: Mapping[str, Any], rhythm: Rhythm) -> Station:
        """Save a question under a new id.

        Raises:
            TooManyError: There are `MOST_STATIONS` already.
        """
        now = datetime.now(UTC)
        made = Station(secrets.token_hex(8), name, dict(question), rhythm, now, now)
        with transaction(self.engine, writes=True) as connection:
            known = connection.execute(select(func.count()).select_from(stations)).scalar_one()
            if known >= MOST_STATIONS:
                raise TooManyError(
                    f"{known} stations are kept, as many as there may be: delete one"
                )
            connection.execute(insert(stations).values(vars(made)))
        return made

    def change_station(
        self, station_id: str, name: str, question: Mapping[str, Any], rhythm: Rhythm
    ) -> Station:
        """Replace what a station asks; its id stays.

        Raises:
            StationNotFoundError: There is none of this id.
        """
        values: dict[str, Any] = {"name": name, "question": dict(question), "rhythm": rhythm}
        values["updated_at"] = datetime.now(UTC)
        changed = update(stations).where(stations.c.id == station_id).values(values)
        with transaction(self.engine, writes=True) as connection:
            connection.execute(changed)
        return self.station(station_id)

    def delete_station(self, station_id: str) -> None:
        """Forget a station.

        Raises:
            StationNotFoundError: There is none of this id.
        """
        with transaction(self.engine, writes=True) as connection:
            gone = connection.execute(stations.delete().where(stations.c.id == station_id))
        if not gone.rowcount:
            raise StationNotFoundError(f"no station {station_id!r}; GET /v1/stations lists them")
