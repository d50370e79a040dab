"""A made-up catalogue in two snapshots, and `circumplex serve` over it.

Rows are those of the search benchmark, made of DEAM's songs (`search.vectors`), or `noise`, farther
from each other and from any emotion than music is, which makes every search read more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.demo.catalogue import render
from app.library.live import Live, TrackSearcher
from benchmarks.search.vectors import catalogue
from indexer.catalog.catalog import open_catalog
from indexer.catalog.records import SnapshotRow
from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.typical import typical_curves
from indexer.snapshot.content import SnapshotContent, relative_scale
from indexer.snapshot.tracks import TrackRecord
from model.arrays import Doubles, Floats
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset

TOKEN = "a-token-of-the-benchmark"
SNAPSHOTS = ("bench-a", "bench-b")
DESCRIPTION = "catalogue.json"
NOISE_ROWS_PER_TRACK = 10  # nine segments and the whole
_BLOCK_ROWS = 1 << 14  # of which the mean emotion is computed at once
MUSIC = Path("/usr/share/games/wesnoth/1.16/data/core/music")


Rows = tuple[Embedding, NDArray[np.int64], NDArray[np.float32]]  # as `search.vectors.catalogue`


def write_catalogue(
    folder: Path, model: EmotionModel, segments: int, songs: Dataset | None = None
) -> None:
    """Two snapshots of invented tracks, embedded and balanced as an index run does it.

    Args:
        folder: Data folder of a service to be.
        model: Embeds.
        segments: Rows, those that stand for whole tracks included.
        songs: What tracks are made of; None: of noise.
    """
    rows = noise(model, segments) if songs is None else catalogue(model, songs, segments, seed=1)
    content = balanced(content_of(model, rows), model)
    curves = typical_curves(relative_scale(content))
    queries = model.embed_emotion(curves)
    (folder / "snapshots").mkdir(parents=True)
    catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")
    for name in SNAPSHOTS:
        write_snapshot(
            folder / "snapshots" / name,
            content,
            model_id=model.model_id,
            scoring=model.scoring,
            queries=queries,
        )
        now, tracks = datetime.now(UTC), len(content.tracks)
        row = SnapshotRow(name, model.model_id, "ready", False, now, name, tracks, segments)
        catalog.begin_snapshot(row)
    catalog.activate_snapshot(SNAPSHOTS[0])
    catalog.close()
    told = described(model, segments, songs is None)
    (folder / DESCRIPTION).write_text(json.dumps(told))


def described(model: EmotionModel, segments: int, noise: bool) -> dict[str, str | int]:
    """What tells catalogues apart."""
    return {
        "rows": "noise" if noise else "music",
        "segments": segments,
        "model_id": model.model_id,
    }


def noise(model: EmotionModel, segments: int) -> Rows:
    """Embedded noise, a whole beside the segments of each track."""
    draws = np.random.default_rng(0)
    tracks, features = segments // NOISE_ROWS_PER_TRACK, len(model.row_names)
    rows = draws.normal(size=(tracks, 1, features)) + 0.5 * draws.normal(
        size=(tracks, NOISE_ROWS_PER_TRACK, features)
    )
    rows[:, -1] = rows[:, :-1].mean(axis=1)  # the whole is described by the mean (ADR 0030)
    flat = (10.0 * rows).reshape(-1, features).astype(np.float32)
    starts_s = 15.0 * np.arange(NOISE_ROWS_PER_TRACK - 1)
    spans = [*np.stack([starts_s, starts_s + 30.0], axis=1), [0.0, starts_s[-1] + 30.0]]
    track = np.repeat(np.arange(tracks), NOISE_ROWS_PER_TRACK)
    return model.embed_analyses(flat), track, np.tile(np.array(spans, np.float32), (tracks, 1))


def _record(track_id: int) -> TrackRecord:
    return TrackRecord(
        id=track_id,
        content_id=f"{track_id:032x}",
        root="/music",
        path=f"{track_id}.flac",
        title=f"Piece {track_id}",
        artist=f"Artist {track_id % 997}",
        album=None,
        genre="study",
        year=2000,
        duration_s=150.0,
    )


def content_of(
    model: EmotionModel, rows: Rows, record: Callable[[int], TrackRecord] = _record
) -> SnapshotContent:
    """Embedded rows with the tags that `record` invents, not balanced; track ids count from 1."""
    embedding, track, span_s = rows
    tracks = int(track[-1]) + 1
    blocks = (embedding[at : at + _BLOCK_ROWS] for at in range(0, len(embedding), _BLOCK_ROWS))
    emotion = np.concatenate([model.mean_emotion(block) for block in blocks])
    return SnapshotContent(
        tracks=[record(track_id) for track_id in range(1, tracks + 1)],
        segment_track=track,
        segment_s=span_s,
        embedding=embedding,
        segment_emotion=np.clip(emotion, -1.0, 1.0),
        curve_offsets=np.arange(tracks + 1, dtype=np.int64),
        curve_values=np.zeros((tracks, 4), dtype=np.float16),  # all are known equally well
    )


def known_as(content: SnapshotContent, sd: Floats, length_s: Doubles) -> SnapshotContent:
    """The content with what is known of each track, which the balance counts (ADR 79).

    Args:
        content: Of `content_of`, one row a track.
        sd: Stated standard deviation of each track's (arousal, valence), [tracks, 2].
        length_s: Of each track, [tracks].
    """
    tracks = [
        replace(track, duration_s=float(lasts))
        for track, lasts in zip(content.tracks, length_s, strict=True)
    ]
    curves = np.concatenate([content.segment_emotion, sd], axis=1).astype(np.float16)
    return replace(content, tracks=tracks, curve_values=curves)


def live_of(searcher: TrackSearcher) -> Live:
    """The snapshot of a searcher, as a service answers from it."""
    snapshot = searcher.snapshot
    return Live("bench", snapshot.manifest.model_id, datetime.now(UTC), snapshot, searcher)


def music_folder(folder: Path) -> Path:
    """Real music where this machine has it, else pieces that the demo composes."""
    if MUSIC.is_dir():
        return MUSIC
    render(folder / "music")
    return folder / "music"


@contextmanager
def serving(
    folder: Path, music: Path | None = None, checkpoint: str | None = None
) -> Iterator[tuple[int, int]]:
    """`circumplex serve` until the block ends; gives its port and its process.

    Args:
        folder: The data folder.
        music: The music root.
        checkpoint: The model that made the catalogue, where it is not the default: a service with
            another one would begin to index anew.
    """
    environment = os.environ | {
        "CIRCUMPLEX_DATA_DIR": str(folder),
        "CIRCUMPLEX_ADMIN_TOKEN": TOKEN,
        "CIRCUMPLEX_DEVICE": "cpu",
        "CIRCUMPLEX_MUSIC_ROOTS": str(music or ""),
        "CIRCUMPLEX_KEEP_SNAPSHOTS": "1000",
        "COLUMNS": "200",
        **({} if checkpoint is None else {"CIRCUMPLEX_CHECKPOINT": checkpoint}),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    rest = threading.Thread(target=process.stderr.read, daemon=True)
    try:
        line = next(line for line in process.stderr if "Circumplex is at" in line)
        rest.start()
        port = line.partition("http://")[2].split("/")[0].split()[0].rpartition(":")[2]
        yield int(port), process.pid
    finally:
        process.terminate()
        process.wait(timeout=60.0)
        if rest.ident is not None:
            rest.join(10.0)
        process.stderr.close()


def cpu_s(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
