"""Index runs that the service starts."""
