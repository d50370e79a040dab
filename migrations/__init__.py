"""Database schema migrations (Alembic)."""
