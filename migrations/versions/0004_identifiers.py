"""Keep what names a recording; filled by reading the tags again, decoding nothing.

Revision: 0004, after 0003.

Tags are read by the code of today, unlike everything else a migration does: what a file says does
not depend on the schema. A file that is away keeps no identifiers until an index run reads it.
"""

from __future__ import annotations

import logging
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MAX_TEXT_LENGTH = 10_000
BATCH = 500
STATED = ("id", "root", "path", "title", "artist", "album", "identifiers")
KEYS = ("artist_key", "search_text")

logger = logging.getLogger("circumplex.migration")
tracks = sa.table(
    "tracks",
    sa.column("id", sa.Integer),
    sa.column("status", sa.Text),
    *(sa.column(name, sa.Text) for name in (*STATED[1:], *KEYS)),
)
snapshots = sa.table("snapshots", sa.column("tracks_digest", sa.Text))


def upgrade() -> None:
    for table in ("tracks", "staged_files"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("identifiers", sa.Text(), nullable=True))
    if _fill(op.get_bind()):
        # Other artists or albums than the snapshots hold: the next run writes a new one.
        op.get_bind().execute(sa.update(snapshots).values(tracks_digest=""))


def downgrade() -> None:
    for table in ("tracks", "staged_files"):
        with op.batch_alter_table(table, schema=None, recreate="never") as batch_op:
            batch_op.drop_column("identifiers")


def _fill(connection) -> bool:
    """Read the tags of every track; whether an artist or an album became another one."""
    last, done, restated = -1, 0, False
    columns = [tracks.c[name] for name in STATED]
    while True:
        chosen = sa.select(*columns).where(tracks.c.id > last, tracks.c.status == "ok")
        rows = connection.execute(chosen.order_by(tracks.c.id).limit(BATCH)).all()
        if not rows:
            return restated
        for row in rows:
            values = _values(row)
            if values:
                restated = restated or "artist" in values
                connection.execute(sa.update(tracks).where(tracks.c.id == row.id).values(**values))
        last, done = rows[-1].id, done + len(rows)
        logger.info("tags of %d tracks are read again", done)


def _values(row) -> dict[str, str | None]:
    """The columns that the tags of a track's file give other values."""
    from indexer.folders.files import file_path, read_tags

    path = file_path(row.root, row.path)
    try:
        if not path.is_file():
            return {}
        tags = read_tags(path, row.path)
    except (OSError, ValueError):
        return {}
    values: dict[str, str | None] = {}
    if tags.identifiers.to_json():
        values["identifiers"] = tags.identifiers.to_json()
    if (tags.artist, tags.album) != (row.artist, row.album):
        words = (row.title, tags.artist, tags.album, row.path)
        values |= {
            "artist": tags.artist,
            "album": tags.album,
            "artist_key": _key(tags.artist),
            "search_text": _searchable(" ".join(word for word in words if word)),
        }
    return values


# As the code was when this revision was written: a migration does not change with it.


def _key(joined: str | None) -> str:
    values = [value.strip() for value in (joined or "").split(";") if value.strip()]
    names = list(dict.fromkeys([*values, *filter(None, [joined])]))
    return "".join(f"\n{_searchable(value)}\n" for value in names)


def _searchable(words: str) -> str:
    plain = words.encode("utf-8", "replace").decode().replace("\0", " ")
    letters = unicodedata.normalize("NFKD", plain.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))[:MAX_TEXT_LENGTH]
