"""What is known of a ranking: whether it is proven, and how much of the catalogue it is of."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.search.searcher import SearchResult


@dataclass(frozen=True)
class Proof:
    """What is known of the rankings that an answer was made from.

    Attributes:
        exact: Whether each is proven to be the exhaustive one.
        missing: Share of the catalogue's tracks that was not searched, the largest of them.
    """

    exact: bool = True
    missing: float = 0.0

    def also(self, found: SearchResult) -> Proof:
        """What is known with one more ranking."""
        return Proof(self.exact and found.exact, max(self.missing, found.missing))

    @property
    def note(self) -> str | None:
        """What a reader should know of it, if anything."""
        if not self.missing:
            return None
        return f"{self.missing:.1%} of the catalogue could not be searched: a shard does not answer"
