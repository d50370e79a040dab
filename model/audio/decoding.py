"""Files or bytes to mono waveforms, through PyAV (FFmpeg's decoders).

Nothing a file *declares* is trusted (durations, sizes): every limit acts on samples that were
decoded. `frames` decodes, `source` reads.

N is the number of samples of a mono waveform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from model.audio.channels import MAX_AMPLITUDE, Centred, Mended, MonoMix, Samples, channels_of
from model.audio.frames import (
    Damage,
    all_frames,
    audio_track,
    container_of,
    declared_s,
    name_of,
    translated,
)
from model.audio.source import Source as Source
from model.errors import (
    AudioTooLongError,
    AudioTooShortError,
    EmptyAudioError,
    NonFiniteAudioError,
    UndecodableAudioError,
)

MIN_DURATION_S = 0.5
"""Shortest clip that is analysed."""

SAMPLE_RATES_HZ = (2_000, 3_072_000)
"""Lowest and highest sample rate that is accepted, the latter that of DSD512 as PCM; a lying header
could make resampling explode."""

KEPT_RATE_HZ = 192_000
"""Highest sample rate of a waveform: more is halved until it is below, so that five minutes of DSD
take no gigabytes."""

BAD_SHARE = 0.01
"""A file of which more is NaN, infinite or beyond `MAX_AMPLITUDE` is refused; less is silence."""

_BLOCK_SAMPLES = 1 << 16


@dataclass(frozen=True)
class Audio:
    """A mono waveform.

    Attributes:
        samples: [N] float32, full scale is [-1, 1].
        sample_rate_hz: Samples per second, the file's own up to `KEPT_RATE_HZ`.
    """

    samples: Samples
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate_hz


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of itself. The duration may be absent or wrong.

    Attributes:
        duration_s: Declared length in seconds; None where the container does not say.
        sample_rate_hz: Declared samples per second.
        channels: Number of channels.
        codec: FFmpeg's name of the codec, e.g. `mp3float`.
    """

    duration_s: float | None
    sample_rate_hz: int
    channels: int
    codec: str


def decode(source: Source, *, max_duration_s: float | None = None) -> Audio:
    """Decode all of `source` to mono, the mean of its channels, at its own rate.

    A channel that runs against the loudest one, as in a miswired recording, is turned over before,
    so that the two do not cancel. A constant offset is taken out, and single samples that are no
    numbers count as silence.

    Args:
        source: A path, the file's bytes, or a binary file object (read from where it stands).
        max_duration_s: Longest accepted audio in seconds; decoding stops once it is passed.

    Returns:
        The waveform. A damaged or cut off file yields the part that decodes.

    Raises:
        AudioReadError: The source cannot be read, or not to its end.
        UndecodableAudioError: No decoder makes sense of the bytes, or the sample rate is outside
            `SAMPLE_RATES_HZ`.
        EmptyAudioError: There are no bytes, or they hold no samples.
        AudioTooShortError: Fewer than `MIN_DURATION_S` seconds decode.
        AudioTooLongError: More than `max_duration_s` seconds decode.
        NonFiniteAudioError: More than `BAD_SHARE` of it is NaN, infinite or beyond
            `MAX_AMPLITUDE`.
    """
    chunks = list(_chunks(source, max_duration_s))
    return Audio(np.concatenate([chunk for chunk, _ in chunks]), chunks[0][1])


def stream(
    source: Source,
    *,
    block_s: float,
    overlap_s: float = 0.0,
    max_duration_s: float | None = None,
    damage: Damage | None = None,
) -> Iterator[Audio]:
    """Decode `source` block by block, in memory that does not grow with its length.

    Args:
        source: As for `decode`.
        block_s: Length of a block in seconds; the last one may be shorter.
        overlap_s: Seconds at the end of a block that the next one repeats, < `block_s`.
        max_duration_s: As for `decode`.
        damage: Filled in with what does not decode.

    Yields:
        Blocks; number i starts at `i * (block_s - overlap_s)` seconds. Each holds samples that no
        earlier one held.

    Raises:
        ValueError: The overlap is not shorter than the block.
        AudioError: As for `decode`, as soon as it is known.
    """
    if not 0 <= overlap_s < block_s:
        raise ValueError(f"overlap_s is {overlap_s}: it must be in [0, block_s = {block_s})")
    waiting: list[Samples] = []
    n_waiting, fresh, rate_hz = 0, 0, 0
    for chunk, rate_hz in _chunks(source, max_duration_s, damage):
        waiting.append(chunk)
        n_waiting += len(chunk)
        fresh += len(chunk)
        size, step = round(block_s * rate_hz), round((block_s - overlap_s) * rate_hz)
        while n_waiting >= size:
            joined = np.concatenate(waiting)
            yield Audio(joined[:size], rate_hz)
            waiting = [joined[step:].copy()]
            n_waiting -= step
            fresh = n_waiting - (size - step)
    if fresh > 0:
        yield Audio(np.concatenate(waiting), rate_hz)


def probe(source: Source) -> AudioInfo:
    """Read what `source` declares, without decoding it.

    Args:
        source: As for `decode`.

    Returns:
        The declared properties; nothing of it is verified.

    Raises:
        AudioReadError, UndecodableAudioError: As for `decode`.
        EmptyAudioError: There are no bytes.
    """
    with container_of(source) as container:
        track = audio_track(container, source)
        context = track.codec_context
        duration_s = declared_s(container, track)
        return AudioInfo(duration_s, context.sample_rate, context.channels, context.name)


def _chunks(
    source: Source, max_duration_s: float | None, damage: Damage | None = None
) -> Iterator[tuple[Samples, int]]:
    """Mono pieces of `source` in order, each with the sample rate; checks every limit."""
    total, rate_hz = 0, 0
    mend, centre, mix = Mended(), Centred(), MonoMix()
    damage = damage if damage is not None else Damage()
    with translated(source):
        for block in _blocks(_at_one_rate(all_frames(source, damage), source)):
            rate_hz = block.sample_rate
            chunk = mix(centre(mend(channels_of(block))))
            total += len(chunk)
            if max_duration_s is not None and total > max_duration_s * rate_hz:
                raise AudioTooLongError(
                    f"{name_of(source)} is longer than the {max_duration_s:g} s that are accepted"
                )
            yield chunk, rate_hz
    damage.decoded_s = total / rate_hz if rate_hz else 0.0
    damage.bad_samples = mend.samples
    if mend.lost > BAD_SHARE * total:
        raise NonFiniteAudioError(
            f"{mend.lost / total:.0%} of {name_of(source)} are samples that are NaN, infinite or "
            f"beyond {MAX_AMPLITUDE:g}"
        )
    if total == 0:
        raise EmptyAudioError(f"{name_of(source)} holds no audio samples")
    if total < MIN_DURATION_S * rate_hz:
        raise AudioTooShortError(
            f"{name_of(source)} has {total / rate_hz:.2f} s of audio; "
            f"at least {MIN_DURATION_S:g} s are needed"
        )


def _at_one_rate(frames: Iterator[Any], source: Source) -> Iterator[Any]:
    """Frames at the first one's rate, or a kept one: chained files may change theirs midway."""
    rate_hz = 0
    resamplers: dict[tuple[Any, ...], Any] = {}
    kind = None
    for frame in frames:
        if not rate_hz:
            rate_hz = _kept_rate(_checked_rate(frame.sample_rate, source))
        if frame.sample_rate == rate_hz:
            yield frame
            continue
        kind = _kind(frame)
        if kind not in resamplers:
            resamplers[kind] = av.AudioResampler(frame.format, frame.layout, rate_hz)
        yield from resamplers[kind].resample(frame)
    if kind is not None:
        yield from resamplers[kind].resample(None)


def _kept_rate(rate_hz: int) -> int:
    while rate_hz > KEPT_RATE_HZ:
        rate_hz = -(-rate_hz // 2)
    return rate_hz


def _blocks(frames: Iterator[Any]) -> Iterator[Any]:
    """The decoder's short frames joined to long ones, each of one sample format and layout."""
    fifo, kind = av.AudioFifo(), None
    for frame in frames:
        frame.pts = None  # time stamps lie and jump; samples are counted instead
        if kind is not None and kind != _kind(frame):
            yield from _drained(fifo)
            fifo = av.AudioFifo()
        kind = _kind(frame)
        fifo.write(frame)
        if fifo.samples >= _BLOCK_SAMPLES:
            yield from _drained(fifo)
    yield from _drained(fifo)


def _drained(fifo: Any) -> Iterator[Any]:
    if fifo.samples:
        yield fifo.read()


def _kind(frame: Any) -> tuple[Any, ...]:
    """What frames must share to be joined."""
    return frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base


def _checked_rate(rate_hz: int, source: Source) -> int:
    low, high = SAMPLE_RATES_HZ
    if not low <= rate_hz <= high:
        raise UndecodableAudioError(
            f"{name_of(source)} has a sample rate of {rate_hz} Hz; {low} to {high} Hz are accepted"
        )
    return rate_hz
