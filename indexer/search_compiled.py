"""How the loops of the search are compiled, and where the machine code is kept (ADR 0026).

A compiled function holds no lock of the interpreter, adds in the order that is written (no "fast
math": bounds and scores depend on it) and is kept on disk, so that the next process starts in
milliseconds. What is kept is known by its own file alone: a compiled function therefore calls
compiled functions of its own file only, which a test holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: F) -> F:
    """Compile at the first call; keep the result where the installation or the user may write.

    `NUMBA_CACHE_DIR` names another place. Where there is none at all, every process compiles anew.
    """
    try:
        return cast(F, njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # no folder that may be written
        return cast(F, njit(**_OPTIONS)(function))
