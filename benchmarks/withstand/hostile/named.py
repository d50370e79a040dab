"""What every family of hostile files shares."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

RATE_HZ = 44_100


class NamedFile(NamedTuple):
    """A file to be written: its name with the suffix, and its bytes."""

    name: str
    content: bytes


@lru_cache(maxsize=1)
def tone_s16() -> bytes:
    """Two seconds of a tone, 16 bits, little end first, one channel."""
    t = np.arange(2 * RATE_HZ)
    return (8000 * np.sin(t / 20)).astype("<i2").tobytes()
