"""Where the datasets lie."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """`CIRCUMPLEX_SHARED_DATA`, or the one beside the repository or one of its parents."""
    named = os.environ.get("CIRCUMPLEX_SHARED_DATA")
    if named is not None:
        return Path(named)
    root = Path(__file__).resolve().parents[1]
    found = (parent / "shared" / "data" for parent in root.parents)
    return next((path for path in found if path.exists()), root.parent / "shared" / "data")
