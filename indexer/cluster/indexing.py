"""Index runs whose files are examined on a Ray cluster.

Ray Data streams the files of a run through two pools of actors: the first decode and describe, the
second embed, and keep rows as Parquet (`indexer.cluster.rows`). The driver is the index run as it
is on one machine: it walks the folders, reports, stages what is finished, writes and publishes the
snapshot. Analyses and rows are kept by content, so what was finished is not done again, whatever is
lost: a worker, a node or the driver. All nodes see the data folder, and folders of music, at the
same paths; objects of a store are fetched by the workers, with the address and the credentials of
their own environment.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray.exceptions import RayError, RayTaskError

from indexer.cluster.connection import connect
from indexer.cluster.rows import RowStore
from indexer.errors import ClusterError, IndexerError
from indexer.folders.disk import FoldersAndStores
from indexer.folders.files import FoundFile
from indexer.isolation.limits import ReadLimits
from indexer.isolation.reading import reader_for
from indexer.runs.analyses import AnalysisStore
from indexer.runs.embed import Block, Examined, Examiner, IndexingModel, embedded_block
from model.frontends import frontend_id

READ_FILES = 4  # files that one task decodes, one after the other
EMBED_FILES = 32  # files whose rows make one Parquet file, where so many come together
_EMBED_CPUS = 0.5  # embedding takes a small part of the time that decoding takes

Batch = dict[str, Any]


@dataclass(frozen=True)
class ActorOptions:
    """What the workers of a run need to know.

    Attributes:
        load: Loads the model.
        data_dir: Where analyses and rows are kept.
        limits: What reading a file may take in a process of its own; None reads in the actor's.
        full: Whether kept analyses are made anew.
        embedded: Contents that a snapshot of the same model holds.
    """

    load: Callable[[], IndexingModel]
    data_dir: Path
    limits: ReadLimits | None
    full: bool = False
    embedded: frozenset[str] = frozenset()


class ReadingActor:
    """Decodes and describes files."""

    def __init__(self, work: ActorOptions) -> None:
        torch.set_num_threads(1)
        model = work.load()
        self._examiner = Examiner(
            model,
            AnalysisStore(work.data_dir, frontend_id(model.frontend)),
            full=work.full,
            reader=reader_for(model, work.limits, 1, lambda: None),
            disk=FoldersAndStores(),
            embedded=work.embedded,
        )

    def __call__(self, batch: Batch) -> Batch:
        """Pickled files become what was found out about them, pickled."""
        files = (pickle.loads(each) for each in batch["item"])
        return _batch([self._examiner.examine(found) for found in files])


class EmbeddingActor:
    """Embeds what was read, and keeps the rows."""

    def __init__(self, work: ActorOptions) -> None:
        torch.set_num_threads(1)
        self._model, self._store = work.load(), RowStore(work.data_dir)

    def __call__(self, batch: Batch) -> Batch:
        """What was found out, with rows in the place of the analysis."""
        examined: list[Examined] = [pickle.loads(each) for each in batch["item"]]
        blocks: dict[str, Block] = {}
        for one in examined:
            content = str(one.result.content_id)
            if one.analysed is not None and content not in blocks:
                blocks[content] = embedded_block(self._model, one.analysed)
        if blocks:
            self._store.write(self._model.model_id, blocks)
        return _batch(
            [
                replace(one, analysed=None, block=blocks.get(str(one.result.content_id)))
                for one in examined
            ]
        )


@dataclass(frozen=True)
class RayPool:
    """Examines the files of index runs on a cluster.

    Attributes:
        load: Loads the model in a worker; must be picklable.
        data_dir: The data folder, which all nodes see.
        limits: What reading one file may take; None reads in the actors themselves.
        address: Of the cluster; None starts one on this machine.
        embedders: Actors that embed; each takes a GPU where the model uses one.
        gpus: GPUs of each of them.
    """

    load: Callable[[], IndexingModel]
    data_dir: Path
    limits: ReadLimits | None = None
    address: str | None = None
    embedders: int = 1
    gpus: float = 0.0

    def examined(
        self, files: Sequence[FoundFile], examiner: Examiner, workers: int
    ) -> Generator[Examined]:
        """Examine files; yields in order of completion.

        Args:
            files: The files.
            examiner: Says what is known; the workers have examiners of their own.
            workers: At least so many files are decoded at the same time, where the cluster has
                processors for it; it may have many more.

        Raises:
            StorageError: A worker cannot keep what it found.
            ClusterError: The cluster failed, or is not to be reached.
        """
        if not files:
            return
        connect(self.address)
        work = ActorOptions(
            self.load, self.data_dir, self.limits, examiner.full, frozenset(examiner.embedded)
        )
        with _translated():
            for batch in _stream(self._dataset(files, work)):
                for item in batch["item"]:
                    yield pickle.loads(item)

    def known(self, model_id: str) -> Mapping[str, Block]:
        """Rows that a run which was interrupted left behind, by content."""
        return RowStore(self.data_dir).load(model_id)

    def done(self) -> None:
        """Remove them."""
        RowStore(self.data_dir).clear()

    def _dataset(self, files: Sequence[FoundFile], work: ActorOptions) -> Any:
        """The files on their way through both pools."""
        _quietly()
        there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        readers = max(1, int(there.get("CPU", 1) - self.embedders * _EMBED_CPUS))
        given = [{"item": pickle.dumps(found)} for found in files]
        blocks = max(1, -(-len(given) // READ_FILES))
        return (
            ray.data.from_items(given, override_num_blocks=blocks)
            .map_batches(
                ReadingActor,
                fn_constructor_args=(work,),
                batch_size=READ_FILES,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=readers),
                num_cpus=1,
            )
            .map_batches(
                EmbeddingActor,
                fn_constructor_args=(work,),
                batch_size=EMBED_FILES,
                compute=ray.data.ActorPoolStrategy(size=self.embedders),
                num_cpus=_EMBED_CPUS,
                num_gpus=self.gpus,
            )
        )


def _batch(items: Sequence[Examined]) -> Batch:
    packed = np.empty(len(items), dtype=object)
    packed[:] = [pickle.dumps(item) for item in items]
    return {"item": packed}


def _stream(dataset: Any) -> Generator[Batch]:
    yield from dataset.iter_batches(batch_size=None, prefetch_batches=0)


def _quietly() -> None:
    """Nothing on the terminal: runs have a progress of their own; errors as they were raised."""
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.raise_original_map_exception = True


@contextmanager
def _translated() -> Iterator[None]:
    """Turn Ray's errors into ours: a worker's own error, else the cluster failed."""
    try:
        yield
    except RayError as exc:
        cause = exc.cause if isinstance(exc, RayTaskError) else None
        if isinstance(cause, IndexerError):
            cause.args = (str(cause).partition("\n")[0],)  # Ray adds lines of its own
            raise cause from exc
        raise ClusterError(f"the Ray cluster failed: {exc}") from exc
