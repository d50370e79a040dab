"""Writes immutable snapshots of a catalogue: everything that a search or an answer reads.

Layout of format 2, one folder:

    manifest.json                       format, model, counts, engine, recall, files and hashes
    track_*.npy                         metadata columns, in order of track id
    track_first.npy                     [T + 1] first segment of each track, and the end
    segment_s.npy, segment_emotion.npy  [S, 2] start and end; (arousal, valence)
    phi.npy, mu.npy, var.npy            [S, Dc], [S, Dk], [S, Dk] the embedding
    curve_offsets.npy, curve_values.npy ragged emotion curves: (arousal, valence, sd, sd)
    scale.npy, scale_slope.npy          [K, 2], [1] the relative scale of the tracks' emotion
    search_*                            what a search reads: see `indexer.search.cells`
    shard-NNNN/                         instead of search_*, where it is searched in parts: each a
                                        snapshot of the same layout

Opening maps the arrays into memory and checks every size and header and the hashes of small
files; `verify` hashes everything, and whoever puts a snapshot into service calls it (ADR 0020).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.search.build import build, choose_engine
from indexer.search.columns import scoring_id
from indexer.shards.split import split
from indexer.snapshot.content import SnapshotContent, in_track_order, standing_rows
from indexer.snapshot.format import FORMAT, EngineChoice, Manifest, Observer, ShardEntry, save_array
from indexer.snapshot.tracks import write_tracks
from indexer.snapshot.writing import publish, write_manifest, written_aside
from indexer.storage import PRIVATE_FOLDER
from model.curves.curve import CURVE_RATE_HZ, QuantileScale
from model.embedding import Embedding
from model.scoring import ScoringParams


def write_snapshot(
    folder: Path,
    content: SnapshotContent,
    *,
    model_id: str,
    scoring: ScoringParams,
    engine: EngineChoice = "auto",
    queries: Embedding | None = None,
    observe: Observer = lambda step: None,
    shards: int = 1,
) -> Manifest:
    """Write a snapshot; it appears at `folder` whole or not at all.

    Args:
        folder: Where; must not exist. Leftovers of killed writers beside it are removed.
        content: What to write.
        model_id: The checkpoint that embedded it.
        scoring: That checkpoint's scoring.
        engine: How to search it; `auto` chooses by size and device.
        queries: Emotion curves as the model embeds them: what the search is made for, and what
            the approximate engine's recall is measured with; without them segments of the
            catalogue stand in, and the manifest says so.
        observe: Called with the name of each step before it begins.
        shards: In how many parts it is searched, >= 1. Each part is a snapshot of its own in a
            folder inside; what depends on all tracks is decided before they part (ADR 0088).

    Returns:
        The manifest.

    Raises:
        SnapshotError: The content is inconsistent, `folder` exists or the disk refuses.
    """
    ordered = in_track_order(content)
    named = Manifest(
        format=FORMAT,
        model_id=model_id,
        scoring_id=scoring_id(scoring),
        engine="sharded",
        tracks=len(ordered.tracks),
        segments=len(ordered.embedding),
        curve_hop_s=1.0 / CURVE_RATE_HZ,
    )
    with written_aside(folder) as partial:
        scale = _write_catalogue(partial, ordered, observe)
        observe("search")
        if shards == 1:
            named = replace(named, engine=choose_engine(engine, named.segments))
            named = replace(named, recall=build(partial, named, scoring, queries))
            return publish(partial, folder, named, observe)
        entries = []
        for number, part in enumerate(split(ordered, shards)):
            observe(f"shard {number + 1} of {shards}")
            at = partial / f"shard-{number:04d}"
            entries.append(_write_shard(at, part, named, scale, engine, scoring, queries))
        return publish(partial, folder, replace(named, shards=tuple(entries)), observe)


def _write_catalogue(
    partial: Path, ordered: SnapshotContent, observe: Observer, scale: QuantileScale | None = None
) -> QuantileScale:
    """Write everything but the search arrays; returns the relative scale, fitted if not given."""
    observe("tracks")
    first = _write_tracks_and_segments(partial, ordered)
    observe("curves")
    save_array(partial, "curve_offsets", ordered.curve_offsets)
    save_array(partial, "curve_values", ordered.curve_values.astype(np.float16))
    if scale is None:
        standing = standing_rows(ordered.tracks, ordered.segment_s, first)
        scale = QuantileScale.fit(ordered.segment_emotion[standing])
    save_array(partial, "scale", np.asarray(scale.quantiles))
    save_array(partial, "scale_slope", np.array([scale.slope]))
    return scale


def _write_shard(
    folder: Path,
    part: SnapshotContent,
    whole: Manifest,
    scale: QuantileScale,
    choice: EngineChoice,
    scoring: ScoringParams,
    queries: Embedding | None,
) -> ShardEntry:
    """Write a part of a catalogue as a snapshot of its own, with the scale of the whole."""
    folder.mkdir(mode=PRIVATE_FOLDER)
    _write_catalogue(folder, part, lambda _step: None, scale)
    tracks, segments = len(part.tracks), len(part.embedding)
    manifest = replace(
        whole, engine=choose_engine(choice, segments), tracks=tracks, segments=segments
    )
    manifest = replace(manifest, recall=build(folder, manifest, scoring, queries))
    write_manifest(folder, manifest)
    return ShardEntry(folder.name, tracks, segments)


def _write_tracks_and_segments(partial: Path, content: SnapshotContent) -> NDArray[np.int64]:
    """Write them; returns the first segment of each track, and the end, [T + 1]."""
    write_tracks(partial, content.tracks)
    counts = np.bincount(content.segment_track, minlength=len(content.tracks))
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)  # [T + 1]
    save_array(partial, "track_first", first)
    save_array(partial, "segment_s", content.segment_s.astype(np.float32))
    save_array(partial, "segment_emotion", content.segment_emotion.astype(np.float32))
    for name in ("phi", "mu", "var"):
        save_array(partial, name, getattr(content.embedding, name).astype(np.float32))
    return first
