"""Backups of a catalogue: written, verified, restored."""
