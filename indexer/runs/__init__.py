"""Index runs: from music folders to a published snapshot."""
