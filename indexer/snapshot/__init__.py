"""The file format of a snapshot, and reading one."""

from indexer.snapshot.reader import Snapshot

__all__ = ["Snapshot"]
