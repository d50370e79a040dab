"""The catalogue's tables, for SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

from indexer.catalog.column_types import (
    ContentId,
    PlainText,
    Seconds,
    UtcDateTime,
    WholeNumber,
    Word,
    Year,
)
from indexer.folders.identifiers import Identifiers
from model.verdict import KINDS

TRACK_STATES = ("ok", "failed", "missing")
RUN_STATES = ("queued", "running", "succeeded", "failed", "cancelled")
SNAPSHOT_STATES = ("writing", "ready", "deleting")
VERDICTS = ("music", *(kind for kind in KINDS if kind != "music"))
STATION_RHYTHMS = ("none", "daily")
PLACE_SCALES = ("absolute", "relative")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class IdentifiersText(TypeDecorator[Identifiers]):
    """What names a recording, as JSON; NULL where nothing does."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Identifiers | None, dialect: Dialect) -> str | None:
        """To JSON."""
        return None if value is None else value.to_json()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Identifiers:
        """From JSON; what is none names nothing."""
        return Identifiers.from_json(value)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _file_columns() -> list[Column[Any]]:
    """What is known of a file: where it lies, its stat, content and tags."""
    return [
        # BLAKE2b-128 of root and path: paths themselves may be longer than an index takes.
        Column("address_id", String(32), nullable=False),
        Column("root", PlainText, nullable=False),
        Column("path", PlainText, nullable=False),
        Column("size_bytes", WholeNumber, nullable=False),
        Column("mtime_ns", WholeNumber, nullable=False),
        Column("ctime_ns", WholeNumber, nullable=False, server_default=text("0")),  # 0: not known
        Column("content_id", ContentId),  # NULL: the file could not be read
        Column("frontend_id", String(100), nullable=False),  # whose analysis this row speaks of
        Column("failure_reason", PlainText),
        Column("title", PlainText, nullable=False),
        Column("artist", PlainText),
        Column("album", PlainText),
        Column("genre", PlainText),
        Column("year", Year),
        Column("duration_s", Seconds),
        Column("note", PlainText),  # for a listener, such as that a part of it does not decode
        Column("identifiers", IdentifiersText),
        Column("verdict", Word(10, *VERDICTS), nullable=False, server_default="music"),
        Column("verdict_reason", PlainText),
    ]


# Ids are given by the one index run that may write, never by the database: the snapshot that
# holds them is written before the rows become visible.
tracks = Table(
    "tracks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    *_file_columns(),
    Column("status", String(10), nullable=False),
    Column("artist_key", Text, nullable=False),  # folded, "\n" around each value
    Column("genre_key", Text, nullable=False),
    Column("search_text", Text, nullable=False),  # folded title, artist, album and path
    Column("added_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    _one_of("status", TRACK_STATES),
    Index("uq_tracks_address_id", "address_id", unique=True),
    Index("ix_tracks_content_id", "content_id"),
    Index("ix_tracks_status", "status", "id"),
)

# Files that a run has finished but not yet published: what a run that died need not do again.
staged_files = Table("staged_files", metadata, *_file_columns(), PrimaryKeyConstraint("address_id"))

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("model_id", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("tracks_digest", String(32), nullable=False),
    Column("track_count", Integer, nullable=False),
    Column("segment_count", Integer, nullable=False),
    Column("recipe", Integer, nullable=False, server_default=text("0")),  # 0: not known
    Column("ordinal", Integer, nullable=False, server_default=text("0")),  # the newest has most
    Column(
        "partial", Boolean, nullable=False, server_default=false()
    ),  # of a first run that goes on
    _one_of("state", SNAPSHOT_STATES),
    Index(
        "uq_snapshots_active",
        "active",
        unique=True,
        sqlite_where=text("active"),
        postgresql_where=text("active"),
    ),
)

index_runs = Table(
    "index_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", String(10), nullable=False),
    Column("roots", JSON, nullable=False),
    Column("full", Boolean, nullable=False),
    Column("only", Boolean, nullable=False, server_default=false()),
    Column("allow_shrink", Boolean, nullable=False, server_default=false()),
    Column("model_id", String(200)),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("stage", String(20), nullable=False),
    Column("files_total", Integer, nullable=False),
    Column("files_done", Integer, nullable=False),
    Column("files_failed", Integer, nullable=False),
    Column("files_per_s", Float),
    Column("seconds_left", Float),
    Column("current_file", Text),
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", String(200)),
    Column("lease_expires_at", UtcDateTime),
    Column("cancel_requested", Boolean, nullable=False),
    Column("snapshot_id", String(64), ForeignKey("snapshots.id", ondelete="SET NULL")),
    Column("error", Text),
    Column("notes", JSON, nullable=False, server_default=text("'[]'")),
    Column("ended", Integer),  # runs that are over, counted in the order of their ends
    _one_of("state", RUN_STATES),
    # One run at a time, kept by the database itself.
    Index(
        "uq_index_runs_running",
        "state",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    sqlite_autoincrement=True,
)

# What the run that walked the folders last passed over.
passed_over = Table(
    "passed_over",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("address", Text, nullable=False),
)

# What listeners keep ------------------------------------------------------------------------------

stations = Table(
    "stations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("question", JSON, nullable=False),  # a playlist request
    Column("rhythm", String(10), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    _one_of("rhythm", STATION_RHYTHMS),
)

saved_playlists = Table(
    "saved_playlists",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("name", Text, nullable=False),
    Column("comment", Text),
    Column("public", Boolean, nullable=False),
    Column("track_ids", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# Stars and ratings of tracks, albums and artists; an item is named as the Subsonic server names it.
marks = Table(
    "marks",
    metadata,
    Column("owner", String(200), nullable=False),
    Column("item", String(64), nullable=False),
    Column("starred_at", UtcDateTime),
    Column("rating", Integer),
    PrimaryKeyConstraint("owner", "item"),
)

plays = Table(
    "plays",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("track_id", Integer, nullable=False),
    Column("played_at", UtcDateTime, nullable=False),
    Column("skipped", Boolean, nullable=False, server_default=false()),
    Index("ix_plays_track_id", "track_id"),
    Index("ix_plays_played_at", "played_at"),
)

# A listener's own plane: one for the machine, whose owner is "", and one for each key that has one.
profiles = Table(
    "profiles",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("weight", Float, nullable=False),  # of what is learned, 0 to 1
    Column("version", String(16), nullable=False),  # another one after each change
    Column("updated_at", UtcDateTime, nullable=False),
)

# Where a listener feels a track. It is kept by recording, by all that may name it later on.
placements = Table(
    "placements",
    metadata,
    Column("owner", String(200), nullable=False),
    Column("content_id", String(32), nullable=False),
    Column("track_id", Integer, nullable=False),
    Column("recording_id", String(36)),  # MusicBrainz's
    Column("title", Text, nullable=False),
    Column("artist", Text),
    Column("duration_s", Float, nullable=False),
    Column("valence", Float),  # NULL: the listener was asked and did not say
    Column("arousal", Float),
    Column("scale", String(10), nullable=False),
    Column("placed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("owner", "content_id"),
    _one_of("scale", PLACE_SCALES),
)
