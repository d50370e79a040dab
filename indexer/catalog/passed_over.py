"""What a run passed over in the music folders, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, func, insert, select

from indexer.catalog.database import transaction
from indexer.catalog.records import PassedOver
from indexer.catalog.tables import passed_over


class PassedOverRows:
    """The part of the catalogue that keeps what the last walk passed over."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def replace_passed_over(self, entries: Sequence[PassedOver]) -> None:
        """Keep what a walk passed over, in place of what the one before did."""
        rows = [{"id": n, **vars(entry)} for n, entry in enumerate(entries, 1)]
        with transaction(self.engine, writes=True) as connection:
            connection.execute(passed_over.delete())
            if rows:
                connection.execute(insert(passed_over), rows)

    def list_passed_over(self, *, limit: int = 100, after: int = 0) -> list[PassedOver]:
        """What the last walk passed over, in its order.

        Args:
            limit: Most entries.
            after: How many to leave out before.
        """
        chosen = select(passed_over.c.reason, passed_over.c.address)
        chosen = chosen.order_by(passed_over.c.id).where(passed_over.c.id > after).limit(limit)
        with transaction(self.engine) as connection:
            return [PassedOver(*row) for row in connection.execute(chosen)]

    def count_passed_over(self) -> dict[str, int]:
        """How many entries the last walk passed over for each reason, most first."""
        chosen = select(passed_over.c.reason, func.count()).group_by(passed_over.c.reason)
        with transaction(self.engine) as connection:
            rows = connection.execute(chosen.order_by(func.count().desc(), passed_over.c.reason))
            return {str(row[0]): int(row[1]) for row in rows}
