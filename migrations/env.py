"""What Alembic runs: `indexer.catalog.database` passes an open connection.

A new revision, from the difference between the tables and a migrated database:
`python -m migrations "Say what changes"`.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from indexer.catalog.tables import UtcDateTime, metadata


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations must not change with the code, so they name SQLAlchemy's own types."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
