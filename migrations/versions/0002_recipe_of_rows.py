"""Note how a snapshot's rows were made, and key genres by each of their values.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MAX_TEXT_LENGTH = 10_000
BATCH = 1000

tracks = sa.table(
    "tracks",
    sa.column("id", sa.Integer),
    sa.column("artist", sa.Text),
    sa.column("genre", sa.Text),
    sa.column("artist_key", sa.Text),
    sa.column("genre_key", sa.Text),
)


def upgrade() -> None:
    with op.batch_alter_table("snapshots", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("recipe", sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
    _write_keys(genre=_genre_names, artist=_artist_names)


def downgrade() -> None:
    with op.batch_alter_table("snapshots", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("recipe")
    _write_keys(genre=_joined_values, artist=_joined_values)


def _write_keys(**names_of) -> None:
    connection = op.get_bind()
    changed = (
        sa.update(tracks)
        .where(tracks.c.id == sa.bindparam("key"))
        .values(genre_key=sa.bindparam("new_genre"), artist_key=sa.bindparam("new_artist"))
    )
    last = -1
    while True:
        chosen = sa.select(tracks.c.id, tracks.c.genre, tracks.c.artist).where(tracks.c.id > last)
        rows = connection.execute(chosen.order_by(tracks.c.id).limit(BATCH)).all()
        if not rows:
            return
        last = rows[-1].id
        values = [
            {
                "key": row.id,
                "new_genre": _key(names_of["genre"](row.genre)),
                "new_artist": _key(names_of["artist"](row.artist)),
            }
            for row in rows
        ]
        connection.execute(changed, values)


# As the code was when this revision was written: a migration does not change with it.


def _values(joined: str | None) -> list[str]:
    return [value for value in re.split(r"\s*;\s*", joined or "") if value]


def _artist_names(joined: str | None) -> list[str]:
    return list(dict.fromkeys([*_values(joined), *filter(None, [joined])]))


def _genre_names(joined: str | None) -> list[str]:
    values = _values(joined)
    sides = [side.strip() for value in values if "/" in value for side in value.split("/")]
    return list(dict.fromkeys([*values, *filter(None, sides), *filter(None, [joined])]))


def _joined_values(joined: str | None) -> list[str]:
    return joined.split("; ") if joined else []


def _key(values: list[str]) -> str:
    return "".join(f"\n{_searchable(value)}\n" for value in values)


def _searchable(words: str) -> str:
    plain = words.encode("utf-8", "replace").decode().replace("\0", " ")
    letters = unicodedata.normalize("NFKD", plain.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))[:MAX_TEXT_LENGTH]
