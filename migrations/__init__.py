"""Database schema migrations (Alembic); `indexer.catalog.database.migrate` runs them."""
