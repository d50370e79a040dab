"""Analyses kept on disk by content and frontend: what was decoded once is never decoded again.

`<data_dir>/analyses/<frontend_id>/<first two digits>/<content_id>`; a file appears whole or not
at all. A file of damaged content counts as absent.

Analyses of content that no track has any more are removed after a while; `unneeded.json` notes
since when each has been without one (ADR 0051).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Container
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from indexer.errors import StorageError
from indexer.storage import PRIVATE_FOLDER, refusal, write_private
from model.analysis import Analysis

logger = logging.getLogger(__name__)


class AnalysisStore:
    """The kept analyses of one frontend."""

    def __init__(self, data_dir: Path, frontend_id: str) -> None:
        self.frontend_id = frontend_id
        self._folder = data_dir / "analyses" / frontend_id

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

    def sound(self, content_id: str) -> str | None:
        """What names all that was heard of a content; None where nothing is kept of it."""
        analysis = self.load(content_id)
        if analysis is None or not analysis.segment_features.size:
            return None
        digest = hashlib.blake2b(repr(analysis.duration_s).encode(), digest_size=16)
        for rows in (analysis.segment_features, analysis.window_features):
            digest.update(rows.tobytes())
        return digest.hexdigest()

    def save(self, content_id: str, analysis: Analysis) -> None:
        """Keep an analysis.

        Raises:
            StorageError: The disk is full or read-only.
        """
        path = self.path(content_id)
        aside = path.with_name(f".{content_id}.{os.getpid()}.{threading.get_ident()}")
        try:
            for folder in (self._folder.parent, self._folder, path.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            write_private(aside, analysis.to_bytes())
            aside.replace(path)
        except OSError as exc:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise StorageError(refusal(path, exc)) from exc

    def alias(self, content_id: str, other: str) -> None:
        """Keep the analysis of a content under another name too: its file's tags were rewritten.

        Raises:
            StorageError: The disk refuses.
        """
        source, target = self.path(content_id), self.path(other)
        if not source.is_file() or target.is_file():
            return
        try:
            target.parent.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
            target.hardlink_to(source)
        except OSError as exc:
            raise StorageError(refusal(target, exc)) from exc

    def sweep(self) -> None:
        """Remove what a killed process was writing; only whoever holds the catalogue may."""
        for pattern in ("??/.*", ".unneeded.*"):
            for aside in self._folder.glob(pattern):
                aside.unlink(missing_ok=True)

    def prune(self, needed: Container[str], *, after: timedelta) -> int:
        """Remove analyses that no track has needed for so long.

        Args:
            needed: Contents that tracks have.
            after: How long an analysis stays without a track; zero removes it at once.

        Returns:
            How many were removed.

        Raises:
            StorageError: The disk is full or read-only.
        """
        now, since = datetime.now(UTC), self._unneeded_since()
        kept = (path for path in self._folder.glob("??/*") if len(path.parent.name) == 2)
        left = {path.name: path for path in kept if path.name not in needed}
        since = {name: since.get(name, now) for name in left}
        gone = [name for name, moment in since.items() if moment <= now - after]
        for name in gone:
            left[name].unlink(missing_ok=True)
            del since[name]
        self._note_unneeded(since)
        return len(gone)

    def _unneeded_since(self) -> dict[str, datetime]:
        try:
            noted = json.loads((self._folder / "unneeded.json").read_text(encoding="utf-8"))
            now = datetime.now(UTC)  # a moment in the future: the clock was set back since
            return {name: min(now, datetime.fromisoformat(at)) for name, at in noted.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as exc:
            logger.warning(
                "%s is of no use and begun anew: %s", self._folder / "unneeded.json", exc
            )
            return {}

    def _note_unneeded(self, since: dict[str, datetime]) -> None:
        path = self._folder / "unneeded.json"
        aside = path.with_name(f".unneeded.{os.getpid()}")
        try:
            if not since:
                path.unlink(missing_ok=True)
                return
            noted = json.dumps({name: m.isoformat() for name, m in since.items()})
            write_private(aside, noted.encode())
            aside.replace(path)
        except OSError as exc:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise StorageError(refusal(path, exc)) from exc
