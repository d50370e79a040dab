"""Copies of one recording are found; other recordings are not taken for copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.runs.embed import Block
from indexer.runs.recordings import alike, group
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.analysis import Analysis
from model.embedding import Embedding
from tests import snapshots

WINDOWS = 120  # a minute


def piece(seed: int, windows: int = WINDOWS) -> NDArray[np.float32]:
    """Eight features that wander smoothly, [W, 8]."""
    steps = np.random.default_rng(seed).standard_normal((windows + 20, 8))
    smooth = np.stack([np.convolve(column, np.ones(20) / 20, "valid") for column in steps.T], 1)
    return smooth[:windows].astype(np.float32)


def copy_of(
    windows: NDArray[np.float32], later: int = 0, level: float = 0.0
) -> NDArray[np.float32]:
    """The same, `later` rows cut from its start, its features shifted and a little off."""
    noise = 0.02 * np.random.default_rng(9).standard_normal(windows.shape)
    return (windows + level + noise)[later:].astype(np.float32)


def analysis(windows: NDArray[np.float32]) -> Analysis:
    """An analysis with these windows."""
    segments = np.array([[0.0, len(windows) / 2]], np.float32)
    return Analysis("fake-1", len(windows) / 2, segments, windows[:1], windows, loudness_lufs=-16.0)


def block(windows: NDArray[np.float32], start_s: float = 0.0) -> Block:
    """What an index run knows of it, silent before `start_s`: a curve of its first two features."""
    point = np.zeros((1, 2), np.float32)
    curve = np.concatenate([windows[:, :2], np.ones((len(windows), 2))], axis=1)
    segment_s = np.array([[start_s, len(windows) / 2]], np.float32)
    return Block(segment_s, Embedding(point, point, point + 1), point, curve.astype(np.float16))


def track(number: int, path: str, windows: NDArray[np.float32]) -> TrackRecord:
    """A track of content `number`."""
    return TrackRecord(
        number, f"c{number}", "/m", path, path, None, None, None, None, len(windows) / 2
    )


def grouped(
    *pieces: tuple[str, NDArray[np.float32]],
    sizes: dict[int, int] | None = None,
    load: Callable[[str], Analysis | None] | None = None,
    previous: Snapshot | None = None,
) -> list[int | None]:
    """Which track answers for each of these files; their ids count from 1."""
    tracks = [track(n, path, windows) for n, (path, windows) in enumerate(pieces, start=1)]
    windows_of = {f"c{n}": windows for n, (_, windows) in enumerate(pieces, start=1)}
    blocks = {content: block(windows) for content, windows in windows_of.items()}
    kept = load or (lambda content: analysis(windows_of[content]))
    known = SimpleNamespace(blocks=blocks, grouped=previous)
    found = group(tracks, sizes or {}, known, kept)
    return [each.recording for each in found]


@pytest.mark.parametrize("later", [0, 1, 4])
def test_a_copy_with_another_start_is_alike(later: int) -> None:
    """Up to two seconds of it may be cut off."""
    first = piece(1)

    assert alike(first, copy_of(first, later, level=0.3))
    assert alike(copy_of(first, later, level=0.3), first)


def test_long_silence_before_a_copy_does_not_count() -> None:
    """Twenty seconds of it, more than a copy may lag behind."""
    windows = piece(1)
    later = np.concatenate([np.repeat(windows[:1], 40, axis=0), copy_of(windows)])
    silent_s = np.array([[20.0, len(later) / 2]], np.float32)
    kept = {"c1": analysis(windows), "c2": replace(analysis(later), segments_s=silent_s)}
    known = SimpleNamespace(blocks={"c1": block(windows), "c2": block(later, 20.0)}, grouped=None)
    tracks = [track(1, "/m/a.mp3", windows), track(2, "/m/b.flac", later)]

    assert [one.recording for one in group(tracks, {}, known, kept.get)] == [2, 2]


def test_another_piece_is_not_alike() -> None:
    """None of forty."""
    assert not any(alike(piece(1), piece(seed)) for seed in range(2, 42))


def test_too_little_music_is_never_alike() -> None:
    """A fanfare of ten seconds is compared by its bytes alone."""
    short = piece(1, 20)

    assert not alike(short, short)


def test_the_best_copy_answers() -> None:
    """Lossless before bit rate before length before age."""
    first = piece(1)
    files = [("a.mp3", first), ("b.flac", copy_of(first)), ("c.ogg", copy_of(first, 1))]

    assert grouped(*files) == [2, 2, 2]
    lossy = [("a.mp3", first), ("b.mp3", copy_of(first))]
    assert grouped(*lossy, sizes={1: 10_000, 2: 900_000}) == [2, 2]
    assert grouped(*lossy) == [1, 1]


def test_other_lengths_and_other_pieces_stay_apart() -> None:
    """An excerpt is no copy, nor is a piece of the same length."""
    assert grouped(("a.mp3", piece(1)), ("b.mp3", piece(1)[:90]), ("c.mp3", piece(2))) == [1, 2, 3]


def test_a_lost_analysis_leaves_a_track_alone() -> None:
    """What cannot be compared is no copy."""
    first = piece(1)

    assert grouped(("a.mp3", first), ("b.mp3", copy_of(first)), load=lambda _content: None) == [
        1,
        2,
    ]


def test_known_pairs_are_not_compared_again(tmp_path: Path) -> None:
    """Both contents in the snapshot before: their analyses are not read."""
    before = snapshots.content(2)
    first, second = sorted(before.tracks, key=lambda each: each.id)
    known = {"c1": first, "c2": second}
    renamed = [
        TrackRecord(**{**vars(each), "content_id": content, "recording": first.id})
        for content, each in known.items()
    ]
    data = snapshots.written(tmp_path / "s", _with_tracks(before, renamed))

    def load(_content: str) -> Analysis:
        raise AssertionError("an analysis was read")

    windows = piece(1)
    files = [("a.mp3", windows), ("b.mp3", copy_of(windows))]
    assert grouped(*files, load=load, previous=data) == [1, 1]


def _with_tracks(data, tracks):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(data, tracks=tracks)


@pytest.mark.parametrize("later", [0, 3])
def test_many_pieces_alike_cost_no_more_time_than_others(later: int) -> None:
    """Of two hundred copies each is compared with a few others, and they are one recording."""
    first = piece(1)
    asked: list[str] = []

    def kept(content: str) -> Analysis:
        asked.append(content)
        return analysis(first[later * (len(asked) % 2) :])

    assert set(grouped(*(("a.mp3", first),) * 200, load=kept)) == {1}
    assert len(asked) < 40 * 200


def test_files_too_short_to_compare_are_not_read() -> None:
    """A folder of five hundred drum hits is no work."""
    hit = piece(2, 8)

    def kept(content: str) -> Analysis:
        raise AssertionError(f"{content} was read")

    assert grouped(*(("hit.wav", hit),) * 500, load=kept) == list(range(1, 501))
