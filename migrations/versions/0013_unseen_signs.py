"""Fold search columns anew: characters that nobody sees are left out.

Revision: 0013, after 0012.
"""

from __future__ import annotations

from alembic import op

from indexer.catalog.keys import restate_search_keys

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    restate_search_keys(op.get_bind())


def downgrade() -> None:
    """Leave them: older code compares them as they are."""
