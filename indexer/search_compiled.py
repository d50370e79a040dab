"""How the loops of the search are compiled, and where the machine code is kept (ADR 0026).

A compiled function holds no lock of the interpreter, adds in the order that is written (no "fast
math": bounds and scores depend on it) and is kept on disk, so that the next process starts in
milliseconds. What is kept is known by its own file and by `search_tables`, whose tuples are
compiled in by place: a compiled function therefore calls compiled functions of its own file only,
which a test holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

logger = logging.getLogger("circumplex.search")

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_TABLES = sha256(Path(__file__).with_name("search_tables.py").read_bytes()).hexdigest()


class _Kept(FunctionCache):
    """Machine code on disk; what cannot be read is compiled anew, what cannot be kept is not."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code of a signature, or None."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception as exc:  # a torn file raises whatever pickle meets
            logger.warning("compiled code of %s is damaged (%s): compiling", self._name, exc)
            self._safely(self.flush)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code, if there is room."""
        self._safely(super().save_overload, sig, data)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        own = super()._index_key(sig, codegen)  # type: ignore[no-untyped-call]
        return *own, _TABLES

    def _safely(self, keep: Callable[..., Any], *args: Any) -> None:
        try:
            keep(*args)
        except Exception as exc:  # a full disk, a folder that went away, a torn index
            logger.warning("compiled code of %s is not kept: %s", self._name, exc)


def compiled(function: F) -> F:
    """Compile at the first call; keep the result where the installation or the user may write.

    `NUMBA_CACHE_DIR` names another place. Where there is none at all, every process compiles anew.
    """
    dispatcher = njit(**_OPTIONS)(function)
    with suppress(RuntimeError):  # no folder that may be written
        dispatcher._cache = _Kept(function)  # type: ignore[no-untyped-call]
    return cast(F, dispatcher)
