"""Fold search columns anew: hyphens and quotation marks of print are those of a keyboard.

Revision: 0011, after 0010.
"""

from __future__ import annotations

from alembic import op

from indexer.catalog.keys import restate_search_keys

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    restate_search_keys(op.get_bind())


def downgrade() -> None:
    """Leave them: older code compares them as they are."""
