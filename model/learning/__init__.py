"""Training and evaluation; never imported by the indexer or the service."""
