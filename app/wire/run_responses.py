"""Response bodies about index runs, snapshots and files that could not be indexed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.wire.responses import Shown
from app.wire.schemas import NEXT_NOTE


class IndexRunOut(Shown):
    """An index run: its state, its progress, its outcome."""

    id: int
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    stage: str = Field(description="What it does: queued, scanning, analysing, writing, finished.")
    roots: list[str]
    full: bool
    only: bool
    allow_shrink: bool
    files_total: int
    files_done: int
    files_failed: int
    files_per_s: float | None = Field(description="Files analysed a second; null at first.")
    seconds_left: float | None = Field(description="Of the analysis; null while unknown.")
    current_file: str | None = Field(description="The file finished last.")
    cancel_requested: bool
    attempts: int = Field(description="Processes that have taken it up.")
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    model_id: str | None
    snapshot_id: str | None = Field(
        description="The index it made; while a first run is at work, the part that can be played."
    )
    error: str | None
    notes: list[str] = Field(
        description="What it passed over, could not look at, or could decode only in part."
    )


class IndexRunList(Shown):
    """Index runs, the newest first."""

    items: list[IndexRunOut]
    next_cursor: str | None = Field(description=NEXT_NOTE)


class SnapshotOut(Shown):
    """An index that queries can be answered from."""

    id: str
    model_id: str
    created_at: datetime
    active: bool
    partial: bool = Field(description="Whether a first run made it of what it had read so far.")
    usable: bool = Field(description="Whether it was made with the model now loaded.")
    tracks: int
    segments: int


class SnapshotList(Shown):
    """Snapshots, the newest first."""

    items: list[SnapshotOut]
    next_cursor: str | None = Field(description=NEXT_NOTE)


class PassedOverOut(Shown):
    """A file or folder below the music roots that is no part of the library."""

    path: str
    reason: str


class PassedOverList(Shown):
    """What the last walk over the music folders passed over."""

    counts: dict[str, int] = Field(description="How many of each reason, in all.")
    items: list[PassedOverOut]
    next_cursor: str | None = Field(description=NEXT_NOTE)


class FailureOut(Shown):
    """A file that could not be indexed."""

    track_id: int
    path: str
    reason: str


class FailureList(Shown):
    """Files that could not be indexed."""

    items: list[FailureOut]
    next_cursor: str | None = Field(description=NEXT_NOTE)
