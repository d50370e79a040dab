"""Listeners' own planes, as they answer questions (ADR 0091)."""
