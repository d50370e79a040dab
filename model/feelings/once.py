"""Values that are made once, however many threads ask for the first time together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def once(make: Callable[P, R]) -> Callable[P, R]:
    """`functools.cache`, except that one thread makes a value while the others wait for it.

    Forty threads that each read a lexicon of their own took forty times its memory and a minute.
    """
    kept, lock = cache(make), threading.RLock()

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return kept(*args, **kwargs)  # type: ignore[arg-type]

    return made
