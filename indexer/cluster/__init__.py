"""Index and search on a Ray cluster: the only package that knows of Ray (extra `ray`)."""
