"""What a file may be taken for. Apart from the verdict, so that a client starts without torch."""

from __future__ import annotations

from typing import Literal, get_args

VerdictKind = Literal["music", "speech", "noise", "short"]
KINDS: tuple[VerdictKind, ...] = get_args(VerdictKind)
