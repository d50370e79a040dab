"""Which calls of the Subsonic protocol are long work."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest
from anyio import CapacityLimiter
from fastapi import Response
from starlette.requests import ClientDisconnect

from app.desk import Places
from app.subsonic.answers import LARGE_BYTES, LargeBodies
from app.subsonic.call import LISTERS, Listener, SubsonicCall
from app.subsonic.endpoints import in_turn, is_long
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


def test_lists_are_made_a_few_at_a_time() -> None:
    """Twenty at once would keep each other waiting, and health; who has left gets none."""
    shared = SimpleNamespace(turns=CapacityLimiter(LISTERS), waiting=Places(100, "lists wait"))
    lock, now, most, made = Lock(), 0, 0, list[int]()

    def work(call: SubsonicCall) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
            made.append(cast(Any, call).number)

    async def crowd() -> list[object]:
        asked = [in_turn(work, asking(number, shared)) for number in range(20)]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(crowd())

    assert most <= LISTERS
    assert sorted(made) == [number for number in range(20) if number % 5]
    assert sum(isinstance(each, ClientDisconnect) for each in found) == 4


def asking(number: int, shared: object) -> SubsonicCall:
    """A call; every fifth client has left."""

    async def is_disconnected() -> bool:
        return number % 5 == 0

    request = SimpleNamespace(client=None, is_disconnected=is_disconnected)
    return cast(SubsonicCall, SimpleNamespace(number=number, request=request, shared=shared))


def test_equal_large_answers_are_held_once() -> None:
    """And the last few of them only."""
    large = LargeBodies()

    first, again = (large.shared(Response(b"a" * LARGE_BYTES)).body for _ in range(2))
    small = [large.shared(Response(b"a")).body for _ in range(2)]
    for letter in b"bcdefg":
        large.shared(Response(bytes([letter]) * LARGE_BYTES))
    anew = large.shared(Response(b"a" * LARGE_BYTES)).body

    assert again is first
    assert anew is not first
    assert anew == first
    assert small == [b"a", b"a"]


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
