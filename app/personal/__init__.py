"""Listeners' own planes, as they answer questions (ADR 0090)."""
