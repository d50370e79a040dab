"""What a disk refuses, in words that say what to do."""

from __future__ import annotations

import errno
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def is_full(exc: OSError) -> bool:
    """Whether the disk has no room; numpy tells a short write in words alone."""
    return exc.errno in _FULL or (exc.errno is None and "requested and" in str(exc))


def refusal(path: Path, exc: OSError) -> str:
    """One line: what cannot be written, why, and the remedy."""
    if is_full(exc):
        return f"cannot write {path}: no space left on device; free space and start the run again"
    reason = exc.strerror or str(exc)
    if exc.errno in _FORBIDDEN:
        return f"cannot write {path}: {reason}; make the data folder writable or name another"
    return f"cannot write {path}: {reason}; free space or name another data folder"
