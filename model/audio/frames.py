"""Packets and frames of a source, through PyAV (FFmpeg's decoders), and what of it is damaged.

Here decoder errors enter: all of them become `AudioError` kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.stream import Disposition

from model.audio.source import Source, SourceFile, counts_frames, links_of, opened, padded_samples
from model.errors import AudioReadError, EmptyAudioError, UndecodableAudioError

# Containers of sound only: FFmpeg would also open playlists (HLS, concat) that name other files
# and hosts.
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,caf,dsf,dts,dtshd,eac3,flac,flv,matroska,webm,mka,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp1,mp2,mp3,mpc,mpc8,mpeg,mpegts,avi,ogg,oga,opus,tak,tta,voc,w64,wav,wv,xwma"
)
OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}

# Containers that state their length; others leave it to a guess from the bit rate.
_STATE_LENGTH = frozenset(
    {"aiff", "ape", "asf", "au", "caf", "dsf", "flac", "matroska", "mov", "mpc", "mpc8"}
    | {"tak", "tta", "w64", "wav", "wv"}
)
_MISSING_S, _MISSING_SHARE = 1.0, 0.02  # less than one or the other counts as rounding
_ASIDE = Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired
_BAD_PACKETS, _BAD_SHARE = 2, 0.01


@dataclass
class Damage:
    """What of a source did not decode.

    Attributes:
        decoded_s: Seconds that decoded.
        stated_s: Seconds that its containers state; None where one only guesses.
        packets: Packets that were read.
        bad_packets: Of these, those that did not decode.
        bad_samples: Samples that are no numbers, or absurdly large.
        ended_by: Why reading packets ended before the end.
        is_cut_off: Whether the file lacks its end.
    """

    decoded_s: float = 0.0
    stated_s: float | None = 0.0
    packets: int = 0
    bad_packets: int = 0
    bad_samples: int = 0
    ended_by: str | None = None
    is_cut_off: bool = False

    @property
    def note(self) -> str | None:
        """What is missing, for a person; None where all of it decodes."""
        reasons = []
        missing_s = (self.stated_s or 0.0) - self.decoded_s
        if missing_s > max(_MISSING_S, _MISSING_SHARE * self.decoded_s):
            reasons.append(f"the file states {self.stated_s:.1f} s")
        if self.bad_packets > max(_BAD_PACKETS, _BAD_SHARE * self.packets):
            reasons.append(f"{self.bad_packets} of {self.packets} packets are damaged")
        if self.bad_samples:
            reasons.append(f"samples that are no numbers: {self.bad_samples}")
        if self.is_cut_off:
            reasons.append("it is cut off")
        elif self.ended_by is not None:
            reasons.append(self.ended_by)
        if not reasons:
            return None
        return f"decoded in part, {self.decoded_s:.1f} s: {', '.join(reasons)}"


def all_frames(source: Source, damage: Damage) -> Iterator[Any]:
    """Decoded frames of every part of the source."""
    with opened(source) as (file, name):
        _refuse_empty(source, file)
        links = links_of(file)
        damage.is_cut_off = links.is_cut_off
        damage.stated_s = 0.0
        patch = padded_samples(file)
        for start, end in links.spans:
            reader = SourceFile(file, name, start=start, end=end, patch=patch)
            with _readable(source, reader), open_container(reader) as container:
                _add_stated(damage, container, file, start)
                yield from frames_of(container, source, damage)


def _add_stated(damage: Damage, container: Any, file: BinaryIO, start: int) -> None:
    """Add the length that a container states."""
    names = set(container.format.name.split(","))
    is_stated = bool(names & _STATE_LENGTH)
    if "mp3" in names and file.seekable():
        here = file.tell()
        file.seek(start)
        is_stated = counts_frames(file)
        file.seek(here)
    track = container.streams.best("audio")
    stated_s = declared_s(container, track) if is_stated and track is not None else None
    known = damage.stated_s is not None and stated_s is not None
    damage.stated_s = (damage.stated_s or 0.0) + (stated_s or 0.0) if known else None


def frames_of(container: Any, source: Source, damage: Damage) -> Iterator[Any]:
    """Decoded frames; a packet that does not decode is skipped, a broken end ends the file."""
    track = audio_track(container, source)
    track.codec_context.thread_count = 1  # files are decoded side by side, not split among threads
    failure: av.FFmpegError | None = None
    n_frames = 0
    packets = container.demux(track)
    while True:
        try:
            packet = next(packets, None)
        except MemoryError:  # says nothing about the file
            raise
        except av.FFmpegError as error:
            failure, packet = error, None
            damage.ended_by = error.strerror or type(error).__name__
        if packet is None:
            break
        damage.packets += 1
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.FFmpegError as error:
            failure, frames = error, []
            damage.bad_packets += 1
        n_frames += len(frames)
        yield from frames
    if failure is not None and n_frames == 0:
        raise failure


def declared_s(container: Any, track: Any) -> float | None:
    """The length that a container states or guesses, in seconds."""
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    if container.duration is not None:
        end_s = float(container.duration) / av.time_base
        if "matroska" in container.format.name and track.start_time:  # it states the end
            return end_s - max(0.0, float(track.start_time * track.time_base))
        return end_s
    return None


def audio_track(container: Any, source: Source) -> Any:
    """The track to decode: the default one, else the first, of those that a decoder knows.

    A commentary or what describes pictures comes after all others.
    """
    tracks = container.streams.audio
    if not tracks:
        raise UndecodableAudioError(f"{name_of(source)} has no audio track")
    known = [track for track in tracks if track.codec_context is not None]
    if not known:
        raise UndecodableAudioError(f"{name_of(source)}: no decoder knows its audio track's codec")

    def order(track: Any) -> tuple[bool, bool, int]:
        aside, default = track.disposition & _ASIDE, track.disposition & Disposition.default
        return bool(aside), not default, track.index

    return min(known, key=order)


def open_container(reader: SourceFile) -> Any:
    """The container that FFmpeg finds; bytes of its tags that are no UTF-8 become surrogates."""
    return av.open(reader, options=OPTIONS, metadata_errors="surrogateescape")


@contextmanager
def container_of(source: Source) -> Iterator[Any]:
    """The first part of a source, opened.

    Raises:
        AudioReadError, EmptyAudioError, UndecodableAudioError: As for `decoding.decode`.
    """
    with translated(source), opened(source) as (file, name):
        _refuse_empty(source, file)
        reader = SourceFile(file, name, start=file.tell() if file.seekable() else 0)
        with _readable(source, reader), open_container(reader) as container:
            yield container


def _refuse_empty(source: Source, file: BinaryIO) -> None:
    if not file.seekable():
        return
    here = file.tell()
    empty = not file.read(1)
    file.seek(here)
    if empty:
        raise EmptyAudioError(f"{name_of(source)} is empty (0 bytes)")


@contextmanager
def _readable(source: Source, reader: SourceFile) -> Iterator[None]:
    """Whatever the decoder makes of it, a failed read is a failed read."""
    try:
        yield
    except (av.FFmpegError, OSError):
        if reader.failure is None:
            raise
    if reader.failure is not None:
        reason = reader.failure.strerror or str(reader.failure)
        message = f"cannot read {name_of(source)} to its end: {reason}"
        raise AudioReadError(message) from reader.failure


@contextmanager
def translated(source: Source) -> Iterator[None]:
    """Turn what the file system and the decoder raise into `AudioReadError` and its neighbour.

    A lack of memory stays a `MemoryError`: another time the file may well decode.
    """
    try:
        yield
    except MemoryError:
        raise
    except av.FFmpegError as exc:
        reason = exc.strerror or type(exc).__name__
        raise UndecodableAudioError(f"cannot decode {name_of(source)}: {reason}") from exc
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise AudioReadError(f"cannot read {name_of(source)}: {reason}") from exc


def name_of(source: Source) -> str:
    """How messages call the source."""
    if isinstance(source, Path):
        return source.name
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "the audio"
