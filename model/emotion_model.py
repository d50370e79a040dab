"""The face of the model: a checkpoint, its frontend, and everything the catalogue asks of them.

Letters: N rows, S segments, W windows, Dx features of the frontend.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.analysis import SEGMENT_S, Analysis, analyse
from model.arrays import Floats
from model.audio.decoding import Source
from model.audio.dynamics import relative_db
from model.checkpoint import REMEDY, LoadedCheckpoint, load_checkpoint, require_frontend
from model.curves.curve import CURVE_RATE_HZ, MIN_FRAMES, EmotionCurve
from model.curves.estimation import CurveEstimate, estimate_curve
from model.curves.reader import CurveReader
from model.devices import resolve_device
from model.embedding import Embedding
from model.emer import Heads
from model.errors import CheckpointError, CheckpointMismatchError, ShapeError
from model.frontends import (
    Frontend,
    frontend_id,
    frontend_name,
    get_frontend,
    loudness,
    row_names,
)
from model.frontends.material import material
from model.judge import Judge
from model.late_dimensions import LateDimensions
from model.novelty import LARGEST_RATIO
from model.rows import segment_rows, window_rows
from model.scoring import ScoringParams
from model.shipped import chosen_checkpoint

__all__ = ["CurveEstimate", "EmotionModel"]

BATCH_ROWS = 4096
MAX_CURVE_FRAMES = 240  # longer curves are sampled more coarsely: their length must not matter


class EmotionModel:
    """A checkpoint in use; construct with `load`.

    Attributes:
        model_id: `<name>-<first 12 hex digits of the checkpoint's SHA-256>`.
        path: The checkpoint's file; None: made in memory.
        frontend: Waveform to features.
        scoring: The checkpoint's scoring parameters.
        device: Where the networks run.
        judge: Tells music from other files.
        row_names: Columns of an analysis's rows, see `model.frontends.row_names`.
        late: Dimensions beside those of the networks.
    """

    def __init__(
        self,
        loaded: LoadedCheckpoint,
        frontend: Frontend,
        device: torch.device,
        judge: Judge | None = None,
    ) -> None:
        """Put a checkpoint and a frontend together; by default with the judge that is shipped.

        Raises:
            CheckpointMismatchError: The checkpoint reads another frontend's features, or columns
                that the frontend does not give.
            CheckpointError: The weights do not fit their config.
        """
        require_frontend(loaded.checkpoint, frontend_id(frontend))
        self.checkpoint = loaded.checkpoint
        self.model_id, self.path = loaded.model_id, loaded.path
        self.frontend = frontend
        self.row_names = row_names(frontend)
        self._columns = self._places(loaded.checkpoint.columns)
        experts = loaded.checkpoint.experts
        self._expert_columns = self._places(experts.columns if experts else ())
        self.judge = judge or Judge()
        names = self.row_names
        self._level = names.index(loudness.MEAN) if loudness.MEAN in names else None
        self.scoring: ScoringParams = loaded.checkpoint.scoring
        self.late = LateDimensions(
            loaded.checkpoint.mean_head, self.scoring, experts, loaded.checkpoint.emphasis
        )
        self.device = device
        self._networks = loaded.checkpoint.build().to(device)
        self._reader = CurveReader.of(self._networks) if device.type == "cpu" else None

    @classmethod
    def load(
        cls, checkpoint: Path | None = None, device: str = "auto", *, judge: Judge | None = None
    ) -> EmotionModel:
        """Load a checkpoint.

        Args:
            checkpoint: The file, or a name of a shipped one; None: see `chosen_checkpoint`.
            device: `auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:N`.
            judge: Tells music from other files; None: the one that is shipped.

        Raises:
            CheckpointError: Missing, damaged, of a newer format, or for an unknown frontend.
            CheckpointMismatchError: Not the content its hash names, or made for another version
                of its frontend.
        """
        target = resolve_device(device)
        loaded = load_checkpoint(chosen_checkpoint(checkpoint))
        try:
            frontend = get_frontend(frontend_name(loaded.checkpoint.frontend_id), target)
        except ValueError as exc:
            raise CheckpointError(
                f"{loaded.model_id} reads features of {loaded.checkpoint.frontend_id}: {exc}"
            ) from exc
        return cls(loaded, frontend, target, judge)

    @property
    def emphasises(self) -> bool:
        """Whether the last dimension of embeddings is that of valence (ADR 98)."""
        return self.late.emphasis is not None

    def _places(self, columns: Sequence[str]) -> NDArray[np.intp]:
        """Where columns stand in rows of an analysis."""
        known = {name: place for place, name in enumerate(self.row_names)}
        missing = [name for name in columns if name not in known]
        if missing:
            raise CheckpointMismatchError(
                f"{self.model_id} reads {', '.join(missing)}, which {frontend_id(self.frontend)} "
                f"does not give; {REMEDY}"
            )
        return np.array([known[name] for name in columns], dtype=np.intp)

    def analyse(self, source: Source, *, max_duration_s: float | None = None) -> Analysis:
        """Everything expensive about a file: features of its segments and windows.

        Raises:
            AudioError: The source is no usable audio.
        """
        return analyse(source, self.frontend, max_duration_s=max_duration_s, evidence=(material(),))

    def embed_segments(self, analysis: Analysis) -> Embedding:
        """Embeddings of a track's segments, S rows.

        Raises:
            CheckpointMismatchError: The analysis comes from another frontend.
        """
        require_frontend(self.checkpoint, analysis.frontend_id)
        return self.embed_analyses(segment_rows(analysis))

    def embed_analyses(self, features: Floats) -> Embedding:
        """Embeddings of rows of an analysis.

        Args:
            features: `model.rows.segment_rows` or `window_rows`, [N, Dx + K], or means of them.

        Returns:
            N rows.

        Raises:
            ShapeError: Not [N, Dx + K] of the frontend.
        """
        rows, wanted = np.asarray(features, dtype=np.float32), len(self.row_names)
        if rows.ndim != 2 or rows.shape[1] != wanted:
            raise ShapeError(f"features are {rows.shape}; {self.model_id} reads [rows, {wanted}]")
        own = self._embed_columns(self._own_columns(rows))
        if self._level is not None:
            own = self.checkpoint.dynamics.apply(own, relative_db(rows[:, self._level]))
        return self.late.of_music(own, rows[:, self._expert_columns])

    def _own_columns(self, rows: Floats) -> Floats:
        """The columns that the networks read; windows lack cues, which count as the mean's."""
        own = rows[:, self._columns]
        centre = self.checkpoint.novelty.centre.astype(np.float32)
        return np.where(np.isnan(own), centre, own)

    def embed_columns(self, columns: Floats) -> Embedding:
        """Embeddings of rows of the checkpoint's own columns, as its training table has them.

        Experts hear nothing in them.

        Args:
            columns: [N, F], F the number of `Checkpoint.columns`.

        Returns:
            N rows.

        Raises:
            ShapeError: Not [N, F].
        """
        rows, wanted = np.asarray(columns, dtype=np.float32), self.checkpoint.config.features
        if rows.ndim != 2 or rows.shape[1] != wanted:
            raise ShapeError(f"columns are {rows.shape}; {self.model_id} reads [rows, {wanted}]")
        return self.late.of_music(self._embed_columns(rows))

    def _embed_columns(self, rows: Floats) -> Embedding:
        highest = self.checkpoint.highest
        if highest is not None:
            rows = np.minimum(rows, highest)
        starts = range(0, max(len(rows), 1), BATCH_ROWS)
        return Embedding.concatenate(
            [self._embed_music(rows[start : start + BATCH_ROWS]) for start in starts]
        )

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """Embeddings of emotion curves on the absolute scale, one row each, in order.

        A curve is read as a shape: one that lasts longer is sampled more coarsely. On the CPU, with
        an encoder that `CurveReader` knows, a row is the same to the last bit whatever else is
        embedded; otherwise products of other heights may round the last bits in another way.

        Raises:
            ShapeError: There are no curves.
        """
        if not curves:
            raise ShapeError("no emotion curves to embed")
        frames = [_frames(curve) for curve in curves]
        return self.late.of_emotions(self._embed_frames(frames), _means(frames))

    def _embed_frames(self, frames: Sequence[Floats]) -> Embedding:
        if self._reader is not None:
            heads = self._reader.heads(frames)
            rows = [Heads(*(part[row : row + 1] for part in heads)) for row in range(len(frames))]
            return Embedding.concatenate([self._embed_emotion_heads(row) for row in rows])
        lengths = torch.tensor([len(values) for values in frames])
        padded = torch.zeros(len(frames), int(lengths.max()), 2)
        for row, values in zip(padded, frames, strict=True):
            row[: len(values)] = torch.from_numpy(values)
        return self._embed_curves(padded, lengths)

    def mean_emotion(self, embedding: Embedding) -> Floats:
        """Mean (arousal, valence) of each music embedding in [-1, 1], [N, 2]."""
        return self.late.mean_emotion(embedding)

    def emotion_sd(
        self, features: Floats, length_s: Floats, more_var: Floats | None = None
    ) -> Floats:
        """Standard deviation of `mean_emotion` about what listeners say, [N, 2].

        Calibrated on held-out training songs; it grows with the distance from all training music,
        in short stretches, and where experts disagree (ADR 79).

        Args:
            features: `model.rows.segment_rows`, [N, Dx + K].
            length_s: Seconds that each describes, [N].
            more_var: Variance of (arousal, valence) that experts' disagreement adds, [N, 2].
        """
        rows = self._own_columns(np.asarray(features, dtype=np.float32))
        return self.sd_of_columns(rows, length_s, more_var)

    def sd_of_columns(
        self, columns: Floats, length_s: Floats, more_var: Floats | None = None
    ) -> Floats:
        """The same from rows of the checkpoint's own columns, [N, F] -> [N, 2]."""
        novelty = self.checkpoint.novelty
        own = np.array(self.checkpoint.curve.sd) * novelty.ratio(columns)[:, None]
        variance = own**2 + novelty.extra_var(length_s.astype(np.float64), SEGMENT_S)
        if more_var is not None:
            variance = variance + more_var
        return np.sqrt(variance).astype(np.float32)

    def segment_sd(self, analysis: Analysis, segments: Embedding | None = None) -> Floats:
        """`emotion_sd` of the segments of an analysis, [S, 2].

        What the judge hears to be no music is as far from music as can be, whatever its columns.

        Args:
            analysis: Of a file.
            segments: Its embedded segments, where experts may disagree; None: embed them.
        """
        lengths = analysis.segments_s[:, 1] - analysis.segments_s[:, 0]
        if segments is None:
            segments = self.embed_segments(analysis)
        sd = self.emotion_sd(segment_rows(analysis), lengths, self.disagreement(segments))
        heard = analysis.cues.get(frontend_id(material()))
        if heard is None or self.judge.heard(heard).kind == "music":
            return sd
        unknown = LARGEST_RATIO * np.array(self.checkpoint.curve.sd)
        doubted: Floats = np.maximum(sd, unknown).astype(np.float32)
        return doubted

    def disagreement(self, music: Embedding) -> Floats | None:
        """Variance that experts add who disagree more than their noise lets expect, [N, 2].

        None where there are no experts.
        """
        return self.late.disagreement(music)

    def emotion_curve(self, analysis: Analysis) -> CurveEstimate:
        """The emotion curve of a clip with its spread, on the absolute scale.

        Raises:
            CheckpointMismatchError: The analysis comes from another frontend.
        """
        windows = self.embed_analyses(window_rows(analysis))
        return self.curve_of(analysis, self.embed_segments(analysis), windows)

    def curve_of(
        self, analysis: Analysis, segments: Embedding, windows: Embedding
    ) -> CurveEstimate:
        """The emotion curve of an analysis whose S segments and T windows are embedded already."""
        return estimate_curve(
            analysis.segments_s,
            self.mean_emotion(segments).astype(np.float64),
            self.mean_emotion(windows).astype(np.float64),
            self.segment_sd(analysis, segments),
            self.checkpoint.curve,
        )

    @torch.inference_mode()
    def _embed_music(self, rows: Floats) -> Embedding:
        heads = self._networks.music(torch.from_numpy(rows).to(self.device))
        return _embedding(heads, self.checkpoint.cca.project_music(_array(heads.z)))

    def _embed_emotion_heads(self, heads: Heads) -> Embedding:
        return _embedding(heads, self.checkpoint.cca.project_emotion(_array(heads.z)))

    @torch.inference_mode()
    def _embed_curves(self, curves: Tensor, lengths: Tensor) -> Embedding:
        return self._embed_emotion_heads(
            self._networks.emotion(curves.to(self.device), lengths.to(self.device))
        )


def _frames(curve: EmotionCurve) -> Floats:
    """The curve from its start to its end at 2 Hz, or more coarsely, [T, 2]."""
    count = round(curve.duration_s * CURVE_RATE_HZ)
    return curve.sampled(min(max(count, MIN_FRAMES), MAX_CURVE_FRAMES)).astype(np.float32)


def _means(frames: Sequence[Floats]) -> NDArray[np.float64]:
    """Mean (arousal, valence) of curves, [N, 2]."""
    return np.array([values.mean(axis=0, dtype=np.float64) for values in frames])


def _embedding(heads: Heads, phi: NDArray[np.float64]) -> Embedding:
    return Embedding(phi.astype(np.float32), _array(heads.mu), _array(heads.var))


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.cpu().numpy()
    return array
