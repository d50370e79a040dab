"""How much faster a run is when nothing, or only the checkpoint, has changed; on real audio."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from indexer.catalog.catalog import open_catalog
from indexer.runs.indexer import Indexer
from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT


class Renamed:
    """The shipped model under another name, as a new checkpoint of the same frontend."""

    def __init__(self, model: EmotionModel) -> None:
        self._model = model
        self.model_id = "renamed-000000000000"
        self.decoded = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def analyse(self, source: Path) -> Any:
        """Counted: a new checkpoint has no reason to decode."""
        self.decoded += 1
        return self._model.analyse(source)


def test_later_runs_over_real_music_cost_little(shared_data: Path, tmp_path: Path) -> None:
    """A second run is over 50 times faster; a new checkpoint decodes nothing."""
    music = tmp_path / "music"
    shutil.copytree(shared_data / "deam" / "audio", music)
    catalog = open_catalog(f"sqlite:///{tmp_path / 'circumplex.db'}")
    model = EmotionModel.load(FAST_CHECKPOINT, "cpu")
    indexer = Indexer(catalog, model, tmp_path / "data")
    renamed = Renamed(model)

    first = indexer.run([music])
    later = [indexer.run([music]) for _ in range(5)]
    anew = Indexer(catalog, renamed, tmp_path / "data").run([music])
    catalog.close()

    fastest_s = min(run.elapsed_s for run in later)
    assert first.files_decoded == first.files_total >= 5
    assert first.elapsed_s / fastest_s >= 50, f"{first.elapsed_s:.2f} s, then {fastest_s:.3f} s"
    assert not any(run.wrote_snapshot for run in later)
    assert (anew.wrote_snapshot, anew.files_decoded, renamed.decoded) == (True, 0, 0)
