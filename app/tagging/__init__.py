"""Mood tags in the listener's own files: written when asked for, and undone."""
