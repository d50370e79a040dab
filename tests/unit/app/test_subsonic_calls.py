"""Which calls of the Subsonic protocol are long work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import pytest

from app.subsonic.call import Listener, SubsonicCall
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


class FakeDesk:
    """Does everything at once."""

    async def run(self, _request: object, work: Callable[[], bool]) -> bool:
        """The result of `work`."""
        return work()


class FakeAnswers:
    """Keeps the music of one station."""

    def is_kept(self, station: Station, _live: object, _heard: object) -> bool:
        """Whether it is that one."""
        return station.id == "made"


@dataclass
class FakeServices:
    """Holds the catalogue and a desk."""

    catalog: FakeCatalog
    lists: FakeDesk = field(default_factory=FakeDesk)


@dataclass
class FakeShared:
    """Holds the music of stations."""

    stations: FakeAnswers = field(default_factory=FakeAnswers)


@dataclass
class FakeCall:
    """A call for one playlist, or for all of them."""

    services: FakeServices
    asked: str | None
    shared: FakeShared = field(default_factory=FakeShared)
    request: None = None
    felt: None = None
    listener: Listener = field(default_factory=lambda: Listener("me", True, False))

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
        ("getPlaylist", "st-made", False),
        ("getCoverArt", "st-far", True),
        ("getCoverArt", "st-near", False),
        ("getCoverArt", "17", False),
        ("getPlaylists", None, True),
        ("search3", None, False),
    ],
)
def test_paths_and_journeys_are_long_work(method: str, asked: str | None, expected: bool) -> None:
    """They are carried out where journeys are."""
    known = {"far": station("far", "journey"), "near": station("near", "match")}
    known["made"] = station("made", "journey")
    call = FakeCall(FakeServices(FakeCatalog(known)), asked)

    assert asyncio.run(is_long(method, cast(SubsonicCall, call))) is expected
