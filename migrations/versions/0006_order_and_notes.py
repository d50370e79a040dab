"""Order snapshots and runs without the clock; keep notes; let runs shrink a library when told.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tracks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("note", sa.Text()))
    with op.batch_alter_table("staged_files", schema=None) as batch_op:
        batch_op.add_column(sa.Column("note", sa.Text()))
    with op.batch_alter_table("snapshots", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("ordinal", sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
    with op.batch_alter_table("index_runs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("allow_shrink", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("notes", sa.JSON(), server_default=sa.text("'[]'"), nullable=False)
        )
        batch_op.add_column(sa.Column("ended", sa.Integer()))
    _number("snapshots", "ordinal", "created_at")
    _number("index_runs", "ended", "finished_at")


def downgrade() -> None:
    for table, names in (
        ("index_runs", ("ended", "notes", "allow_shrink")),
        ("snapshots", ("ordinal",)),
        ("staged_files", ("note",)),
        ("tracks", ("note",)),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in names:
                batch_op.drop_column(name)


def _number(name: str, number: str, moment: str) -> None:
    """Count the rows that have a moment, in the order of their moments."""
    columns = [sa.column(each) for each in ("id", number, moment)]
    table = sa.table(name, *columns)
    connection = op.get_bind()
    chosen = sa.select(table.c.id).where(table.c[moment].is_not(None))
    ids = connection.execute(chosen.order_by(table.c[moment], table.c.id)).scalars().all()
    for count, key in enumerate(ids, 1):
        connection.execute(sa.update(table).where(table.c.id == key).values({number: count}))
