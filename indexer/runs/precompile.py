"""Compiles the search before anybody waits for it: `python -m indexer.runs.precompile`.

Run when an image is built and by `make install`; later processes find the machine code kept
(`indexer.search.compiled`). A compiled function depends on the types of its arrays, not on their
sizes, so searches in a tiny snapshot compile all there is.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.columns import KINDS
from indexer.search.searcher import Searcher, SearchRequest, TrackFilter
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.curves.curve import EmotionCurve
from model.emotion_model import EmotionModel

TRACKS = 4
_FILTERS = (None, TrackFilter(genre=("study",)), TrackFilter(exclude_ids=frozenset({1})))


def compile_search(model: EmotionModel) -> None:
    """Search in every way that takes another path through the compiled code."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "snapshot"
        content = _content(model)
        write_snapshot(folder, content, model_id=model.model_id, scoring=model.scoring)
        searcher = Searcher(Snapshot.open(folder), model.scoring)
        for kind in KINDS:
            for filters in _FILTERS:
                for most in (None, 1):
                    request = SearchRequest(content.embedding[:1], TRACKS, filters, most, kind)
                    searcher.search(request)


def _content(model: EmotionModel) -> SnapshotContent:
    """Emotions in the place of music: any rows do."""
    places = np.linspace(-0.5, 0.5, TRACKS).tolist()
    curves = [EmotionCurve.constant(place, place, 30.0) for place in places]
    return SnapshotContent(
        tracks=[
            TrackRecord(
                number,
                f"{number:032x}",
                "/",
                f"{number}.flac",
                f"Track {number}",
                f"Artist {number}",
                None,
                "study",
                2000,
                30.0,
            )
            for number in range(1, TRACKS + 1)
        ],
        segment_track=np.arange(TRACKS),
        segment_s=np.tile(np.array([[0.0, 30.0]], dtype=np.float32), (TRACKS, 1)),
        embedding=model.embed_emotion(curves),
        segment_emotion=np.array([places, places], dtype=np.float32).T,
        curve_offsets=np.zeros(TRACKS + 1, dtype=np.int64),
        curve_values=np.empty((0, 4), dtype=np.float16),
    )


if __name__ == "__main__":
    compile_search(EmotionModel.load(device="cpu"))
