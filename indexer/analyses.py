"""Analyses kept on disk by content and frontend: what was decoded once is never decoded again.

`<data_dir>/analyses/<frontend_id>/<first two digits>/<content_id>`; a file appears whole or not
at all. A file of damaged content counts as absent.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from indexer.errors import StorageError
from indexer.storage import refusal
from model.analysis import Analysis

logger = logging.getLogger(__name__)


class AnalysisStore:
    """The kept analyses of one frontend."""

    def __init__(self, data_dir: Path, frontend_id: str) -> None:
        self.frontend_id = frontend_id
        self._folder = data_dir / "analyses" / frontend_id
        self._marks = self._folder / "begun"

    def path(self, content_id: str) -> Path:
        """Where the analysis of this content lies, if it is kept."""
        return self._folder / content_id[:2] / content_id

    def has(self, content_id: str) -> bool:
        """Whether an analysis of this content is kept."""
        return self.path(content_id).is_file()

    def load(self, content_id: str) -> Analysis | None:
        """The kept analysis; None if there is none or it is damaged."""
        try:
            analysis = Analysis.from_bytes(self.path(content_id).read_bytes())
        except FileNotFoundError:
            return None
        except Exception as exc:
            logger.warning("analysis %s is damaged and made anew: %s", self.path(content_id), exc)
            return None
        return analysis if analysis.frontend_id == self.frontend_id else None

    def save(self, content_id: str, analysis: Analysis) -> None:
        """Keep an analysis.

        Raises:
            StorageError: The disk is full or read-only.
        """
        path = self.path(content_id)
        aside = path.with_name(f".{content_id}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(analysis.to_bytes())
            aside.replace(path)
        except OSError as exc:
            aside.unlink(missing_ok=True)
            raise StorageError(refusal(path, exc)) from exc

    def begin(self, address_id: str) -> None:
        """Note that the file of this address is about to be decoded.

        Raises:
            StorageError: The disk is full or read-only.
        """
        mark = self._marks / address_id
        try:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
        except OSError as exc:
            raise StorageError(refusal(mark, exc)) from exc

    def end(self, address_id: str) -> None:
        """Note that decoding this file did not kill the process."""
        (self._marks / address_id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed process was writing; only whoever holds the catalogue may."""
        for aside in self._folder.glob("??/.*"):
            aside.unlink(missing_ok=True)

    def begun(self) -> frozenset[str]:
        """Addresses of the files over which a process died."""
        if not self._marks.is_dir():
            return frozenset()
        return frozenset(mark.name for mark in self._marks.iterdir())
