"""The shards of a snapshot, searched one after the other in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from indexer.search.searcher import Searcher
from indexer.shards.gather import Results, ShardedSearcher, ShardQuestion, Waves
from indexer.snapshot.reader import Snapshot
from model.scoring import ScoringParams


class Shard:
    """One part of a catalogue with what searches it."""

    def __init__(
        self, folder: Path, scoring: ScoringParams, *, has_music: bool, device: str = "cpu"
    ) -> None:
        """Open a shard.

        Args:
            folder: The shard, a snapshot of its own.
            scoring: Of the checkpoint that embedded it.
            has_music: Whether the whole catalogue holds any music.
            device: Where it is searched; see `Searcher`.

        Raises:
            SnapshotError: It cannot be opened.
        """
        self.snapshot = Snapshot.open(folder, has_music=has_music)
        self._searcher = Searcher(self.snapshot, scoring, device)

    def answer(self, question: ShardQuestion) -> Results:
        """The answers to a question's queries, or the one to its union."""
        if question.any_of is None:
            return self._searcher.search(question.request)
        return [self._searcher.search_union(question.any_of, question.request)]


class LocalShards:
    """Shards in this process; what one finds, the next need not beat in vain."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards

    def waves(self, first: int) -> Waves:
        """One shard after the other."""
        count = len(self._shards)
        return ([(first + step) % count] for step in range(count))

    def ask(self, shards: Sequence[int], question: ShardQuestion) -> list[Results | None]:
        """The answers of these shards."""
        return [self._shards[shard].answer(question) for shard in shards]

    def replicas_answering(self) -> list[int]:
        """One, this process, for each shard."""
        return [1] * len(self._shards)


def shard_folders(snapshot: Snapshot) -> list[Path]:
    """Where the shards of a snapshot lie: its own folder where it is not sharded."""
    return [snapshot.folder / entry.name for entry in snapshot.manifest.shards] or [snapshot.folder]


def open_locally(
    snapshot: Snapshot, scoring: ScoringParams, device: str = "cpu"
) -> Searcher | ShardedSearcher:
    """What searches a snapshot in this process, sharded or not.

    Raises:
        SnapshotError: A part of it cannot be opened.
    """
    if not snapshot.manifest.shards:
        return Searcher(snapshot, scoring, device)
    has_music = snapshot.tracks.answering.has_music
    shards = [
        Shard(folder, scoring, has_music=has_music, device=device)
        for folder in shard_folders(snapshot)
    ]
    return ShardedSearcher(snapshot, scoring, LocalShards(shards))
