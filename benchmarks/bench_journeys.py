"""How long journeys take, in processor time, beside a single playlist of the same catalogue.

    make bench-journeys [ARGS='--tracks 60000 --places 20 100 500']

Invented tracks near DEAM's songs, one row each, balanced as an index run does it. Run it with
`OMP_NUM_THREADS=1` for the figures of one core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.library.live import Live
from app.playlists.match import make_playlist
from app.wire.schemas import PlaylistRequest
from benchmarks.service.catalogue import content_of, live_of
from benchmarks.shared_data import data_folder
from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.searcher import Searcher
from indexer.search.typical import typical_curves
from indexer.snapshot.content import relative_scale
from indexer.snapshot.reader import Snapshot
from model.emotion_model import EmotionModel
from model.learning.datasets import load_deam

LINES = 7  # across the plane; the median counts
NOISE = 0.3  # of a feature's deviation, between a track and the songs that it is made of


def main() -> None:
    """Build, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="holds DEAM's tables")
    parser.add_argument("--tracks", type=int, default=60_000)
    parser.add_argument("--places", type=int, nargs="+", default=[20, 100, 500])
    options = parser.parse_args()
    model = EmotionModel.load(None, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        live = catalogue(Path(folder) / "made", model, options.data, options.tracks)
        print(f"{options.tracks} tracks; load average {os.getloadavg()[0]:.1f}")
        single = took_ms(lambda line: ask(model, live, line, "match", 20, capped=True))
        print(f"one playlist of 20{single:>17.1f} ms")
        for places in options.places:
            for capped in (False, True):
                ms = took_ms(
                    lambda line, p=places, c=capped: ask(model, live, line, "journey", p, capped=c)
                )
                name = f"{places} places{', two an artist' if capped else ''}"
                print(f"{name:<28}{ms:>7.1f} ms, {ms / single:>6.1f} times one playlist")


def catalogue(folder: Path, model: EmotionModel, data: Path, tracks: int) -> Live:
    """A snapshot of invented tracks, opened."""
    songs, draws = load_deam(data).features, np.random.default_rng(1)
    left, right = draws.integers(0, len(songs), (2, tracks))
    share = draws.beta(0.5, 0.5, (tracks, 1))
    rows = share * songs[left] + (1 - share) * songs[right]
    rows += NOISE * songs.std(axis=0) * draws.standard_normal(rows.shape)
    embedding = model.embed_columns(rows.astype(np.float32))
    spans = np.tile(np.array([0.0, 150.0], dtype=np.float32), (tracks, 1))
    content = balanced(content_of(model, (embedding, np.arange(tracks), spans)), model)
    queries = model.embed_emotion(typical_curves(relative_scale(content)))
    write_snapshot(folder, content, model_id=model.model_id, scoring=model.scoring, queries=queries)
    return live_of(Searcher(Snapshot.open(folder), model.scoring))


def ask(model: EmotionModel, live: Live, line: int, mode: str, limit: int, *, capped: bool) -> None:
    """Answer one request along one of the lines."""
    ends = np.random.default_rng(line).uniform(-0.9, 0.9, (2, 2)).tolist()
    curve = [{"t": 60.0 * n, "valence": v, "arousal": a} for n, (v, a) in enumerate(ends)]
    body = {"emotion": {"curve": curve}, "mode": mode, "limit": limit, "scale": "relative"}
    body |= {"max_per_artist": 2 if capped else None}
    answer = make_playlist(PlaylistRequest.model_validate(body), model, live)
    if len(answer.items) != limit:
        raise SystemExit(f"{len(answer.items)} tracks instead of {limit}")


def took_ms(act: Callable[[int], None]) -> float:
    """Median processor time over the lines, after one that warms up."""
    act(LINES)
    taken = []
    for line in range(LINES):
        began = time.process_time()
        act(line)
        taken.append((time.process_time() - began) * 1000.0)
    return float(np.median(taken))


if __name__ == "__main__":
    main()
