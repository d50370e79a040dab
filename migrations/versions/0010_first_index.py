"""Mark snapshots of unfinished first runs; keep what a run passed over; fold search columns anew.

Revision: 0010, after 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from indexer.catalog.keys import restate_search_keys

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("snapshots", schema=None, recreate="never") as batch_op:
        batch_op.add_column(
            sa.Column("partial", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.create_table(
        "passed_over",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passed_over")),
    )
    restate_search_keys(op.get_bind())


def downgrade() -> None:
    op.drop_table("passed_over")
    with op.batch_alter_table("snapshots", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("partial")
