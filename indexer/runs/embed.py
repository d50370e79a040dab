"""Files to analyses to segment embeddings.

S segments, T points of an emotion curve.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.records import FileResult
from indexer.errors import LibraryError, RunError, StorageError
from indexer.folders.disk import Disk
from indexer.folders.files import FoundFile, Tags, content_id, escape_name, genres_of
from indexer.folders.naming import readable_name
from indexer.isolation.reading import FileReader
from indexer.runs.analyses import AnalysisStore
from indexer.search.balance import unbalanced
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.analysis import Analysis
from model.audio.source import Source
from model.curves.curve import EmotionCurve
from model.embedding import Embedding
from model.emotion_model import CurveEstimate
from model.errors import AudioError, AudioReadError
from model.frontends import Frontend
from model.judge import Judge
from model.rows import segment_rows
from model.scoring import ScoringParams

logger = logging.getLogger(__name__)

# How a snapshot's rows are made of a file's analysis: segments, whole-track rows, balance. Raised
# with every change, it lets the next run embed everything anew from the kept analyses (ADR 0051).
ROW_RECIPE = 4


class IndexingModel(Protocol):
    """What indexing needs of `model.emotion_model.EmotionModel`."""

    model_id: str
    scoring: ScoringParams
    judge: Judge

    @property
    def frontend(self) -> Frontend:
        """Names and versions the analysis."""

    @property
    def emphasises(self) -> bool:
        """Whether the last dimension of its rows is that of valence."""

    def analyse(self, source: Source, *, max_duration_s: float | None = None) -> Analysis:
        """Decode and describe a file."""

    def embed_analyses(self, features: NDArray[np.float32]) -> Embedding:
        """Embed rows of features, [S, Dx]."""

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """Embed emotion curves, one row each."""

    def mean_emotion(self, embedding: Embedding) -> NDArray[np.float32]:
        """(arousal, valence) of each row, [S, 2]."""

    def emotion_curve(self, analysis: Analysis) -> CurveEstimate:
        """The emotion curve of a whole file."""


@dataclass(frozen=True)
class Analysed:
    """A file's analysis and its emotion curve.

    Attributes:
        analysis: Features of its segments and windows.
        curve: (arousal, valence, arousal sd, valence sd) at 2 Hz, [T, 4].
    """

    analysis: Analysis
    curve: NDArray[np.float16]


@dataclass(frozen=True)
class Examined:
    """A file that has been read.

    Attributes:
        result: What was found out.
        analysed: Its analysis and curve; None on failure, and where its content is embedded.
        decoded: Whether it was decoded now, not taken from what is kept.
        block: Its rows, where it was embedded with the same stroke.
    """

    result: FileResult
    analysed: Analysed | None
    decoded: bool = False
    block: Block | None = None


@dataclass(frozen=True)
class Block:
    """What a snapshot holds of one content.

    Attributes:
        segment_s: Start and end of each segment, [S, 2].
        embedding: The segments' embedding, S rows.
        segment_emotion: (arousal, valence), [S, 2].
        curve: (arousal, valence, arousal sd, valence sd) at 2 Hz, [T, 4].
    """

    segment_s: NDArray[np.float32]
    embedding: Embedding
    segment_emotion: NDArray[np.float32]
    curve: NDArray[np.float16]


class Examiner:
    """Reads files: content, tags, analysis; whatever is wrong with one becomes its reason.

    Args:
        model: Analyses.
        store: Keeps analyses.
        full: Whether kept analyses are made anew.
        reader: Reads what is in files.
        disk: Opens files.
        embedded: Contents that a snapshot of the same model holds.
    """

    def __init__(
        self,
        model: IndexingModel,
        store: AnalysisStore,
        *,
        full: bool,
        reader: FileReader,
        disk: Disk,
        embedded: Collection[str] = (),
    ) -> None:
        self._model = model
        self._store = store
        self.full = full
        self._reader = reader
        self._disk = disk
        self.embedded = embedded

    def examine(self, found: FoundFile) -> Examined:
        """Read one file, decoding it only if its analysis is not kept.

        Raises:
            StorageError: The analysis cannot be kept.
            StoreAwayError: The object store fails again and again.
            RootNotFoundError: What reads object stores is not installed here.
        """
        path = found.file
        tags = Tags(readable_name(path))
        content = None
        try:
            with self._disk.open(found) as file:
                content = content_id(file)
                tags = self._reader.tags(file, found)
                analysis, decoded = self._analysis(file, found, content)
                unchanged = self._disk.is_as_found(file, found)
            analysed = None if content in self.embedded else self._with_curve(analysis)
        except AudioReadError as exc:  # without content it is tried again on every run
            reason = _unnamed(exc, path)
            return Examined(self._result(found, None, tags, reason=reason), None)
        except AudioError as exc:
            return Examined(self._result(found, content, tags, reason=_unnamed(exc, path)), None)
        except (StorageError, RunError, LibraryError):
            raise
        except OSError as exc:  # without content it is tried again on every run
            reason = f"cannot be read: {exc.strerror or exc}"
            return Examined(self._result(found, None, tags, reason=reason), None)
        except Exception as exc:
            logger.exception("analysis of %s failed", path)
            reason = f"analysis failed: {type(exc).__name__}: {exc}"
            return Examined(self._result(found, content, tags, reason=reason), None)
        if not unchanged:
            reason = "changed while it was read; the next run reads it again"
            return Examined(self._result(found, None, tags, reason=reason), None)
        verdict = self._model.judge.verdict(analysis, genres_of(tags.genre))
        result = self._result(found, content, tags, analysis=analysis)
        return Examined(replace(result, verdict=verdict), analysed, decoded)

    def _analysis(self, file: BinaryIO, found: FoundFile, content: str) -> tuple[Analysis, bool]:
        kept = None if self.full else self._store.load(content)
        if kept is not None:
            return kept, False
        analysis = self._reader.analyse(file, found)
        if self._disk.is_as_found(file, found):  # else what was decoded need not be what was named
            self._store.save(content, analysis)
        return analysis, True

    def recall(self, content: str) -> Analysed | None:
        """What is kept of a content; None if it must be examined anew."""
        try:
            analysis = self._store.load(content)
            return None if analysis is None else self._with_curve(analysis)
        except Exception:
            logger.exception("the kept analysis of %s is of no use", content)
            return None

    def _with_curve(self, analysis: Analysis) -> Analysed:
        estimate = self._model.emotion_curve(analysis)
        curve = np.concatenate([estimate.mean, estimate.sd], axis=1)  # [T, 4]
        return Analysed(analysis, curve.astype(np.float16))

    def _result(
        self,
        found: FoundFile,
        content: str | None,
        tags: Tags,
        *,
        analysis: Analysis | None = None,
        reason: str | None = None,
    ) -> FileResult:
        duration_s = None if analysis is None else analysis.duration_s
        note = None if analysis is None else analysis.note
        return FileResult(found, content, self._store.frontend_id, tags, duration_s, reason, note)


def _unnamed(error: AudioError, path: Path) -> str:
    """The reason without the file's name, which stands beside it wherever it is shown."""
    reason = str(error)
    for name in (path.name, escape_name(path.name)):
        reason = reason.replace(name, "the file")
    return reason


class BlockBuilder:
    """Embeds analyses and gathers one block for each content.

    Args:
        model: Embeds.
        previous: A snapshot of the same model, whose blocks need not be made again.

    Attributes:
        blocks: What is embedded, by content.
        grouped: A snapshot whose contents need not be compared with each other again.
    """

    def __init__(self, model: IndexingModel, previous: Snapshot | None = None) -> None:
        self._model = model
        self._previous = self.grouped = previous
        self._rows_before: dict[str, tuple[int, int]] = {}
        if previous is not None:
            tracks = enumerate(previous.tracks)
            self._rows_before = {track.content_id: (row, track.id) for row, track in tracks}
        self.blocks: dict[str, Block] = {}

    @property
    def embedded_before(self) -> frozenset[str]:
        """Contents that the snapshot before holds."""
        return frozenset(self._rows_before)

    def has(self, content: str) -> bool:
        """Whether the block of a content is there, or can be taken from the snapshot before."""
        if content in self.blocks:
            return True
        if content not in self._rows_before or self._previous is None:
            return False
        self.blocks[content] = _kept_block(self._previous, *self._rows_before[content])
        return True

    def add(self, content: str, analysed: Analysed) -> None:
        """Embed an analysis, unless its content is embedded."""
        if not self.has(content):
            self.blocks[content] = embedded_block(self._model, analysed)

    def take(self, one: Examined) -> None:
        """Take what came of a file; it is embedded here, unless that was done elsewhere."""
        content = str(one.result.content_id)
        if one.block is not None:
            self.blocks[content] = one.block
        elif one.result.failure_reason is None and not self.has(content):
            assert one.analysed is not None  # only what is embedded comes without
            self.add(content, one.analysed)


def embedded_block(model: IndexingModel, analysed: Analysed) -> Block:
    """Embed a content alone: its rows depend on nothing else, to the last bit."""
    span, rows = stretches(analysed.analysis)
    embedding = model.embed_analyses(rows)
    emotion = np.asarray(model.mean_emotion(embedding), dtype=np.float32)
    return Block(span, embedding, emotion, analysed.curve)


def assemble(tracks: Sequence[TrackRecord], blocks: Mapping[str, Block]) -> SnapshotContent:
    """The content of a snapshot: the blocks of the tracks, in their order.

    Args:
        tracks: At least one; each with a block of its content.
        blocks: What is known of each content.
    """
    parts = [blocks[track.content_id] for track in tracks]
    segments = [len(part.segment_s) for part in parts]
    points = [len(part.curve) for part in parts]
    return SnapshotContent(
        tracks=tracks,
        segment_track=np.repeat(np.arange(len(tracks)), segments),
        segment_s=np.concatenate([part.segment_s for part in parts]),
        embedding=Embedding.concatenate([part.embedding for part in parts]),
        segment_emotion=np.concatenate([part.segment_emotion for part in parts]),
        curve_offsets=np.concatenate([[0], np.cumsum(points)]).astype(np.int64),
        curve_values=np.concatenate([part.curve for part in parts]),
    )


def stretches(analysis: Analysis) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Spans [S, 2] and rows [S, Dx + K] to embed: every segment, and the whole of a longer track.

    Whole tracks are described by the mean over their segments (ADR 0030).
    """
    spans, features = analysis.segments_s, segment_rows(analysis)
    if len(spans) == 1:
        return spans, features
    whole = np.array([[0.0, spans[:, 1].max()]], dtype=np.float32)
    mean = features.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    return np.concatenate([spans, whole]), np.concatenate([features, mean])


def _kept_block(snapshot: Snapshot, row: int, track_id: int) -> Block:
    rows = snapshot.segments_of(row)
    _, mean, sd = snapshot.curve(track_id)
    return Block(
        segment_s=np.asarray(snapshot.segment_s[rows]),
        embedding=unbalanced(snapshot.embedding[rows]),
        segment_emotion=np.asarray(snapshot.segment_emotion[rows]),
        curve=np.concatenate([mean, sd], axis=1).astype(np.float16),
    )
