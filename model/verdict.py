"""What a file may be taken for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

VerdictKind = Literal["music", "speech", "noise", "short"]
KINDS: tuple[VerdictKind, ...] = get_args(VerdictKind)

LEAST_S = 20.0
"""Shortest file that is taken for a piece of music, seconds."""


@dataclass(frozen=True)
class Verdict:
    """What a file is taken for.

    Attributes:
        kind: `music`, `speech`, `noise` (or a tone), or `short`: too short to tell, or
            much shorter than the other music of its library.
        reason: Why, in a sentence; empty for music.
    """

    kind: VerdictKind
    reason: str = ""


MUSIC = Verdict("music")
