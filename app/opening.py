"""Opens the catalogue, for commands that need no model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.settings import Settings
from indexer.catalog.catalog import Catalog, open_catalog


@contextmanager
def opened_catalog(settings: Settings) -> Iterator[Catalog]:
    """The catalogue that the settings name; its data folder is made where it is missing."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    catalog = open_catalog(settings.resolved_database_url)
    try:
        yield catalog
    finally:
        catalog.close()
