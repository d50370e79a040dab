"""What the catalogue hands out and takes in: plain frozen records, no database objects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from indexer.folders.files import FoundFile, Tags
from indexer.folders.identifiers import NOTHING, Identifiers
from model.verdict import MUSIC, Verdict, VerdictKind

TrackStatus = Literal["ok", "failed", "missing"]
RunState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
SnapshotState = Literal["writing", "ready", "deleting"]
Stage = Literal["queued", "scanning", "analysing", "writing", "finished"]


@dataclass(frozen=True)
class Track:
    """A file of the catalogue.

    Attributes:
        id: Stays with the content when the file moves, with the path when it changes, and with what
            is heard when both do at once.
        root: Absolute path of its music root (stored text; see `indexer.folders.files`).
        path: Path below the root (stored text).
        size_bytes: Size of the file.
        mtime_ns: Its last change, nanoseconds since 1970.
        content_id: BLAKE2b-128 of its bytes; None if it could not be read.
        frontend_id: The frontend whose analysis the status speaks of.
        failure_reason: Why it is not in the index, for `failed`.
        title: Title, or the file's name made readable.
        artist: Artists, joined by `; `.
        album: Album.
        genre: Genres, joined by `; `.
        year: Year.
        duration_s: Decoded duration.
        note: What a listener should know, such as that a part of it does not decode.
        status: `ok` (in the index), `failed` or `missing`.
        added_at: When it first came into the catalogue.
        updated_at: When this row last changed.
        identifiers: What names the recording beyond its tags above.
        verdict: What it is taken for; see `model.verdict`.
        verdict_reason: Why, where it is not music.
    """

    id: int
    root: str
    path: str
    size_bytes: int
    mtime_ns: int
    content_id: str | None
    frontend_id: str
    failure_reason: str | None
    title: str
    artist: str | None
    album: str | None
    genre: str | None
    year: int | None
    duration_s: float | None
    note: str | None
    status: TrackStatus
    added_at: datetime
    updated_at: datetime
    identifiers: Identifiers = NOTHING
    verdict: VerdictKind = "music"
    verdict_reason: str | None = None

    @property
    def address(self) -> str:
        """The whole path as stored text."""
        return f"{self.root.rstrip('/')}/{self.path}"


@dataclass(frozen=True)
class KnownFile:
    """The part of a track that the next run compares with the disk.

    Attributes:
        ctime_ns: The last change of its file's status, nanoseconds since 1970; 0 if not known.
        misplaced: Whether its root or path was edited since a run wrote them.
    """

    id: int
    root: str
    path: str
    size_bytes: int
    mtime_ns: int
    content_id: str | None
    frontend_id: str
    status: TrackStatus
    ctime_ns: int = 0
    misplaced: bool = False

    @property
    def address(self) -> str:
        """The whole path as stored text."""
        return f"{self.root.rstrip('/')}/{self.path}"


@dataclass(frozen=True)
class FileResult:
    """What a run found out about one file.

    Attributes:
        found: Where the file lies, and its stat from before it was read.
        content_id: BLAKE2b-128 of its bytes; None if it could not be read.
        frontend_id: The frontend that analysed it.
        tags: Its tags.
        duration_s: Decoded duration; None on failure.
        failure_reason: Why it cannot be in the index; None if it can.
        note: What a listener should know, such as that a part of it does not decode.
        verdict: What it is taken for.
    """

    found: FoundFile
    content_id: str | None
    frontend_id: str
    tags: Tags
    duration_s: float | None = None
    failure_reason: str | None = None
    note: str | None = None
    verdict: Verdict = MUSIC

    @property
    def address_id(self) -> str:
        """The key of the file's address."""
        return address_id(self.found.address)


@dataclass(frozen=True)
class TrackChange:
    """One row that a run writes: a new track, or a known one with other content or place."""

    id: int
    result: FileResult


@dataclass(frozen=True)
class TrackChanges:
    """All that a run changes about the catalogue's tracks, made visible at once.

    Attributes:
        new: Tracks with ids of their own.
        changed: Rows of known tracks to be replaced.
        missing_ids: Tracks whose files are gone.
        displaced_ids: Of the missing ones, those whose place another track has taken.
        judged: Other known tracks that are taken for something else than before, by id.
    """

    new: tuple[TrackChange, ...] = ()
    changed: tuple[TrackChange, ...] = ()
    missing_ids: tuple[int, ...] = ()
    displaced_ids: tuple[int, ...] = ()
    judged: Mapping[int, Verdict] = field(default_factory=dict)

    @property
    def failed_ids(self) -> tuple[int, ...]:
        """Known tracks whose files can be no part of the index now."""
        return tuple(one.id for one in self.changed if one.result.failure_reason is not None)


@dataclass(frozen=True)
class TrackQuery:
    """Which tracks a listing shows; every condition must hold, within one any value.

    Attributes:
        genre: Genres, compared without case and accents.
        artist: Artists, likewise.
        year_min: First year, inclusive.
        year_max: Last year, inclusive.
        duration_min_s: Shortest duration.
        duration_max_s: Longest duration.
        text: Words that title, artist, album or path must contain, each of them.
        status: `ok` is what the index holds; None shows all.
        verdict: Kinds of tracks to show; none: all of them.
    """

    genre: tuple[str, ...] = ()
    artist: tuple[str, ...] = ()
    year_min: int | None = None
    year_max: int | None = None
    duration_min_s: float | None = None
    duration_max_s: float | None = None
    text: str | None = None
    status: TrackStatus | None = "ok"
    verdict: tuple[VerdictKind, ...] = ()


@dataclass(frozen=True)
class TrackPage:
    """Some tracks in the order of their listing, and where the next begins (None: no more)."""

    items: tuple[Track, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Counts:
    """How many tracks the catalogue has of each status."""

    ok: int = 0
    failed: int = 0
    missing: int = 0


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        stage: What it does at the moment.
        files_total: Audio files found.
        files_done: Of these, how many are done (unchanged ones are done at once).
        files_failed: Of the done ones, how many cannot be in the index.
        files_per_s: Files analysed a second so far; None before the first.
        seconds_left: Expected time to the end of the analysis; None while unknown.
        current_file: The file finished last, below its root.
    """

    stage: Stage = "queued"
    files_total: int = 0
    files_done: int = 0
    files_failed: int = 0
    files_per_s: float | None = None
    seconds_left: float | None = None
    current_file: str | None = None


@dataclass(frozen=True)
class IndexRun:
    """An index run as the catalogue keeps it.

    Attributes:
        id: Number of the run.
        state: queued, running, succeeded, failed or cancelled.
        roots: Music roots to walk.
        full: Whether every file is read and analysed anew.
        only: Whether tracks outside the roots leave the index.
        allow_shrink: Whether many tracks may leave the index at once.
        model_id: The checkpoint that embeds; None before it began.
        requested_at: When it was asked for.
        started_at: When it was first claimed.
        finished_at: When it ended.
        progress: How far it is.
        attempts: How many processes have claimed it.
        lease_owner: The process that holds it.
        lease_expires_at: When that process loses it unless it renews.
        cancel_requested: Whether it shall end before the next file.
        snapshot_id: The snapshot that holds its outcome; while a first run is at work, the one
            that holds what it has finished so far.
        error: Why it failed.
        notes: What it passed over, could not look at or decoded in part, a line each.
    """

    id: int
    state: RunState
    roots: tuple[str, ...]
    full: bool
    only: bool
    allow_shrink: bool
    model_id: str | None
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: RunProgress = field(default_factory=RunProgress)
    attempts: int = 0
    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    cancel_requested: bool = False
    snapshot_id: str | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """True once the run will not change any more."""
        return self.state in {"succeeded", "failed", "cancelled"}


@dataclass(frozen=True)
class SnapshotRow:
    """A snapshot as the catalogue keeps it; its arrays lie in the folder of its id.

    Attributes:
        id: Name of its folder.
        model_id: The checkpoint that embedded it.
        state: `ready`, or `writing` and `deleting` while its folder is incomplete.
        active: Whether searches use it.
        created_at: When it was begun.
        tracks_digest: Names the tracks it holds and what is said of them.
        track_count: Tracks in it.
        segment_count: Segments in it.
        recipe: How its rows were made of analyses (`indexer.runs.embed.ROW_RECIPE`); 0: not known.
        partial: Whether a first index run made it of what it had finished so far.
    """

    id: str
    model_id: str
    state: SnapshotState
    active: bool
    created_at: datetime
    tracks_digest: str
    track_count: int
    segment_count: int
    recipe: int = 0
    partial: bool = False


@dataclass(frozen=True)
class PassedOver:
    """An entry of a music folder that is no part of the library.

    Attributes:
        reason: Why.
        address: Its whole path as stored text; that of a folder that cannot be listed ends in `/`.
    """

    reason: str
    address: str


def address_id(address: str) -> str:
    """The key of a file's whole path: 32 hexadecimal digits (BLAKE2b-128)."""
    return hashlib.blake2b(address.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
