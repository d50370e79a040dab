"""What a run did, told to whoever started it."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.catalog.records import PassedOver


@dataclass(frozen=True)
class PartialSnapshot:
    """A partial snapshot that a first run has published.

    Attributes:
        snapshot_id: Its name.
        tracks: Tracks in it.
        after_s: Time from the beginning of the run until it could be played, seconds.
        took_s: Of this, what making it has taken, seconds.
    """

    snapshot_id: str
    tracks: int
    after_s: float
    took_s: float


@dataclass(frozen=True)
class RunSummary:
    """What an index run did.

    Attributes:
        run_id: The run.
        snapshot_id: The snapshot that holds the outcome; None where no track is in the index.
        model_id: The checkpoint that embedded.
        wrote_snapshot: False if an existing snapshot already held exactly this.
        files_total: Audio files found.
        files_read: New and changed ones that this run has read.
        files_resumed: Of the others, those that a run before had finished without coming to
            its end.
        files_decoded: Of the read ones, those whose analysis was not kept from earlier.
        files_failed: Files that cannot be in the index.
        files_missing: Tracks whose files have gone.
        files_kept: Tracks that stay as they were because their files could not be read.
        notes: What could not be looked at, was kept or decodes in part, a line each.
        passed_over: Entries of the folders that are no part of the library.
        parts: The partial snapshots that a first run has published.
        audio_s: Duration of what was decoded.
        elapsed_s: Duration of the run.
    """

    run_id: int
    snapshot_id: str | None
    model_id: str
    wrote_snapshot: bool
    files_total: int
    files_read: int
    files_resumed: int
    files_decoded: int
    files_failed: int
    files_missing: int
    files_kept: int
    notes: tuple[str, ...]
    passed_over: tuple[PassedOver, ...]
    parts: tuple[PartialSnapshot, ...]
    audio_s: float
    elapsed_s: float
