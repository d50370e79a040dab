"""Reads what is in found files: tags and analysis, here or in worker processes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Protocol

from indexer.errors import WorkerLimitError
from indexer.folders.files import FoundFile, Tags, read_tags
from indexer.folders.identifiers import Identifiers
from indexer.folders.naming import readable_name
from indexer.isolation.limits import ProcessLimits, ReadLimits
from indexer.isolation.pool import WorkerPool
from indexer.isolation.process import WorkerProcess
from indexer.isolation.serving import error_of
from model.analysis import Analysis
from model.audio.source import Source
from model.errors import UndecodableAudioError
from model.frontends import Frontend

MODULE = "indexer.isolation.reader"
NICENESS = 10  # of the workers of index runs
FILES_A_WORKER = 8  # new or changed files that are worth another worker process

Check = Callable[[], None]


class FileReader(Protocol):
    """Reads what is in open files."""

    def tags(self, file: BinaryIO, found: FoundFile) -> Tags:
        """Its tags; made of its name where they cannot be read."""

    def analyse(self, file: BinaryIO, found: FoundFile) -> Analysis:
        """Its analysis.

        Raises:
            AudioError: It is no usable audio, cannot be read, or takes more than it may.
        """

    def close(self) -> None:
        """Give everything back."""


class AnalysingModel(Protocol):
    """The part of a model that analyses a file."""

    def analyse(self, source: Source, *, max_duration_s: float | None = None) -> Analysis:
        """The analysis of a file."""


class NamingModel(AnalysingModel, Protocol):
    """A model that names its frontend."""

    @property
    def frontend(self) -> Frontend:
        """Names the analysis."""


class DirectReader:
    """Reads in this process: for files that are trusted, and for tests."""

    def __init__(self, model: AnalysingModel, limits: ReadLimits | None = None) -> None:
        self._model, self._limits = model, limits or ReadLimits()

    def tags(self, file: BinaryIO, found: FoundFile) -> Tags:
        """Its tags."""
        file.seek(0)
        source: Any = NamedFile(file, found.path)
        return read_tags(source, found.path)

    def analyse(self, file: BinaryIO, found: FoundFile) -> Analysis:
        """Its analysis."""
        file.seek(0)
        source: Any = NamedFile(file, found.path)
        return self._model.analyse(source, max_duration_s=self._limits.max_duration_s)

    def close(self) -> None:
        """Nothing to give back."""


class IsolatedReader:
    """Reads in worker processes, which are started when they are first needed.

    Args:
        frontend: Name of the frontend that describes the audio.
        workers: How many files are read at the same time.
        limits: What one file may take.
        check: Called while a file is read; what it raises ends the reading.
    """

    def __init__(
        self,
        frontend: str,
        workers: int,
        limits: ReadLimits,
        check: Check,
        start: Callable[[], WorkerProcess] | None = None,
    ) -> None:
        options = {"frontend": frontend, "max_duration_s": limits.max_duration_s}
        bounds = ProcessLimits(limits.timeout_s, limits.memory_bytes, NICENESS)
        start = start or partial(WorkerProcess, MODULE, bounds, options)
        self._check = check
        self._pool = WorkerPool(start, workers)

    def tags(self, file: BinaryIO, found: FoundFile) -> Tags:
        """Its tags; made of its name where a worker is lost over them."""
        try:
            reply, _ = self._ask({"do": "tags", "name": found.path}, file)
        except WorkerLimitError:
            return Tags(readable_name(found.file))
        if error_of(reply) is not None:
            return Tags(readable_name(found.file))
        return tags_of(reply["tags"])

    def analyse(self, file: BinaryIO, found: FoundFile) -> Analysis:
        """Its analysis."""
        try:
            reply, content = self._ask({"do": "analyse", "name": found.path}, file)
        except WorkerLimitError as exc:
            raise UndecodableAudioError(f"cannot decode the file: {exc}") from exc
        error = error_of(reply)
        if error is not None:
            raise error
        return Analysis.from_bytes(content)

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def _ask(self, request: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], bytes]:
        with self._pool.taken() as worker:
            file.seek(0)
            return worker.ask(request, file.fileno(), self._check)


def useful_workers(most: int, files: int) -> int:
    """How many workers are worth their start, which takes as long as several files."""
    return min(most, 1 + files // FILES_A_WORKER)


def reader_for(
    model: NamingModel, limits: ReadLimits | None, workers: int, check: Check
) -> FileReader:
    """What reads files: worker processes under limits, or this process without any."""
    if limits is None:
        return DirectReader(model)
    return IsolatedReader(model.frontend.name, workers, limits, check)


def written(tags: Tags) -> dict[str, Any]:
    """Tags as JSON can hold them."""
    return {**vars(tags), "identifiers": tags.identifiers.to_json()}


def tags_of(values: dict[str, Any]) -> Tags:
    """Tags of what `written` gave."""
    return Tags(**{**values, "identifiers": Identifiers.from_json(values["identifiers"])})


class NamedFile:
    """An open file with the name that the library knows it by, which hints at its format."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self.name = name.rpartition("/")[2]

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._file, attribute)
