"""Database schema migrations (Alembic); `indexer.database.migrate` runs them."""
