"""Ids stay with the content when files move, else with the path."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.catalog.records import FileResult, KnownFile, TrackChanges
from indexer.runs.identity import by_address, match_identities
from tests.catalogue import file_result, known_file


def match(
    results: Sequence[FileResult], tracks: Sequence[KnownFile], gone: Sequence[KnownFile]
) -> TrackChanges:
    return match_identities(results, by_address(tracks), gone, 100)


def ids(changes: TrackChanges) -> dict[str, int]:
    """The id that each examined path got."""
    return {change.result.found.path: change.id for change in (*changes.new, *changes.changed)}


def test_a_new_file_gets_the_next_id() -> None:
    """Consecutive numbers in the order of the results."""
    changes = match([file_result("a"), file_result("b")], [], [])

    assert [change.id for change in changes.new] == [100, 101]


def test_a_moved_file_keeps_its_id() -> None:
    """Same content, old place empty."""
    track = known_file(7, "old.mp3", content="x")

    changes = match([file_result("new.mp3", content="x")], [track], [track])

    assert ids(changes) == {"new.mp3": 7}
    assert changes.missing_ids == ()


def test_a_file_that_comes_back_keeps_its_id() -> None:
    """A track that was missing for long is found under another name."""
    track = known_file(7, "old.mp3", content="x", status="missing")

    assert ids(match([file_result("new.mp3", content="x")], [track], [track])) == {"new.mp3": 7}


def test_an_edited_file_keeps_its_id() -> None:
    """Other content at the same place."""
    track = known_file(7, "a.mp3", content="x")

    assert ids(match([file_result("a.mp3", content="y")], [track], [])) == {"a.mp3": 7}


def test_a_copy_gets_an_id_of_its_own() -> None:
    """The original is still there."""
    track = known_file(7, "a.mp3", content="x")

    assert ids(match([file_result("copy.mp3", content="x")], [track], [])) == {"copy.mp3": 100}


def test_swapped_files_swap_their_ids() -> None:
    """The ids follow the content."""
    tracks = [known_file(1, "a", content="x"), known_file(2, "b", content="y")]

    changes = match([file_result("a", content="y"), file_result("b", content="x")], tracks, [])

    assert ids(changes) == {"a": 2, "b": 1}


def test_an_id_follows_content_whose_place_is_taken() -> None:
    """`a` was renamed to `b`, and something new was put at `a`."""
    track = known_file(1, "a", content="x")

    changes = match([file_result("a", content="new"), file_result("b", content="x")], [track], [])

    assert ids(changes) == {"b": 1, "a": 100}


def test_a_track_whose_place_another_took_is_missing() -> None:
    """`a` was deleted and `c` renamed to `a`: track 1 is gone, and no longer owns the place."""
    a, c = known_file(1, "a", content="x"), known_file(2, "c", content="y")

    changes = match([file_result("a", content="y")], [a, c], [c])

    assert ids(changes) == {"a": 2}
    assert changes.missing_ids == (1,)
    assert changes.displaced_ids == (1,)


def test_of_several_gone_tracks_the_one_of_the_same_name_moves() -> None:
    """Two identical files in one folder moved to another keep their ids each."""
    tracks = [known_file(1, "old/a", content="x"), known_file(2, "old/b", content="x")]
    results = [file_result("new/b", content="x"), file_result("new/a", content="x")]

    assert ids(match(results, tracks, tracks)) == {"new/b": 2, "new/a": 1}


def test_a_touched_file_does_not_take_another_ones_id() -> None:
    """Two identical files, both there, one of them touched."""
    tracks = [known_file(1, "a", content="x"), known_file(2, "b", content="x")]

    assert ids(match([file_result("b", content="x")], tracks, [])) == {"b": 2}


def test_a_file_that_is_gone_is_missing_once() -> None:
    """One that was missing before is not reported again."""
    gone = [known_file(1, "a"), known_file(2, "b", status="missing")]

    assert match([], gone, gone).missing_ids == (1,)


def test_a_living_track_goes_before_a_missing_one_at_the_same_place() -> None:
    """Rows of displaced tracks still name the place they had."""
    living = known_file(2, "a", content="y")

    assert by_address([living, known_file(1, "a", content="x", status="missing")])["/music/a"] is (
        living
    )
