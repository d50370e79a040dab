"""Everything expensive about one audio file: its segments and its curve windows, as features.

One gain a file brings its integrated loudness to what the frontend listens at, so that the level it
was mastered at does not matter, while louder parts stay louder (ADR 78).

S segments, W windows, Dx features of the frontend, K columns of a cue.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.arrays import Doubles, Floats
from model.audio.block_plan import SEGMENT_S as SEGMENT_S
from model.audio.block_plan import BlockPlan
from model.audio.decoding import MIN_DURATION_S, Audio, Source, stream
from model.audio.frames import Damage
from model.audio.level import Level, PlacedAudio
from model.audio.source import reopener
from model.errors import ShapeError, SilentAudioError
from model.frontends import Frontend, frontend_id, gain_of

SEGMENT_HOP_S = 15.0
"""From the start of a segment to that of the next."""
CURVE_WINDOW_S = 10.0
"""Length of the stretch that one point of the emotion curve is estimated from."""
CURVE_HOP_S = 0.5
"""From one point of the emotion curve to the next."""

FORMAT = 2
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

_SCALARS = ("frontend_id", "duration_s", "loudness_lufs")
_ARRAYS = ("segments_s", "segment_features", "window_features")
_CUE = "cue:"  # goes before the name of a cue's array
# What numpy and zipfile raise for bytes of all kinds.
_DAMAGE = (
    tokenize.TokenError,
    *(ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class Analysis:
    """Features of one file; embeddings of any checkpoint with this frontend follow from it.

    Attributes:
        frontend_id: Name and version of the frontend, e.g. `descriptors33-2`.
        duration_s: Length of the decoded audio in seconds.
        segments_s: Start and end of what was described of each segment in seconds, [S, 2]: without
            long silences. Segments that hold nothing else are left out.
        segment_features: [S, Dx].
        window_features: Row i describes the `CURVE_WINDOW_S` centred on `i * CURVE_HOP_S` seconds,
            as far as the file reaches, [W, Dx]. In long silences it is the nearest row beyond.
        loudness_lufs: Integrated loudness of the file's mono mix as it came, at least `GATE_LUFS`.
        cues: What further frontends make of the segments, by their `frontend_id`, [S, K] each.
        note: What of the file did not decode; None where all of it did.

    Raises:
        ShapeError: The arrays do not fit together.
    """

    frontend_id: str
    duration_s: float
    segments_s: Floats
    segment_features: Floats
    window_features: Floats
    loudness_lufs: float
    cues: Mapping[str, Floats] = field(default_factory=dict)
    note: str | None = None

    def __post_init__(self) -> None:
        n_segments, width = self.segment_features.shape
        if self.segments_s.shape != (n_segments, 2) or self.window_features.shape[1:] != (width,):
            raise ShapeError(
                f"segments {self.segments_s.shape}, their features {self.segment_features.shape} "
                f"and the windows' features {self.window_features.shape} do not fit: "
                "expected [S, 2], [S, Dx] and [W, Dx]"
            )
        for name, rows in self.cues.items():
            if rows.ndim != 2 or len(rows) != n_segments:
                raise ShapeError(
                    f"cue {name} {rows.shape} does not fit {n_segments} segments: expected [S, K]"
                )

    def to_bytes(self) -> bytes:
        """The analysis as one compressed block that `from_bytes` reads."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"{_CUE}{name}": rows for name, rows in sorted(self.cues.items())}
        np.savez_compressed(
            buffer,
            format=np.int64(FORMAT),
            frontend_id=np.array(self.frontend_id),
            duration_s=np.float64(self.duration_s),
            loudness_lufs=np.float64(self.loudness_lufs),
            note=np.array(self.note or ""),
            **arrays,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Analysis:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: The bytes are damaged or of another format.
        """
        try:
            stored = _arrays_of(content)
            found = int(stored["format"])
            if found == FORMAT:
                return cls._of(stored)
        except _DAMAGE as exc:
            raise ValueError("these bytes are no analysis: analyse the file again") from exc
        raise ValueError(
            f"analysis format {found}; this build reads {FORMAT}: analyse the file again"
        )

    @classmethod
    def _of(cls, stored: Mapping[str, Any]) -> Analysis:
        frontend_id, duration_s, loudness_lufs = (stored[key][()] for key in _SCALARS)
        segments_s, segments, windows = (stored[key] for key in _ARRAYS)
        return cls(
            str(frontend_id),
            float(duration_s),
            segments_s,
            segments,
            windows,
            loudness_lufs=float(loudness_lufs),
            cues={key.removeprefix(_CUE): stored[key] for key in stored if key.startswith(_CUE)},
            note=str(stored["note"]) or None if "note" in stored else None,
        )


def _arrays_of(content: bytes) -> dict[str, Any]:
    """The arrays of an NPZ file by name, each read to its end, where its checksum is compared.

    `numpy.load` reads no further than an array's header says, whatever damaged it.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as stored:
        members = {name.removesuffix(".npy"): stored.read(name) for name in stored.namelist()}
    return {
        name: np.lib.format.read_array(io.BytesIO(member), allow_pickle=False)
        for name, member in members.items()
    }


def analyse(
    source: Source,
    frontend: Frontend,
    *,
    max_duration_s: float | None = None,
    block_s: float = BLOCK_S,
    evidence: Sequence[Frontend] = (),
) -> Analysis:
    """Decode and describe a file, in memory that does not grow with its length.

    What is longer than a block is decoded twice: its loudness must be known before it is described.

    Args:
        source: As for `decoding.decode`.
        frontend: What describes segments and windows; its cues describe the segments too.
        max_duration_s: As for `decoding.decode`.
        block_s: Longest stretch to hold in memory in seconds (no less than a segment needs). The
            result does not depend on it.
        evidence: Cues beside those of the frontend, for a verdict on the file (`model.judge`):
            no embedding depends on them.

    Returns:
        The analysis.

    Raises:
        AudioError: As for `decoding.decode`.
        SilentAudioError: No sample is above `SILENT_PEAK`.
    """
    cues = (*frontend.cues, *evidence)
    plan = BlockPlan.of(frontend, block_s)
    again = reopener(source)
    damage = Damage()
    level = Level.measured(_blocks(again(), plan, max_duration_s, damage))
    if level.peak <= SILENT_PEAK:
        raise SilentAudioError(
            f"{level.end_s:.1f} s of silence: there is nothing to hear in this file"
        )
    lead_s = float(level.sound_s[0, 0]) % plan.grid_s
    if not level.kept:
        plan = BlockPlan.of(frontend, block_s, lead_s)
    rows = _Rows(frontend, cues, level, lead_s)
    for block in level.kept or _blocks(again(), plan, max_duration_s):
        rows.add(block, plan.context_s)
    return replace(rows.analysis(), note=damage.note)


def segment_spans(duration_s: float) -> Doubles:
    """Start and end of each segment of a track of `duration_s` seconds, [S, 2].

    A segment starts every `SEGMENT_HOP_S` as long as it adds at least `MIN_NEW_S`.
    """
    beyond_first = max(0.0, duration_s - SEGMENT_S - MIN_NEW_S)
    n_segments = 1 + math.ceil(beyond_first / SEGMENT_HOP_S)
    starts = np.arange(n_segments) * SEGMENT_HOP_S
    return np.stack([starts, np.minimum(starts + SEGMENT_S, duration_s)], axis=1)


def window_spans(duration_s: float) -> Doubles:
    """Start and end of the window around each point of the emotion curve, [W, 2]."""
    centres = np.arange(math.ceil(duration_s / CURVE_HOP_S - _EPSILON)) * CURVE_HOP_S
    half = CURVE_WINDOW_S / 2
    return np.stack(
        [np.maximum(centres - half, 0.0), np.minimum(centres + half, duration_s)], axis=1
    )


def _full_segments(until_s: float) -> Doubles:
    """The segments that end by `until_s` in a track that goes on."""
    spans = segment_spans(until_s + SEGMENT_S)
    return spans[spans[:, 0] + SEGMENT_S <= until_s]


def _full_windows(until_s: float) -> Doubles:
    """The windows that end by `until_s` in a track that goes on."""
    spans = window_spans(until_s + CURVE_WINDOW_S)
    return spans[spans[:, 1] <= until_s]


class _Rows:
    """Features of the segments and windows that blocks complete, one block after the other.

    Frontends hear each block from `lead_s` on, so that their frames and patches lie at the same
    places of the music, however long the silence before it.
    """

    def __init__(
        self, frontend: Frontend, cues: Sequence[Frontend], level: Level, lead_s: float
    ) -> None:
        self._frontend, self._hearing = frontend, tuple(cues)
        self._level, self._lead_s = level, lead_s
        self._segments: list[Doubles] = []
        self._features: list[Floats] = []
        self._windows: list[Floats] = []
        self._cues: dict[str, list[Floats]] = {frontend_id(cue): [] for cue in cues}
        self._n_segments = self._n_windows = 0

    def add(self, block: PlacedAudio, context_s: float) -> None:
        """Describe what ends within the block, with the context that frontends look at."""
        end_s, until_s = block.end_s, block.end_s - context_s
        segments = segment_spans(end_s) if block.is_last else _full_segments(until_s)
        windows = window_spans(end_s) if block.is_last else _full_windows(until_s)
        new = segments[self._n_segments :]
        described = self._described(
            block, self._frontend, np.concatenate([new, windows[self._n_windows :]])
        )
        self._segments.append(new)
        self._features.append(described[: len(new)])
        self._windows.append(described[len(new) :])
        for cue in self._hearing:
            self._cues[frontend_id(cue)].append(self._described(block, cue, new))
        self._n_segments, self._n_windows = len(segments), len(windows)

    def analysis(self) -> Analysis:
        """All rows, of the whole file, as far as it is not silent."""
        spans, kept = self._level.without_silence(np.concatenate(self._segments))
        if not kept.any():
            kept[:] = True
        windows = np.concatenate(self._windows)[self._heard_windows()]
        segments, windows = self._frontend.within_file(
            np.concatenate(self._features)[kept], windows
        )
        return Analysis(
            frontend_id(self._frontend),
            self._level.end_s,
            spans[kept].astype(np.float32),
            segments,
            windows,
            loudness_lufs=self._level.loudness_lufs,
            cues={name: np.concatenate(rows)[kept] for name, rows in self._cues.items()},
        )

    def _heard_windows(self) -> NDArray[np.intp]:
        """For each window the nearest one that is not silent, [W]."""
        heard = np.flatnonzero(self._level.without_silence(window_spans(self._level.end_s))[1])
        places = np.arange(self._n_windows)
        if not len(heard):
            return places
        between = (heard[1:] + heard[:-1] + 1) // 2
        nearest: NDArray[np.intp] = heard[np.searchsorted(between, places, side="right")]
        return nearest

    def _described(self, block: PlacedAudio, frontend: Frontend, spans: Doubles) -> Floats:
        audio = block.audio
        heard = audio.samples[round(self._lead_s * audio.sample_rate_hz) :]
        samples = torch.from_numpy(heard) * gain_of(frontend, self._level.loudness_lufs)
        placed = self._level.without_silence(spans)[0] - block.start_s - self._lead_s
        windows = torch.from_numpy(np.maximum(placed, [0.0, MIN_DURATION_S]))
        features = frontend.describe(samples, audio.sample_rate_hz, windows)
        return np.asarray(features.cpu().numpy(), dtype=np.float32)


def _blocks(
    source: Source, plan: BlockPlan, max_duration_s: float | None, damage: Damage | None = None
) -> Iterator[PlacedAudio]:
    start = 0
    waiting: Audio | None = None
    for audio in stream(
        source,
        block_s=plan.block_s,
        overlap_s=plan.overlap_s,
        max_duration_s=max_duration_s,
        damage=damage,
    ):
        if waiting is not None:
            yield PlacedAudio(waiting, start / audio.sample_rate_hz, is_last=False)
            start += round(plan.step_s * audio.sample_rate_hz)
        waiting = audio
    if waiting is not None:
        yield PlacedAudio(waiting, start / waiting.sample_rate_hz, is_last=True)
