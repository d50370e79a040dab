"""Keep what each file is taken for: music, speech, noise, too short to tell; and why.

Revision: 0007, after 0006.

Files that were analysed before count as music until they are read anew (`circumplex index --full`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("tracks", "staged_files"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(
                sa.Column("verdict", sa.String(10), server_default="music", nullable=False)
            )
            batch_op.add_column(sa.Column("verdict_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    for table in ("tracks", "staged_files"):
        with op.batch_alter_table(table, schema=None, recreate="never") as batch_op:
            batch_op.drop_column("verdict_reason")
            batch_op.drop_column("verdict")
