"""One recording, once: which tracks are the same recording, and which copy answers for it.

Two files hold the same recording if they last about as long, feel alike as a whole and move alike
from moment to moment, at some small shift: another codec, level or lead-in changes none of that; a
live version, a cover or another mix does (ADR 87). Candidates are found by length and by the
emotion curve, so that not every pair is looked at; only for them analyses are read.

T tracks, C contents, W windows, Dx features, K keys.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.runs.embed import Block
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.analysis import CURVE_HOP_S, CURVE_WINDOW_S, Analysis
from model.arrays import Floats
from model.folding import fold

logger = logging.getLogger(__name__)

LOSSLESS = frozenset((".flac", ".wav", ".aiff", ".aif", ".ape", ".wv", ".tta", ".w64", ".caf"))
_KEPT_ANALYSES = 256  # in memory at once
_MOST_CANDIDATES = 32  # that a content is compared with; copies are the nearest of all


@dataclass(frozen=True)
class LikenessLimits:
    """How alike two files of one recording are; see `make bench-recordings`.

    Attributes:
        length_s: Most that their lengths differ by, seconds.
        shift_s: Most that one lags behind the other, seconds.
        emotion: Most that the quantiles of their emotion curves differ by, each.
        movement: Least correlation over time of their features, the median over the columns.
        least_s: Least time that is compared, seconds. Files shorter than that and a window are
            copies by content alone.
    """

    length_s: float = 4.5
    shift_s: float = 2.5
    emotion: float = 0.12
    movement: float = 0.87
    least_s: float = 10.0


LIMITS = LikenessLimits()


class KnownContents(Protocol):
    """What an index run knows of contents: `indexer.runs.embed.BlockBuilder`."""

    blocks: dict[str, Block]
    grouped: Snapshot | None


def group(
    tracks: Sequence[TrackRecord],
    size_bytes: Mapping[int, int],
    known: KnownContents,
    load: Callable[[str], Analysis | None],
    limits: LikenessLimits = LIMITS,
) -> list[TrackRecord]:
    """The tracks, each with the one that answers for its recording.

    Args:
        tracks: All tracks of the index.
        size_bytes: Size of each track's file, by id.
        known: Blocks of all contents, and a snapshot of the same model: pairs of its contents
            are not compared again.
        load: Gives the kept analysis of a content.
        limits: How alike copies are.
    """
    contents = list(dict.fromkeys(track.content_id for track in tracks))
    decided = {} if known.grouped is None else _recordings_of(known.grouped)
    sets = _Sets(contents)
    blocks = [known.blocks[content] for content in contents]
    for one, other in _candidates(contents, blocks, limits):
        sets.decide(contents[one], contents[other], decided, load, limits)
    return _answering(tracks, size_bytes, sets)


class _Sets:
    """Contents joined to recordings, one by one."""

    def __init__(self, contents: Collection[str]) -> None:
        self._parent = {content: content for content in contents}
        self._windows = lru_cache(_KEPT_ANALYSES)(self._read)
        self._load: Callable[[str], Analysis | None] = lambda _content: None

    def of(self, content: str) -> str:
        """A content that names the recording."""
        while self._parent[content] != content:
            self._parent[content] = content = self._parent[self._parent[content]]
        return content

    def decide(
        self,
        one: str,
        other: str,
        known: Mapping[str, int],
        load: Callable[[str], Analysis | None],
        limits: LikenessLimits,
    ) -> None:
        """Join two candidates if they are one recording."""
        if self.of(one) == self.of(other):
            return
        if one in known and other in known:
            same = known[one] == known[other]
        else:
            self._load = load
            windows = self._windows(one), self._windows(other)
            same = all(len(each) for each in windows) and alike(*windows, limits)
        if same:
            self._parent[self.of(other)] = self.of(one)

    def _read(self, content: str) -> Floats:
        analysis = self._load(content)
        if analysis is None:
            return np.empty((0, 0), np.float32)
        start, end = analysis.segments_s[:, 0].min(), analysis.segments_s[:, 1].max()
        return analysis.window_features[round(start / CURVE_HOP_S) : round(end / CURVE_HOP_S)]


def alike(one: Floats, other: Floats, limits: LikenessLimits = LIMITS) -> bool:
    """Whether features move alike at some shift: windows [W, Dx] of two files, 2 Hz."""
    most = round(limits.shift_s / CURVE_HOP_S)
    shifts = sorted(range(-most, most + 1), key=abs)
    return any(movement(one, other, shift, limits) >= limits.movement for shift in shifts)


def movement(one: Floats, other: Floats, shift: int, limits: LikenessLimits = LIMITS) -> float:
    """Median over the columns of the correlation of two files' features, one `shift` rows later.

    Windows that reach over an end of a file are left out. 0 where too little is left.
    """
    first, second = one[max(0, -shift) :], other[max(0, shift) :]
    edge = round(CURVE_WINDOW_S / 2 / CURVE_HOP_S)
    last = min(len(first), len(second)) - edge
    if last - edge < limits.least_s / CURVE_HOP_S:
        return 0.0
    a, b = (_centred(rows[edge:last].astype(np.float64)) for rows in (first, second))
    spread = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    moving = spread > 1e-9
    if not moving.any():
        return 0.0
    return float(np.median((a * b).sum(axis=0)[moving] / spread[moving]))


def _centred(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows - rows.mean(axis=0), dtype=np.float64)


def _candidates(
    contents: Sequence[str], blocks: Sequence[Block], limits: LikenessLimits
) -> list[tuple[int, int]]:
    """Pairs of contents whose lengths and emotion curves are near, in order.

    A content has its nearest `_MOST_CANDIDATES` at most, so that many pieces alike cost no more
    time than others; equal keys are a chain besides, so that none of many exact copies is alone.
    """
    from scipy.spatial import cKDTree  # type: ignore[import-untyped]  # not while a service starts

    long = [row for row, block in enumerate(blocks) if _length_s(block) >= limits.least_s]
    if len(long) < 2:
        return []
    keys = np.stack([_key(blocks[row], limits) for row in long])  # [C, K]
    near, rows = cKDTree(keys).query(
        keys, min(len(long), _MOST_CANDIDATES + 1), p=np.inf, distance_upper_bound=1.0
    )
    found = {
        (min(row, int(other)), max(row, int(other)))
        for row, other in zip(*_pairs(near, rows), strict=True)
        if row != other
    }
    order = np.lexsort(keys.T)
    chained = np.flatnonzero((keys[order[1:]] == keys[order[:-1]]).all(axis=1))
    found |= {
        (min(a, b), max(a, b))
        for a, b in zip(order[chained].tolist(), order[chained + 1].tolist(), strict=True)
    }
    return sorted((long[a], long[b]) for a, b in found)


def _pairs(near: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Neighbours that were found, as pairs: those that were not are infinitely far."""
    one, place = np.nonzero(np.isfinite(near))
    return one.tolist(), rows[one, place].tolist()


def _length_s(block: Block) -> float:
    """From the start of the first segment to the end; long silences around them do not count."""
    starts = np.sort(block.segment_s[:, 0])  # the first one's, of several, is that of the whole
    return float(block.segment_s[:, 1].max() - starts[min(1, len(starts) - 1)])


def _key(block: Block, limits: LikenessLimits) -> NDArray[np.float64]:
    """Length and quantiles of the emotion curve, in units of their limits, [K]."""
    length_s = _length_s(block)
    if not len(block.curve):
        return np.array([length_s / limits.length_s, *([0.0] * 6)])
    quantiles = np.percentile(block.curve[:, :2].astype(np.float64), [15, 50, 85], axis=0)
    parts = ([length_s / limits.length_s], quantiles.ravel() / limits.emotion)
    return np.asarray(np.concatenate(parts), dtype=np.float64)


def _recordings_of(snapshot: Snapshot) -> dict[str, int]:
    """The recording of each content of a snapshot."""
    codes = snapshot.tracks.answering.recordings
    return {track.content_id: int(codes[row]) for row, track in enumerate(snapshot.tracks)}


def _answering(
    tracks: Sequence[TrackRecord], size_bytes: Mapping[int, int], sets: _Sets
) -> list[TrackRecord]:
    best: dict[str, TrackRecord] = {}
    for track in sorted(tracks, key=lambda track: _rank(track, size_bytes)):
        best.setdefault(sets.of(track.content_id), track)
    return [replace(track, recording=best[sets.of(track.content_id)].id) for track in tracks]


def _rank(track: TrackRecord, size_bytes: Mapping[int, int]) -> tuple[bool, bool, int, float, int]:
    """Sorts the best copy first: music, lossless, by bit rate, by length, then the oldest."""
    lossless = fold(PurePosixPath(track.path).suffix) in LOSSLESS
    kbps = round(size_bytes.get(track.id, 0) / 125.0 / max(track.duration_s, 0.1))
    return track.verdict != "music", not lossless, -kbps, -track.duration_s, track.id
