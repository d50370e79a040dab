"""Where the files of an index run are examined; decoding runs ahead of the embedding.

Worker threads read and analyse files and estimate their curves (decoders and torch release the
interpreter's lock) while the caller's thread embeds one content after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Protocol, TypeVar

import torch

from indexer.folders.files import FoundFile
from indexer.runs.embed import Block, Examined, Examiner

_AHEAD = 4  # files in flight for each worker

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


class Pool(Protocol):
    """Where the files of a run are examined: in this process, or on a cluster."""

    def examined(
        self, files: Sequence[FoundFile], examiner: Examiner, workers: int
    ) -> Generator[Examined]:
        """Examine files, several at a time; closing the generator begins no more."""

    def known(self, model_id: str) -> Mapping[str, Block]:
        """Rows that a run which was interrupted left behind, by content."""

    def done(self) -> None:
        """Remove them: a snapshot holds them."""


class Threads:
    """Examines files in threads of this process, which leave no rows behind."""

    def examined(
        self, files: Sequence[FoundFile], examiner: Examiner, workers: int
    ) -> Generator[Examined]:
        """Examine files, a few ahead of the consumer."""
        return ahead(files, examiner.examine, workers=workers)

    def known(self, model_id: str) -> Mapping[str, Block]:
        """Nothing."""
        return {}

    def done(self) -> None:
        """Nothing to remove."""


def ahead(
    items: Iterable[_Item], act: Callable[[_Item], _Outcome], *, workers: int
) -> Generator[_Outcome]:
    """Act on items in threads, a few ahead of the consumer; yields in order of completion.

    Closing the generator lets items in flight end and begins no more.
    """
    pending: set[Future[_Outcome]] = set()
    waiting = iter(items)
    # One thread of torch for each worker: more would only contend for the same processors.
    pool = ThreadPoolExecutor(workers, "analyse", torch.set_num_threads, (1,))
    try:
        while True:
            pending |= {
                pool.submit(act, item) for item in islice(waiting, workers * _AHEAD - len(pending))
            }
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_workers() -> int:
    """One thread for each processor this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
