"""Asks a catalogue in one piece and the same one in shards 10,000 questions, and compares.

Searches of both directions, both levels and both kinds of scoring, under filters, caps and offsets,
with places and curves of both scales; and playlists as the service answers them: journeys, lists of
a given length, and words that ask for a region.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.library.live import Live
from app.playlists.match import make_playlist
from app.wire.schemas import PlaylistRequest
from benchmarks.search.vectors import catalogue
from benchmarks.service.catalogue import content_of, live_of
from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.searcher import SearchRequest, SearchResult
from indexer.search.typical import typical_curves
from indexer.shards.local import open_locally
from indexer.snapshot.content import SnapshotContent, relative_scale
from indexer.snapshot.filters import TrackFilter, TrackTerms
from indexer.snapshot.reader import Snapshot
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset

TOLERANCE = 1e-9
TOGETHER = 20  # queries of one request
WORDS = ("happy", "calm", "melancholic", "tense", "dreamy", "excited", "sad", "relaxed")


def compare(
    folder: Path, model: EmotionModel, songs: Dataset, rows: int, shards: int, questions: int
) -> dict[str, Any]:
    """Make both catalogues and ask; what differs, and how long each took."""
    whole, parted = (
        written(folder / name, content_with_copies(model, songs, rows), model, count)
        for name, count in (("whole", 1), ("parted", shards))
    )
    one, many = (live_of(open_locally(each, model.scoring)) for each in (whole, parted))
    differing: list[str] = []
    asked: Counter[str] = Counter()
    taken_s = {"whole": 0.0, "sharded": 0.0}
    playlists = questions // 10
    for name, request in requests(model, whole, questions - playlists):
        began = time.perf_counter()
        theirs = one.searcher.search(request)
        middle = time.perf_counter()
        ours = many.searcher.search(request)
        taken_s["whole"] += middle - began
        taken_s["sharded"] += time.perf_counter() - middle
        asked[name] += len(theirs)
        differing += [f"{name}: {why}" for why in map(difference, ours, theirs) if why]
    for body in bodies(len(whole.tracks), playlists):
        name = f"playlist, {body.mode}, {body.scale}"
        asked[name] += 1
        ours_, theirs_ = (_playlist(body, model, live) for live in (many, one))
        if ours_ != theirs_:
            differing.append(f"{name}: {body.model_dump(exclude_defaults=True)}")
    return {
        "rows": rows,
        "tracks": len(whole.tracks),
        "shards": shards,
        "questions": sum(asked.values()),
        "asked": dict(asked),
        "differing": len(differing),
        "examples": differing[:10],
        "seconds": taken_s,
    }


def content_with_copies(model: EmotionModel, songs: Dataset, rows: int) -> SnapshotContent:
    """A catalogue with copies, speech, several artists, genres and years; balanced."""
    content = content_of(model, catalogue(model, songs, rows, seed=1))
    tracks = [
        replace(
            track,
            recording=track.id - 1 if track.id % 50 == 0 else track.id,
            verdict="speech" if track.id % 37 == 0 else "music",
            artist=_artist(track.id),
            genre=("Rock", "Jazz", "Ambient; Drone", None)[track.id % 4],
            year=1960 + track.id % 60,
            duration_s=60.0 + track.id % 300,
        )
        for track in content.tracks
    ]
    return balanced(replace(content, tracks=tracks), model)


def _artist(track_id: int) -> str | None:
    if track_id % 11 == 0:
        return None
    names = f"Artist {track_id % 97}"
    return f"{names}; Artist {track_id % 13}" if track_id % 10 == 0 else names


def written(folder: Path, content: SnapshotContent, model: EmotionModel, shards: int) -> Snapshot:
    """The content as a snapshot, its search made for the usual queries."""
    queries = model.embed_emotion(typical_curves(relative_scale(content)))
    write_snapshot(
        folder,
        content,
        model_id=model.model_id,
        scoring=model.scoring,
        engine="exact",
        queries=queries,
        shards=shards,
    )
    return Snapshot.open(folder)


def requests(
    model: EmotionModel, snapshot: Snapshot, count: int
) -> Iterator[tuple[str, SearchRequest]]:
    """Searches of every sort, `count` queries in all."""
    draws = np.random.default_rng(11)
    curves = typical_curves(snapshot.scale)
    emotions = model.embed_emotion([curves[row] for row in draws.permutation(len(curves))])
    for number in range(count // TOGETHER):
        direction = "m2m" if number % 3 == 2 else "e2m"
        source = snapshot.embedding if direction == "m2m" else emotions
        queries = source[np.sort(draws.integers(0, len(source), TOGETHER))]
        kind = ("gaussian", "paper")[number % 2]
        level = ("segment", "track")[number // 2 % 2]
        cap = (None, None, 1, 2, 3)[number % 5]
        filters = _filters(draws, number, len(snapshot.tracks))
        yield (
            f"{direction}, {kind}, {level}",
            SearchRequest(
                queries,
                limit=int(draws.integers(1, 80)),
                filters=filters,
                max_per_artist=cap,
                kind=kind,  # type: ignore[arg-type]
                offset=int(draws.integers(0, 40)) if number % 4 == 0 else 0,
                direction=direction,  # type: ignore[arg-type]
                level=level,  # type: ignore[arg-type]
            ),
        )


def _filters(draws: np.random.Generator, number: int, tracks: int) -> TrackFilter | None:
    some = frozenset(int(each) for each in draws.integers(1, tracks + 1, 30))
    many = frozenset(int(each) for each in draws.integers(1, tracks + 1, 500))
    return (
        None,
        TrackFilter(genre=("jazz",)),
        TrackFilter(year_min=1990, duration_max_s=200.0),
        TrackFilter(exclude_ids=some),
        TrackFilter(exclude_ids=many, let_in=("speech",)),
        TrackFilter(artist=("artist 5",)),
        TrackFilter(include=TrackTerms(decade=(1970, 2000)), exclude=TrackTerms(genre=("rock",))),
    )[number % 7]


def difference(ours: SearchResult, theirs: SearchResult) -> str | None:
    """Where two answers differ; None where they are equal."""
    if not (ours.exact and theirs.exact):
        return f"exact {ours.exact}, {theirs.exact}"
    for place, (one, other) in enumerate(zip(ours.hits, theirs.hits, strict=False)):
        if one[:3] != other[:3]:
            return f"place {place}: {one[:4]}, not {other[:4]}"
        if max(abs(a - b) for a, b in zip(one[3:], other[3:], strict=True)) > TOLERANCE:
            return f"place {place}: scores {one[3:]}, not {other[3:]}"
    if len(ours.hits) != len(theirs.hits):
        return f"{len(ours.hits)} tracks, not {len(theirs.hits)}"
    return None


def bodies(tracks: int, count: int) -> Iterator[PlaylistRequest]:
    """Playlists as clients ask for them: places, curves, journeys, words, tracks."""
    draws = np.random.default_rng(13)
    for number in range(count):
        body: dict[str, Any] = {
            "scale": ("relative", "absolute")[number % 2],
            "level": ("track", "segment")[number // 2 % 2],
            "limit": int(draws.integers(3, 40)),
            "explain": True,
        }
        which = number % 5
        if which == 0:
            body["emotion"] = {"mood": WORDS[number // 5 % len(WORDS)]}
        elif which == 1:
            body["emotion"] = {"tracks": draws.integers(1, tracks + 1, 3).tolist()}
        elif which == 2:
            body["emotion"] = {"text": f"{WORDS[number // 5 % len(WORDS)]} music"}
        else:
            points = draws.uniform(-0.9, 0.9, (int(draws.integers(2, 6)), 2)).round(3).tolist()
            curve = [
                {"t": 60.0 * at, "valence": valence, "arousal": arousal}
                for at, (valence, arousal) in enumerate(points)
            ]
            body |= {"emotion": {"curve": curve}, "mode": "journey" if which == 3 else "match"}
        if number % 3 == 0:
            body["max_per_artist"] = 1 + number % 2
        yield PlaylistRequest.model_validate(body)


def _playlist(body: PlaylistRequest, model: EmotionModel, live: Live) -> dict[str, Any]:
    """The answer, numbers rounded to what must agree."""
    answer: dict[str, Any] = _rounded(make_playlist(body, model, live).model_dump())
    return answer


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 8)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
