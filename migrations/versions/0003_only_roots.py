"""Keep with an index run whether tracks outside its folders leave the index.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("index_runs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("only", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("index_runs", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("only")
