"""How the loops of the search are compiled, and where the machine code is kept (ADR 0026).

A compiled function holds no lock of the interpreter, adds in the order that is written (no "fast
math": bounds and scores depend on it) and is kept on disk, so that the next process starts in
milliseconds. What is kept is known by its own file and by `tables`, whose tuples are
compiled in by place: a compiled function therefore calls compiled functions of its own file only,
which a test holds. It is also known by the kind of processor, with all its abilities, so that code
of another machine is never run.

Code is read from two places: where this process may write, and beside the package, where
`indexer.runs.precompile` puts it when an image is built, and which may be read-only later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator

logger = logging.getLogger("circumplex.search")

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_TABLES = sha256(Path(__file__).with_name("tables.py").read_bytes()).hexdigest()


class _BesidePackage(InTreeCacheLocator):
    """The folder `__pycache__` of the package, whether or not it may be written."""

    def ensure_cache_path(self) -> None:
        """Nothing is needed to read from it."""


class _Installed(CompileResultCacheImpl):
    """Machine code beside the package."""

    _locator_classes = [_BesidePackage]  # noqa: RUF012 - numba's own attribute


class _Known(FunctionCache):
    """Machine code that is known by the tables too, and unreadable without harm."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code of a signature, or None."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception as exc:  # a torn file raises whatever pickle meets
            logger.warning("compiled code of %s is damaged (%s): compiling", self._name, exc)
            self._damaged()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep nothing here."""

    def _damaged(self) -> None:
        """Leave it as it is."""

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        own = super()._index_key(sig, codegen)  # type: ignore[no-untyped-call]
        return *own, _TABLES


class _Shipped(_Known):
    """What was compiled when the package was installed; only read."""

    _impl_class = _Installed  # type: ignore[assignment]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code of a signature, or None: it will be compiled, and that takes a while."""
        found = super().load_overload(sig, target_context)
        if found is None:
            _tell_of_compiling()
        return found


class _Kept(_Known):
    """Machine code on disk; what cannot be read is compiled anew, what cannot be kept is not."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._shipped = _Shipped(function)  # type: ignore[no-untyped-call]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code of a signature, or None."""
        found = super().load_overload(sig, target_context)
        return self._shipped.load_overload(sig, target_context) if found is None else found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code, if there is room."""
        self._safely(FunctionCache.save_overload, self, sig, data)

    def _damaged(self) -> None:
        self._safely(self.flush)

    def _safely(self, keep: Callable[..., Any], *args: Any) -> None:
        try:
            keep(*args)
        except Exception as exc:  # a full disk, a folder that went away, a torn index
            logger.warning("compiled code of %s is not kept: %s", self._name, exc)


@cache
def _tell_of_compiling() -> None:
    """Say once a process why it takes so long."""
    logger.warning("the search is compiled for this processor: 10 to 25 seconds, once")


def compiled(function: F) -> F:
    """Compile at the first call; keep the result where the installation or the user may write.

    `NUMBA_CACHE_DIR` names another place. Where there is none at all, and nothing was compiled
    when the package was installed, every process compiles anew.
    """
    dispatcher = njit(**_OPTIONS)(function)
    try:
        dispatcher._cache = _Kept(function)
    except RuntimeError:  # no folder that may be written
        dispatcher._cache = _Shipped(function)  # type: ignore[no-untyped-call]
    return cast(F, dispatcher)
