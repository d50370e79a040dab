"""Write a new revision: `python -m migrations "Say what changes"`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from indexer.catalog.database import alembic_config, make_engine, migrate


def main(message: str) -> None:
    """Compare the tables with a freshly migrated SQLite database and write the difference."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'catalogue.db'}")
        migrate(engine)
        with engine.connect() as connection:
            config = alembic_config(connection)
            count = len(list(ScriptDirectory.from_config(config).walk_revisions()))
            number = f"{count + 1:04d}"
            command.revision(config, message=message, autogenerate=True, rev_id=number)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "Change the schema")
