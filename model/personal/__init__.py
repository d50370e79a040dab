"""A listener's own plane: where they put tracks, and what follows for the others (ADR 0091)."""
