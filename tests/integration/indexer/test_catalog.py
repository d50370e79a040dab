"""Tracks and snapshots in both databases."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from indexer.catalog import lease
from indexer.catalog.catalog import Catalog
from indexer.catalog.records import (
    SnapshotRow,
    TrackChange,
    TrackChanges,
    TrackQuery,
)
from indexer.errors import (
    CursorError,
    LeaseLostError,
    RunCancelledError,
    SnapshotNotFoundError,
    TrackNotFoundError,
)
from indexer.folders.files import Tags
from tests.catalogue import file_result, new_tracks

OWNER = lease.new_owner()  # of this process, which lives
SONGS = (
    Tags("Ålesund", "Björk; Ann", "Été", "Folk; Jazz", 1990),
    Tags("100% _pure_", "Bob", None, "Rock", 2001),
    Tags("Rock'n'roll", "bob dylan", "Best", "Rock 'n' Roll", None),
)


def publish(catalog: Catalog, changes: TrackChanges) -> int:
    """A whole run that ends with these changes."""
    run = catalog.start_run(["/music"], OWNER)
    catalog.publish(run.id, OWNER, changes, None)
    return run.id


def songs() -> TrackChanges:
    """SONGS with ids 1, 2, 3 and durations of 60, 120 and 180 s."""
    results = [
        file_result(f"{i}.mp3", tags=tags, duration_s=60.0 * i) for i, tags in enumerate(SONGS, 1)
    ]
    return TrackChanges(new=tuple(TrackChange(i, one) for i, one in enumerate(results, 1)))


def snapshot(name: str, *, age_s: float = 0.0, state: str = "writing") -> SnapshotRow:
    created_at = datetime.now(UTC) - timedelta(seconds=age_s)
    return SnapshotRow(name, "model-1", state, False, created_at, "digest", 1, 1)  # type: ignore[arg-type]


def listed(catalog: Catalog, **conditions: object) -> list[int]:
    page = catalog.list_tracks(TrackQuery(**conditions))  # type: ignore[arg-type]
    return [track.id for track in page.items]


def test_a_published_track_is_read_back_as_it_was(catalog: Catalog) -> None:
    """Every column, with times in UTC."""
    publish(catalog, songs())

    track = catalog.track(1)

    assert (track.root, track.path, track.size_bytes, track.mtime_ns) == (
        *("/music", "1.mp3"),
        *(1000, 5_000_000_000),
    )
    assert (track.title, track.artist, track.album, track.genre, track.year) == (
        *("Ålesund", "Björk; Ann", "Été"),
        *("Folk; Jazz", 1990),
    )
    assert (track.duration_s, track.status, track.failure_reason) == (60.0, "ok", None)
    assert track.added_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - track.added_at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({}, [1, 2, 3]),
        ({"genre": ("jazz",)}, [1]),
        ({"genre": ("rock",)}, [2]),
        ({"genre": ("ROCK", "folk")}, [1, 2]),
        ({"artist": ("bjork",)}, [1]),
        ({"artist": ("Bob",)}, [2]),
        ({"year_min": 1990, "year_max": 2000}, [1]),
        ({"year_min": 10**30}, []),
        ({"duration_min_s": 100.0, "duration_max_s": 150.0}, [2]),
        ({"text": "alesund"}, [1]),
        ({"text": "ete bjork"}, [1]),
        ({"text": "100%"}, [2]),
        ({"text": "%"}, [2]),
        ({"text": "_"}, [2]),
        ({"text": "'n'"}, [3]),
        ({"text": "3.mp3"}, [3]),
        ({"text": "no\0thing"}, []),
        ({"text": "\ud800"}, []),
        ({"genre": ("\0", "\ud800"), "text": "x" * 100_000}, []),
        ({"status": "failed"}, []),
    ],
)
def test_filters_and_text_find_what_they_say(
    catalog: Catalog, conditions: dict[str, object], ids: list[int]
) -> None:
    """One value of several is found; case, accents and wildcards mean nothing."""
    publish(catalog, songs())

    assert listed(catalog, **conditions) == ids


def test_pages_show_every_track_once(catalog: Catalog) -> None:
    """Following the cursor to the end, in order of the ids."""
    publish(catalog, new_tracks(*(f"{i}.mp3" for i in range(25))))
    ids: list[int] = []
    cursor, pages = None, 0
    while True:
        page = catalog.list_tracks(limit=10, cursor=cursor)
        ids += [track.id for track in page.items]
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break

    assert ids == list(range(1, 26))
    assert pages == 3


@pytest.mark.parametrize("cursor", ["", "x", "dHJhY2s6", "cnVuOjE", "\ud800", "dHJhY2s6LTE", "é"])
def test_a_foreign_cursor_is_refused(catalog: Catalog, cursor: str) -> None:
    """Only what the listing handed out."""
    with pytest.raises(CursorError, match="next_cursor"):
        catalog.list_tracks(cursor=cursor)


@pytest.mark.parametrize("track_id", [0, -1, 4, 2**31, 2**100])
def test_an_unknown_track_is_named(catalog: Catalog, track_id: int) -> None:
    """Also numbers that no column could hold."""
    with pytest.raises(TrackNotFoundError, match=str(track_id)):
        catalog.track(track_id)


def test_failures_keep_their_reason_and_stay_out_of_the_listing(catalog: Catalog) -> None:
    """They are listed when asked for."""
    broken = file_result("x.mp3", reason="no audio in it")
    publish(catalog, TrackChanges(new=(TrackChange(1, broken),)))

    assert listed(catalog) == []
    assert listed(catalog, status="failed") == listed(catalog, status=None) == [1]
    assert catalog.track(1).failure_reason == "no audio in it"
    assert catalog.counts().failed == 1


def test_tracks_may_swap_their_places(catalog: Catalog) -> None:
    """No moment in which two rows have one address."""
    publish(catalog, new_tracks("a", "b"))
    swapped = (TrackChange(1, file_result("b")), TrackChange(2, file_result("a")))

    publish(catalog, TrackChanges(changed=swapped))

    assert (catalog.track(1).path, catalog.track(2).path) == ("b", "a")


def test_a_displaced_track_gives_its_place_away(catalog: Catalog) -> None:
    """Track 1 is gone, track 2 has its place now."""
    publish(catalog, new_tracks("a", "b"))
    moved = (TrackChange(2, file_result("a", content="content of b")),)

    publish(catalog, TrackChanges(changed=moved, missing_ids=(1,), displaced_ids=(1,)))

    assert catalog.track(1).status == "missing"
    assert catalog.track(2).path == "a"


def test_a_changed_track_keeps_the_day_it_was_added(catalog: Catalog) -> None:
    """Only what is new about it changes."""
    publish(catalog, new_tracks("a"))
    before = catalog.track(1)
    renamed = file_result("a", tags=Tags("Other title"))

    publish(catalog, TrackChanges(changed=(TrackChange(1, renamed),)))

    after = catalog.track(1)
    assert after.title == "Other title"
    assert after.added_at == before.added_at
    assert after.updated_at >= before.updated_at


def test_staged_files_are_found_again_until_published(catalog: Catalog) -> None:
    """What a run that died had finished; staging a file again replaces it."""
    results = [file_result("a"), file_result("b", reason="broken")]
    catalog.stage(results)
    catalog.stage([file_result("a", tags=Tags("Newer"))])

    staged = catalog.staged()
    publish(catalog, new_tracks("a"))

    assert staged["/music/a"] == file_result("a", tags=Tags("Newer"))
    assert staged["/music/b"] == results[1]
    assert catalog.staged() == {}


def test_publishing_shows_tracks_snapshot_and_end_of_run_together(catalog: Catalog) -> None:
    """One transaction: the active snapshot and the catalogue never disagree."""
    run = catalog.start_run(["/music"], OWNER)
    catalog.begin_snapshot(snapshot("first"))
    before = (catalog.active_snapshot(), catalog.list_snapshots(), catalog.counts().ok)

    catalog.publish(run.id, OWNER, new_tracks("a"), "first")

    active = catalog.active_snapshot()
    assert before == (None, [], 0)
    assert active is not None
    assert (active.id, active.state, catalog.counts().ok) == ("first", "ready", 1)
    assert catalog.run(run.id).state == "succeeded"
    assert catalog.run(run.id).snapshot_id == "first"


def test_a_run_that_lost_its_lease_publishes_nothing(catalog: Catalog) -> None:
    """Its rows are rolled back with it."""
    run = catalog.start_run(["/music"], OWNER)

    with pytest.raises(LeaseLostError):
        catalog.publish(run.id, "somebody else", new_tracks("a"), None)

    assert catalog.counts().ok == 0


def test_a_cancelled_run_publishes_nothing(catalog: Catalog) -> None:
    """Cancelling in the last moment still counts."""
    run = catalog.start_run(["/music"], OWNER)
    catalog.begin_snapshot(snapshot("first"))
    catalog.cancel_run(run.id)

    with pytest.raises(RunCancelledError):
        catalog.publish(run.id, OWNER, new_tracks("a"), "first")

    assert catalog.counts().ok == 0
    assert catalog.active_snapshot() is None


def test_rolling_back_changes_the_active_snapshot(catalog: Catalog) -> None:
    """One is active at a time; an unknown or incomplete one is refused."""
    for name, age_s in (("old", 10), ("new", 5)):
        catalog.begin_snapshot(snapshot(name, age_s=age_s, state="ready"))
    catalog.begin_snapshot(snapshot("half"))
    catalog.activate_snapshot("new")

    catalog.activate_snapshot("old")

    assert [(row.id, row.active) for row in catalog.list_snapshots()] == [
        ("new", False),
        ("old", True),
    ]
    for name in ("half", "none"):
        with pytest.raises(SnapshotNotFoundError, match=name):
            catalog.activate_snapshot(name)
    assert catalog.active_snapshot() is not None


def test_the_active_snapshot_cannot_be_retired(catalog: Catalog) -> None:
    """Whatever is asked."""
    for name in ("one", "two"):
        catalog.begin_snapshot(snapshot(name, state="ready"))
    catalog.activate_snapshot("one")

    catalog.retire_snapshots(["one", "two"])
    catalog.forget_snapshots(["one", "two"])

    assert [row.id for row in catalog.all_snapshots()] == ["one"]


def fastest_s(act: Callable[[], object]) -> float:
    """Seconds of the fastest of five."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return min(taken)


def test_a_large_catalogue_is_no_burden(catalog: Catalog) -> None:
    """The last page costs what the first one does, and no question reads all that a run reads."""
    n = 30_000
    results = [
        file_result(f"artist {i % 500}/{i}.mp3", tags=Tags(f"Title {i}", f"Artist {i % 500}"))
        for i in range(n)
    ]
    publish(
        catalog, TrackChanges(new=tuple(TrackChange(i, one) for i, one in enumerate(results, 1)))
    )
    cursors: list[str | None] = [None]
    while (cursor := catalog.list_tracks(limit=500, cursor=cursors[-1]).next_cursor) is not None:
        cursors.append(cursor)

    everything_s = fastest_s(catalog.known_files)
    first_s = fastest_s(lambda: catalog.list_tracks(limit=100))
    last_s = fastest_s(lambda: catalog.list_tracks(limit=100, cursor=cursors[-1]))
    text_s = fastest_s(lambda: listed(catalog, text="title 29999"))

    assert len(catalog.known_files()) == n
    assert listed(catalog, text="title 29999") == [n]
    assert last_s < 5.0 * first_s
    assert max(first_s, last_s, text_s) < everything_s
