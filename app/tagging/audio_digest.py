"""The audio of a file as a hash: of its packets, whatever tags lie around them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av

from app.errors import InvalidRequestError


def audio_digest(path: Path) -> str:
    """BLAKE2b-128 of the encoded audio, packet after packet, without decoding any.

    Raises:
        InvalidRequestError: The file holds no audio that can be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with av.open(path, metadata_errors="replace") as file:
            for packet in file.demux(file.streams.audio[0]):
                digest.update(bytes(packet))
    except (av.FFmpegError, IndexError, OSError) as exc:
        raise InvalidRequestError(f"{path.name} holds no audio that can be read: {exc}") from exc
    return digest.hexdigest()
