"""Which calls of the Subsonic protocol are long work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest

from app.subsonic.call import SubsonicCall
from app.subsonic.endpoints import is_long
from indexer.catalog.stations import Station


@dataclass
class FakeCatalog:
    """Stations by id."""

    known: dict[str, Station]

    def list_stations(self) -> list[Station]:
        """All of them."""
        return list(self.known.values())

    def station(self, station_id: str) -> Station:
        """One of them."""
        return self.known[station_id]


@dataclass
class FakeServices:
    """Holds the catalogue."""

    catalog: FakeCatalog


@dataclass
class FakeCall:
    """A call for one playlist, or for all of them."""

    services: FakeServices
    asked: str | None

    def optional(self, _name: str) -> str | None:
        """The id that was asked for."""
        return self.asked


def station(station_id: str, mode: str) -> Station:
    """A station that asks for a match or a journey."""
    now = datetime.now(UTC)
    question = {"emotion": {"mood": "calm"}, "mode": mode}
    return Station(station_id, station_id, question, "none", now, now)


@pytest.mark.parametrize(
    ("method", "asked", "expected"),
    [
        ("findSonicPath", None, True),
        ("getPlaylist", "st-far", True),
        ("getPlaylist", "st-near", False),
        ("getPlaylist", "pl-own", False),
        ("getPlaylists", None, True),
        ("search3", None, False),
    ],
)
def test_paths_and_journeys_are_long_work(method: str, asked: str | None, expected: bool) -> None:
    """They are carried out where journeys are."""
    known = {"far": station("far", "journey"), "near": station("near", "match")}
    call = FakeCall(FakeServices(FakeCatalog(known)), asked)

    assert asyncio.run(is_long(method, cast(SubsonicCall, call))) is expected
