"""Everything expensive about one audio file: its segments and its curve windows, as features.

S segments, W windows, Dx features of the frontend.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.audio import Audio, Source, stream
from model.audio_frames import Damage
from model.errors import ShapeError, SilentAudioError
from model.frontends import Frontend, frontend_id

SEGMENT_S = 30.0
"""Length of a segment."""
SEGMENT_HOP_S = 15.0
"""From the start of a segment to that of the next."""
CURVE_WINDOW_S = 10.0
"""Length of the stretch that one point of the emotion curve is estimated from."""
CURVE_HOP_S = 0.5
"""From one point of the emotion curve to the next."""

FORMAT = 1
"""Version of the bytes that `Analysis.to_bytes` writes."""

MIN_NEW_S = 0.5
"""Seconds that a further segment must add."""

BLOCK_S = 300.0
"""About how much of a file is held in memory at once; nearly all songs fit."""

SILENT_PEAK = 1e-3
"""A file without a louder sample (-60 dB of full scale) is silent: it has no emotion to rank by.

ITU-R BS.1770 leaves stretches below -70 LUFS out of a programme's loudness; dither and the noise of
an encoder peak ten decibels above that."""

_EPSILON = 1e-6

_FIELDS = ("frontend_id", "duration_s", "segments_s", "segment_features", "window_features")
# What numpy and zipfile raise for bytes of all kinds.
_DAMAGE = (
    tokenize.TokenError,
    *(ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)

Floats = NDArray[np.float32]
Spans = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """Features of one file; embeddings of any checkpoint with this frontend follow from it.

    Attributes:
        frontend_id: Name and version of the frontend, e.g. `descriptors-1`.
        duration_s: Length of the decoded audio in seconds.
        segments_s: Start and end of each segment in seconds, [S, 2].
        segment_features: [S, Dx].
        window_features: Row i describes the `CURVE_WINDOW_S` centred on `i * CURVE_HOP_S` seconds,
            as far as the file reaches, [W, Dx].
        note: What of the file did not decode; None where all of it did.

    Raises:
        ShapeError: The arrays do not fit together.
    """

    frontend_id: str
    duration_s: float
    segments_s: Floats
    segment_features: Floats
    window_features: Floats
    note: str | None = None

    def __post_init__(self) -> None:
        n_segments, width = self.segment_features.shape
        if self.segments_s.shape != (n_segments, 2) or self.window_features.shape[1:] != (width,):
            raise ShapeError(
                f"segments {self.segments_s.shape}, their features {self.segment_features.shape} "
                f"and the windows' features {self.window_features.shape} do not fit: "
                "expected [S, 2], [S, Dx] and [W, Dx]"
            )

    def to_bytes(self) -> bytes:
        """The analysis as one compressed block that `from_bytes` reads."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            format=np.int64(FORMAT),
            frontend_id=np.array(self.frontend_id),
            duration_s=np.float64(self.duration_s),
            segments_s=self.segments_s,
            segment_features=self.segment_features,
            window_features=self.window_features,
            note=np.array(self.note or ""),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Analysis:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: The bytes are damaged or of another format.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                found = int(stored["format"])
                fields: dict[str, Any] = {name: stored[name] for name in _FIELDS}
                note = str(stored["note"]) if "note" in stored.files else ""
        except _DAMAGE as exc:
            raise ValueError("these bytes are no analysis: analyse the file again") from exc
        if found != FORMAT:
            raise ValueError(
                f"analysis format {found}; this build reads {FORMAT}: analyse the file again"
            )
        return cls(
            str(fields["frontend_id"]),
            float(fields["duration_s"]),
            fields["segments_s"],
            fields["segment_features"],
            fields["window_features"],
            note or None,
        )


def analyse(
    source: Source,
    frontend: Frontend,
    *,
    max_duration_s: float | None = None,
    block_s: float = BLOCK_S,
) -> Analysis:
    """Decode and describe a file, in memory that does not grow with its length.

    Args:
        source: As for `model.audio.decode`.
        frontend: What describes the windows.
        max_duration_s: As for `model.audio.decode`.
        block_s: Longest stretch to hold in memory in seconds (no less than a segment needs). The
            result does not depend on it.

    Returns:
        The analysis.

    Raises:
        AudioError: As for `model.audio.decode`.
        SilentAudioError: No sample is above `SILENT_PEAK`.
    """
    segments: list[Spans] = []
    features: list[Floats] = []
    window_features: list[Floats] = []
    n_segments = n_windows = 0
    end_s = peak = 0.0
    damage = Damage()
    for block in _blocks(source, frontend, max_duration_s, block_s, damage):
        end_s = block.end_s
        peak = max(peak, float(np.abs(block.audio.samples).max(initial=0.0)))
        until_s = end_s if block.is_last else end_s - frontend.context_s
        new_segments = segment_spans(end_s) if block.is_last else _full_segments(until_s)
        new_windows = window_spans(end_s) if block.is_last else _full_windows(until_s)
        spans = np.concatenate([new_segments[n_segments:], new_windows[n_windows:]])
        described = _described(block, frontend, spans)
        cut = len(new_segments) - n_segments
        segments.append(new_segments[n_segments:])
        features.append(described[:cut])
        window_features.append(described[cut:])
        n_segments, n_windows = len(new_segments), len(new_windows)
    if peak <= SILENT_PEAK:
        raise SilentAudioError(f"{end_s:.1f} s of silence: there is nothing to hear in this file")
    return Analysis(
        frontend_id(frontend),
        end_s,
        np.concatenate(segments).astype(np.float32),
        np.concatenate(features),
        np.concatenate(window_features),
        damage.note,
    )


def segment_spans(duration_s: float) -> Spans:
    """Start and end of each segment of a track of `duration_s` seconds, [S, 2].

    A segment starts every `SEGMENT_HOP_S` as long as it adds at least `MIN_NEW_S`.
    """
    beyond_first = max(0.0, duration_s - SEGMENT_S - MIN_NEW_S)
    n_segments = 1 + math.ceil(beyond_first / SEGMENT_HOP_S)
    starts = np.arange(n_segments) * SEGMENT_HOP_S
    return np.stack([starts, np.minimum(starts + SEGMENT_S, duration_s)], axis=1)


def window_spans(duration_s: float) -> Spans:
    """Start and end of the window around each point of the emotion curve, [W, 2]."""
    centres = np.arange(math.ceil(duration_s / CURVE_HOP_S - _EPSILON)) * CURVE_HOP_S
    half = CURVE_WINDOW_S / 2
    return np.stack(
        [np.maximum(centres - half, 0.0), np.minimum(centres + half, duration_s)], axis=1
    )


def _full_segments(until_s: float) -> Spans:
    """The segments that end by `until_s` in a track that goes on."""
    spans = segment_spans(until_s + SEGMENT_S)
    return spans[spans[:, 0] + SEGMENT_S <= until_s]


def _full_windows(until_s: float) -> Spans:
    """The windows that end by `until_s` in a track that goes on."""
    spans = window_spans(until_s + CURVE_WINDOW_S)
    return spans[spans[:, 1] <= until_s]


@dataclass(frozen=True)
class _Block:
    """A stretch of a file, placed in time."""

    audio: Audio
    start_s: float
    is_last: bool

    @property
    def end_s(self) -> float:
        return self.start_s + self.audio.duration_s


def _blocks(
    source: Source,
    frontend: Frontend,
    max_duration_s: float | None,
    longest_s: float,
    damage: Damage,
) -> Iterator[_Block]:
    """Blocks that start on the frontend's grid and overlap so that each segment fits into one."""
    grid_s = frontend.grid_s
    overlap_s = math.ceil((SEGMENT_S + 2 * frontend.context_s) / grid_s) * grid_s
    step_s = max(1, math.floor((longest_s - overlap_s) / grid_s)) * grid_s
    block_s = overlap_s + step_s
    start = 0
    waiting: Audio | None = None
    for audio in stream(
        source,
        block_s=block_s,
        overlap_s=overlap_s,
        max_duration_s=max_duration_s,
        damage=damage,
    ):
        if waiting is not None:
            yield _Block(waiting, start / audio.sample_rate_hz, is_last=False)
            start += round(step_s * audio.sample_rate_hz)
        waiting = audio
    if waiting is not None:
        yield _Block(waiting, start / waiting.sample_rate_hz, is_last=True)


def _described(block: _Block, frontend: Frontend, spans: Spans) -> Floats:
    samples = torch.from_numpy(block.audio.samples)
    windows = torch.from_numpy(spans - block.start_s)
    features = frontend.describe(samples, block.audio.sample_rate_hz, windows)
    return np.asarray(features.cpu().numpy(), dtype=np.float32)
