"""Checkpoints kept in the data folder, so that an index outlives the model that made it.

After an upgrade with another model the index in service was made by the one before. Its questions
can only be embedded by that model: it is loaded from here, or is one of the shipped, until an
index run has made a new index.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.settings import Settings
from indexer.storage import PRIVATE_FOLDER, may_write, write_private
from model.emotion_model import EmotionModel
from model.errors import ModelError
from model.judge import Judge
from model.shipped import SHIPPED

logger = logging.getLogger("circumplex.model")

MOST_KEPT = 5
SUFFIX = ".safetensors"


class KeptModels:
    """The models of a data folder."""

    def __init__(self, data_dir: Path, load: Callable[[Path], EmotionModel]) -> None:
        """Read nothing yet.

        Args:
            data_dir: The data folder.
            load: Loads a checkpoint.
        """
        self._data_dir, self._load = data_dir, load
        self._found: dict[str, EmotionModel | None] = {}

    @classmethod
    def of(cls, settings: Settings) -> KeptModels:
        """Those of the data folder that the settings name, loaded as they say."""
        judge = Judge(settings.least_track_s)
        load = partial(EmotionModel.load, device=settings.device, judge=judge)
        return cls(settings.data_dir, load)

    def keep(self, model: EmotionModel) -> None:
        """Keep a checkpoint's file under its model's id; where that cannot be, the log says so."""
        folder = self._data_dir / "models"
        path = folder / f"{model.model_id}{SUFFIX}"
        if model.path is None or path.is_file() or not may_write(self._data_dir):
            return
        aside = path.with_suffix(".part")
        try:
            content = model.path.read_bytes()
            if not model.model_id.endswith(hashlib.sha256(content).hexdigest()[:12]):
                logger.warning("%s is not checkpoint %s any more", model.path, model.model_id)
                return
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            write_private(aside, content)
            aside.replace(path)
            self._forget_oldest(folder)
        except OSError as exc:
            logger.warning("checkpoint %s is not kept: %s", model.model_id, exc)

    def find(self, model_id: str) -> EmotionModel | None:
        """The model of this id; None where it is not here, or this build cannot read it."""
        if model_id not in self._found:
            self._found[model_id] = self._look_for(model_id)
        return self._found[model_id]

    def _look_for(self, model_id: str) -> EmotionModel | None:
        if "/" in model_id:  # no name of a file in the folder
            return None
        for path in (self._data_dir / "models" / f"{model_id}{SUFFIX}", *SHIPPED.values()):
            try:
                model = self._load(path) if path.is_file() else None
            except ModelError as exc:
                logger.warning("checkpoint %s cannot be used: %s", path.name, exc)
                continue
            if model is not None and model.model_id == model_id:
                return model
        return None

    @staticmethod
    def _forget_oldest(folder: Path) -> None:
        kept = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST_KEPT]:
            path.unlink(missing_ok=True)
