"""Searching on a listener's plane: is what calls itself exact exact, and how long does it take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from app.library.live import Live
from app.personal.basis import Basis
from app.personal.personal_live import on_plane
from app.personal.plane import CERTAIN, Plane, make_plane
from app.playlists.match import make_playlist
from app.wire.schemas import PlaylistRequest
from benchmarks.search.proof import Brute
from benchmarks.service.catalogue import SNAPSHOTS, live_of, write_catalogue
from indexer.catalog.profiles import Placement, Profile
from indexer.search.balance import as_query
from indexer.search.cells import CellIndex, ReadingLimits
from indexer.search.request import QueryPlaces
from indexer.search.searcher import Searcher, SearchRequest
from indexer.snapshot.reader import Snapshot
from model.arrays import Doubles
from model.curves.curve import EmotionCurve
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset

WORDS, TASTE_SD, STRONG_TASTE_SD = 100, 0.3, 0.8
LIMIT = 10
BLOCK = 500  # queries at once
_UNCOUNTED = 20  # first questions, until all is warm
_CHOOSY = ReadingLimits(whole=0, least=64, factor=1)


def snapshot_of(folder: Path, model: EmotionModel, songs: Dataset, rows: int) -> Snapshot:
    """An invented catalogue of so many rows, made once."""
    if not folder.is_dir():
        write_catalogue(folder, model, rows, songs)
    return Snapshot.open(folder / "snapshots" / SNAPSHOTS[0])


def listening(live: Live, model: EmotionModel, taste_sd: float = TASTE_SD) -> Plane:
    """A listener who hears all as less pleasant, some music more so, and moved some tracks far."""
    basis, draws = Basis.of(live, model), np.random.default_rng(0)
    rows = draws.choice(len(basis.heard), WORDS, replace=False)
    said = basis.heard[rows] + [0.05, -0.3] + draws.normal(0.0, 0.15, (WORDS, 2))
    said += basis.features[rows] @ draws.normal(0.0, taste_sd, (basis.features.shape[1], 2))
    said[: WORDS // 5] = draws.uniform(-1.0, 1.0, (WORDS // 5, 2))
    placed = [
        _placement(live, int(row), place)
        for row, place in zip(rows, np.clip(said, -1.0, 1.0), strict=True)
    ]
    return make_plane(Profile("bench", 1.0, "1", datetime.now(UTC)), placed, basis)


def proof(snapshot: Snapshot, model: EmotionModel, count: int) -> dict[str, Any]:
    """Hold every answer that calls itself exact against brute force in float64."""
    cells = CellIndex(snapshot.folder, snapshot.manifest.segments, _CHOOSY)
    searcher = Searcher(snapshot, model.scoring, engine=cells, exhaustive=True)
    live = live_of(searcher)
    plane = listening(live, model)
    own, brute = on_plane(live, plane), Brute(snapshot, model.scoring)
    first = np.asarray(snapshot.track_first)
    draws, proven, wrong = np.random.default_rng(1), 0, 0
    for start in range(0, count, BLOCK):
        places = draws.uniform(-1.0, 1.0, (min(BLOCK, count - start), 2))
        absolute = plane.scale.to_absolute(places)
        curves = [EmotionCurve.constant(v, a) for a, v in absolute.tolist()]
        queries = model.embed_emotion(curves)
        level = "track" if start // BLOCK % 2 else "segment"
        asked = QueryPlaces(absolute, absolute)
        request = SearchRequest(queries, LIMIT, level=level, places=asked)  # type: ignore[arg-type]
        results = own.searcher.search(request)
        total = brute.rows(as_query(queries, snapshot.embedding))
        if level == "track":
            total = np.where(snapshot.whole, total, -np.inf)
        tracks = np.maximum.reduceat(total, first[:-1], axis=1)
        tracks = _totalled(plane, tracks, snapshot.scale.to_relative(absolute))
        for result, scores in zip(results, tracks, strict=True):
            proven += result.exact
            best = np.sort(scores)[::-1][:LIMIT]
            ours = np.array([hit.score for hit in result.hits])
            wrong += result.exact and not np.abs(ours - best).max() <= 1e-6
    return {"queries": count, "rows": snapshot.manifest.segments, "exact": proven, "wrong": wrong}


def times(snapshot: Snapshot, model: EmotionModel, count: int) -> dict[str, Any]:
    """Milliseconds of searches and of whole answers, plain and on a listener's plane."""
    live = live_of(Searcher(snapshot, model.scoring))
    start = perf_counter()
    Basis.of(live, model)
    basis_ms = 1000.0 * (perf_counter() - start)
    plane = listening(live, model)
    start = perf_counter()
    make_plane(plane.profile, list(plane.spoken), plane.basis)
    plane_ms = 1000.0 * (perf_counter() - start)
    own = on_plane(live, plane)
    found: dict[str, Any] = {
        "rows": snapshot.manifest.segments,
        "tracks": len(snapshot.tracks),
        "first use of a snapshot ms": round(basis_ms, 1),
        "a plane learned and laid out ms": round(plane_ms, 1),
    }
    draws = np.random.default_rng(2)
    strong = on_plane(live, listening(live, model, STRONG_TASTE_SD))
    seen = {"plain": live, "personal": own, "strong taste": strong}
    taken = np.array(
        [
            [_measured(one, model, arousal, valence) for one in seen.values()]
            for arousal, valence in draws.uniform(-1.0, 1.0, (count, 2)).tolist()
        ]
    )[_UNCOUNTED:]  # [Q, of `seen`, search, segments or answer, clock or processor]
    found |= {name: _figures(taken[:, index]) for index, name in enumerate(seen)}
    for who in ("personal", "strong taste"):
        for what in ("search", "segments", "answer"):
            for clock in ("p50", "processor"):
                name = f"{what} {clock} ms"
                ratio = found[who][name] / found["plain"][name]
                found[who][f"{what} {clock} ratio"] = round(ratio, 2)
    return found


def _figures(taken: Doubles) -> dict[str, float]:
    """What searches and answers took, [Q, search, segments or answer, clock or processor]."""
    middle = np.median(taken, axis=0).round(3)
    return {
        "search p50 ms": float(middle[0, 0]),
        "search p99 ms": round(float(np.quantile(taken[:, 0, 0], 0.99)), 3),
        "search processor ms": float(middle[0, 1]),
        "segments p50 ms": float(middle[1, 0]),
        "segments processor ms": float(middle[1, 1]),
        "answer p50 ms": float(middle[2, 0]),
        "answer processor ms": float(middle[2, 1]),
    }


def _measured(
    live: Live, model: EmotionModel, arousal: float, valence: float
) -> list[tuple[float, float]]:
    """Milliseconds by the clock and of the processor of two searches and of a whole answer.

    For whole tracks, and for segments.
    """
    absolute = live.snapshot.scale.to_absolute([[arousal, valence]])
    curve = EmotionCurve.constant(float(absolute[0, 1]), float(absolute[0, 0]))
    places = QueryPlaces(absolute, absolute)
    search = SearchRequest(model.embed_emotion([curve]), 20, level="track", places=places)
    segments = replace(search, level="segment")
    asked = [{"t": 0, "valence": valence, "arousal": arousal}]
    request = PlaylistRequest.model_validate({"emotion": {"curve": asked}, "limit": 20})
    return [
        _taken_ms(lambda: live.searcher.search(search)),
        _taken_ms(lambda: live.searcher.search(segments)),
        _taken_ms(lambda: make_playlist(request, model, live)),
    ]


def _taken_ms(work: Callable[[], object]) -> tuple[float, float]:
    start, used = perf_counter(), process_time()
    work()
    return 1000.0 * (perf_counter() - start), 1000.0 * (process_time() - used)


def _totalled(plane: Plane, scores: Doubles, asked: Doubles) -> Doubles:
    """Every track's score on the plane, by the definition: squared distances, [Q, T]."""
    places = plane.warp(asked)
    between = plane.warp(plane.basis.heard)
    own = ((places[:, None] - plane.places[None]) ** 2).sum(axis=2)
    warped = ((places[:, None] - between[None]) ** 2).sum(axis=2)
    twice = 2.0 * plane.basis.variance
    found = scores + (warped - own) / twice
    there = plane.basis.best_at(asked) + CERTAIN  # [Q]
    found[:, plane.said] = there[:, None] - own[:, plane.said] / twice
    return np.asarray(found)


def _placement(live: Live, row: int, place: Doubles) -> Placement:
    record, now = live.snapshot.tracks[row], datetime.now(UTC)
    arousal, valence = place.tolist()
    return Placement(
        content_id=record.content_id,
        track_id=record.id,
        recording_id=None,
        title=record.title or "",
        artist=record.artist,
        duration_s=record.duration_s,
        valence=valence,
        arousal=arousal,
        scale="relative",
        placed_at=now,
    )
