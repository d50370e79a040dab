"""Which calls of the Subsonic protocol are long work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from app.subsonic.call import Listener, SubsonicCall
from app.subsonic.endpoints import is_long
from app.subsonic.errors import SubsonicError
from app.subsonic.playlists import unless_travelling
from app.subsonic.system import start_scan
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


class FakeAnswers:
    """Keeps the music of one station."""

    def is_kept(self, station: Station, _live: object, _heard: object) -> bool:
        """Whether it is that one."""
        return station.id == "made"


@dataclass
class FakeServices:
    """Holds the catalogue."""

    catalog: FakeCatalog


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
    felt: None = None
    listener: Listener = field(default_factory=lambda: Listener("me", True, False))

    def optional(self, _name: str) -> str | None:
        """The id that was asked for."""
        return self.asked

    def text(self, _name: str) -> str:
        """The same."""
        return self.asked or ""


def station(station_id: str, mode: str) -> Station:
    """A station that asks for a match or a journey."""
    now = datetime.now(UTC)
    question = {"emotion": {"mood": "calm"}, "mode": mode}
    return Station(station_id, station_id, question, "none", now, now)


KNOWN = {
    "far": station("far", "journey"),
    "near": station("near", "match"),
    "made": station("made", "journey"),
}


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
        ("getCoverArt", "pl-st-far", True),
        ("search3", None, False),
    ],
)
def test_paths_and_journeys_are_long_work(method: str, asked: str | None, expected: bool) -> None:
    """They are carried out where journeys are."""
    call = FakeCall(FakeServices(FakeCatalog(KNOWN)), asked)

    assert asyncio.run(is_long(method, cast(SubsonicCall, call))) is expected


@pytest.mark.parametrize(("left_out", "expected"), [("far", "listed"), ("none", None)])
def test_a_list_of_stations_is_made_at_once_unless_one_is_long_work(
    left_out: str, expected: str | None
) -> None:
    """One turn at its desk is enough where everything is at hand."""
    known = {name: each for name, each in KNOWN.items() if name != left_out}
    call = FakeCall(FakeServices(FakeCatalog(known)), None)

    assert unless_travelling(lambda _call: "listed", cast(SubsonicCall, call)) == expected


class FakeRuns:
    """A catalogue whose newest run may be under way, and its jobs."""

    def __init__(self, *, busy: bool) -> None:
        self.busy = busy
        self.submitted: list[object] = []

    def list_runs(self, limit: int) -> list[object]:
        """The newest one."""
        return [cast(object, SimpleNamespace(is_over=not self.busy))][:limit]

    def submit(self, roots: object) -> None:
        """Queue another."""
        self.submitted.append(roots)
        self.busy = True


@pytest.mark.parametrize(("busy", "expected"), [(False, [("music",)]), (True, [])])
def test_a_scan_is_started_once(busy: bool, expected: list[object]) -> None:
    """By who administers; one that is under way is as good."""
    runs = FakeRuns(busy=busy)

    told = start_scan(scanning(runs, is_admin=True))

    assert (runs.submitted, told["scanStatus"]["scanning"]) == (expected, True)


def test_only_who_administers_starts_a_scan() -> None:
    """By the code for it."""
    runs = FakeRuns(busy=False)

    with pytest.raises(SubsonicError, match="admin"):
        start_scan(scanning(runs, is_admin=False))

    assert runs.submitted == []


def scanning(runs: FakeRuns, *, is_admin: bool) -> SubsonicCall:
    """A call about index runs."""
    services = SimpleNamespace(
        catalog=runs, jobs=runs, settings=SimpleNamespace(music_roots=("music",))
    )
    call = SimpleNamespace(
        require_write=lambda: None,
        listener=Listener("me", may_write=True, is_admin=is_admin),
        services=services,
        library=SimpleNamespace(songs={}),
    )
    return cast(SubsonicCall, call)
