"""How well playlists fit what was asked for, by what annotators say of the music.

Libraries are DEAM songs that the model which embeds them never met (five folds, those of
`bench_curve`), indexed and asked as the service does it. A distance is taken on the relative plane:
between the place asked for and the place of a song's mean annotation among the library's
annotations, each axis from -1 to 1. Prints the figures as JSON, writes `playlists.json` and
`playlists.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from app.library.live import Live
from app.playlists.match import make_playlist
from app.playlists.queries import tracks_query
from app.wire.schemas import PlaylistRequest
from benchmarks.bench_curve import say
from benchmarks.learning.curve_report import Fold, train_folds
from benchmarks.service.catalogue import content_of, known_as, live_of
from benchmarks.shared_data import data_folder
from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.searcher import Hit, Searcher, SearchRequest, TrackFilter
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from model.arrays import Doubles
from model.curves.curve import QuantileScale
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset, load_deam

REPOSITORY = Path(__file__).resolve().parent.parent
LEVELS = np.linspace(-0.8, 0.8, 9)  # of each axis: 81 places are asked for
TOP = 10
SMALL, DRAWS = 40, 5  # libraries of so many songs, so many of each fold
SONG_S = 45.0  # what DEAM's columns describe
JOURNEYS, PLACES = 20, 20
SEEDS, SETS = 3, 40  # songs that music is asked to be like, so many sets of them a library
ALIKE = 0.1  # of a library: among which the songs of a set lie, near a place by the annotators

Figures = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Library:
    """Songs as the service has them, and where they are.

    Attributes:
        model: Embedded them.
        live: Balanced as shipped.
        plain: The same without balancing.
        shown: (arousal, valence) that the service shows, relative, [N, 2].
        true: The annotators', relative, [N, 2].
    """

    model: EmotionModel
    live: Live
    plain: Live
    shown: Doubles
    true: Doubles


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="holds DEAM's tables")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "build" / "bench-curve")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks")
    options = parser.parse_args()
    data = load_deam(options.data)
    folds = train_folds(data, "default", options.cache, say)
    found = figures(folds, data)
    text = json.dumps(found, indent=1) + "\n"
    (options.out / "playlists.json").write_text(text, encoding="utf-8")
    (options.out / "playlists.md").write_text(markdown(found), encoding="utf-8")
    print(text, end="")


def figures(folds: list[Fold], data: Dataset) -> Figures:
    """Means over all libraries: size of the library, way of choosing, measure."""
    collected: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    for number, fold in enumerate(folds):
        draws = np.random.default_rng(number)
        libraries = [fold.rows, *(draws.choice(fold.rows, SMALL, False) for _ in range(DRAWS))]
        for rows in libraries:
            size = "small" if len(rows) == SMALL else "fold"
            with tempfile.TemporaryDirectory() as folder:
                library = _library(Path(folder), fold.model, data, rows)
                ways = (_matches(library), _journeys(library, draws), _likes(library, number))
                for way, measured in chain.from_iterable(ways):
                    collected[size][way].append(measured)
    return {
        size: {way: _mean(each) for way, each in ways.items()} for size, ways in collected.items()
    }


def _mean(measured: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([m[name] for m in measured])), 4) for name in measured[0]}


def _library(folder: Path, model: EmotionModel, data: Dataset, rows: NDArray[np.intp]) -> Library:
    songs = data.rows(rows)
    spans = np.tile(np.array([0.0, SONG_S], dtype=np.float32), (len(rows), 1))
    embedding = model.embed_columns(songs.features)
    content = content_of(model, (embedding, np.arange(len(rows)), spans))
    sd = model.sd_of_columns(songs.features, spans[:, 1])
    content = known_as(content, sd, spans[:, 1].astype(np.float64))
    live = _live(folder / "balanced", balanced(content, model), model)
    true = QuantileScale.fit(songs.mean_emotion).to_relative(songs.mean_emotion)
    shown = live.snapshot.scale.to_relative(content.segment_emotion)
    return Library(model, live, _live(folder / "plain", content, model), shown, true)


def _live(folder: Path, content: SnapshotContent, model: EmotionModel) -> Live:
    write_snapshot(folder, content, model_id=model.model_id, scoring=model.scoring)
    return live_of(Searcher(Snapshot.open(folder), model.scoring))


def _matches(library: Library) -> Iterator[tuple[str, dict[str, float]]]:
    """The ten best for 81 places of the plane."""
    asked = np.array([(arousal, valence) for arousal in LEVELS for valence in LEVELS])
    far = _distances(asked, library.true)

    def top(order: NDArray[np.intp]) -> dict[str, float]:
        return {"distance": float(np.take_along_axis(far, order[:, :TOP], axis=1).mean())}

    def answered(live: Live) -> NDArray[np.intp]:
        return np.array([_tracks(library.model, live, _steady(place), TOP) for place in asked])

    yield "match: any songs", {"distance": float(far.mean())}
    yield "match: composite alone", top(answered(library.plain))
    yield "match: as shipped", top(answered(library.live))
    yield "match: nearest as shown", top(np.argsort(_distances(asked, library.shown), axis=1))
    yield "match: nearest by annotators", top(np.argsort(far, axis=1))


def _journeys(
    library: Library, draws: np.random.Generator
) -> Iterator[tuple[str, dict[str, float]]]:
    """Twenty tracks along straight lines across the plane."""
    for ends in draws.uniform(-0.9, 0.9, (JOURNEYS, 2, 2)):
        share = (np.arange(PLACES) + 0.5)[:, None] / PLACES
        places = ends[0] + share * (ends[1] - ends[0])
        far = _distances(places, library.true)
        ways: dict[str, Callable[[], Any]] = {
            "journey: any songs": lambda: draws.permutation(len(library.true))[:PLACES],
            "journey: place after place": lambda ends=ends: _in_turn(library, ends),
            "journey: as shipped": lambda ends=ends: _tracks(
                library.model, library.live, _line(ends), PLACES, mode="journey"
            ),
            "journey: nearest as shown": lambda places=places: linear_sum_assignment(
                _distances(places, library.shown)
            )[1],
            "journey: nearest by annotators": lambda far=far: linear_sum_assignment(far)[1],
        }
        for way, choose in ways.items():
            chosen = np.asarray(choose())
            yield way, _followed(library, places, chosen)


def _followed(library: Library, places: Doubles, chosen: NDArray[np.intp]) -> dict[str, float]:
    """How far tracks are from their places, each from the next, and how far steps turn back."""
    found = {}
    along = (places[-1] - places[0]) / np.linalg.norm(places[-1] - places[0])
    for name, where in (("distance", library.true), ("shown", library.shown)):
        steps = np.diff(where[chosen], axis=0)
        found[name] = float(np.linalg.norm(where[chosen] - places, axis=1).mean())
        found[f"{name}_step"] = float(np.linalg.norm(steps, axis=1).mean())
        found[f"{name}_back"] = float(np.maximum(0.0, -steps @ along).mean())
    return found


def _likes(library: Library, seed: int) -> Iterator[tuple[str, dict[str, float]]]:
    """The ten most like three songs that annotators place near each other."""
    draws, count = np.random.default_rng(seed), len(library.true)
    for place in draws.uniform(-0.8, 0.8, (SETS, 2)):
        near = np.argsort(_distances(place[None], library.true)[0])
        among = max(SEEDS, round(ALIKE * count))
        seeds = draws.choice(near[:among], SEEDS, replace=False).tolist()
        far = _distances(library.true[seeds].mean(axis=0)[None], library.true)[0]
        others = np.setdiff1d(np.arange(count), seeds)
        middle = library.shown[seeds].mean(axis=0)
        ways: dict[str, Callable[[], Any]] = {
            "like: any songs": lambda others=others: others,
            "like: one of them": lambda seeds=seeds: _like(library, seeds[:1], seeds)[:TOP],
            "like: near to any of them": lambda seeds=seeds: _near_any(library, seeds),
            "like: their lists in turn": lambda seeds=seeds: _lists_in_turn(library, seeds),
            "like: their emotion alone": lambda middle=middle, seeds=seeds: _tracks(
                library.model, library.live, _steady(middle), TOP, exclude=seeds
            ),
            "like: as shipped": lambda seeds=seeds: _like(library, seeds, seeds)[:TOP],
            "like: nearest by annotators": lambda far=far, others=others: others[
                np.argsort(far[others])[:TOP]
            ],
        }
        for way, choose in ways.items():
            yield way, {"distance": float(far[np.asarray(choose())].mean())}


def _like(library: Library, asked: list[int], seeds: list[int]) -> list[int]:
    """Every song but the seeds, most like those asked with first, as rows of the library."""
    return [hit.track_id - 1 for hit in _hits(library, asked, seeds)]


def _hits(library: Library, asked: list[int], seeds: list[int]) -> Sequence[Hit]:
    query = tracks_query(library.live.snapshot, [row + 1 for row in asked])
    without = TrackFilter(exclude_ids=frozenset(row + 1 for row in seeds))
    options: Any = {"direction": "m2m", "level": "track", "filters": without}
    request = SearchRequest(query.embedding, len(library.true), **options)
    return library.live.searcher.search(request)[0].hits


def _near_any(library: Library, seeds: list[int]) -> list[int]:
    """By the best of the scores that the seeds give."""
    best: dict[int, float] = {}
    for seed in seeds:
        for hit in _hits(library, [seed], seeds):
            best[hit.track_id] = max(hit.score, best.get(hit.track_id, -np.inf))
    return [track_id - 1 for track_id in sorted(best, key=lambda each: -best[each])[:TOP]]


def _lists_in_turn(library: Library, seeds: list[int]) -> list[int]:
    """The first of each seed's own list, the second of each, and so on, each song once."""
    lists = [_like(library, [seed], seeds) for seed in seeds]
    return list(dict.fromkeys(chain.from_iterable(zip(*lists, strict=True))))[:TOP]


def _in_turn(library: Library, ends: Doubles) -> list[int]:
    """The best unused track of each piece, first come, first served."""
    used: list[int] = []
    edges = np.linspace(0.0, 1.0, PLACES + 1)[:, None]
    cuts = ends[0] + edges * (ends[1] - ends[0])
    for ends_of_piece in pairwise(cuts):
        piece = _line(np.stack(ends_of_piece))
        used += _tracks(library.model, library.live, piece, 1, exclude=used)
    return used


def _tracks(
    model: EmotionModel,
    live: Live,
    curve: list[dict[str, float]],
    limit: int,
    *,
    mode: str = "match",
    exclude: list[int] | None = None,
) -> list[int]:
    """What the service answers, as rows of the library."""
    request = {
        "emotion": {"curve": curve},
        "mode": mode,
        "limit": limit,
        "scale": "relative",
        "filters": {"exclude_ids": [row + 1 for row in exclude or []]},
    }
    answer = make_playlist(PlaylistRequest.model_validate(request), model, live)
    return [item.track.id - 1 for item in answer.items]


def _steady(place: Doubles) -> list[dict[str, float]]:
    return [_keyframe(0.0, place)]


def _line(ends: Doubles) -> list[dict[str, float]]:
    return [_keyframe(0.0, ends[0]), _keyframe(30.0, ends[1])]


def _keyframe(t_s: float, place: Doubles) -> dict[str, float]:
    return {"t": t_s, "arousal": float(place[0]), "valence": float(place[1])}


def _distances(places: Doubles, songs: Doubles) -> Doubles:
    found: Doubles = np.linalg.norm(places[:, None] - songs[None], axis=2)
    return found


def markdown(found: Figures) -> str:
    """The page."""
    fold, small = found["fold"], found["small"]
    lines = [
        "# Playlists by annotation",
        "",
        "Written by `make bench-playlists` (`benchmarks/bench_playlists.py`): the shipped recipe,",
        "five folds of DEAM. Each fold's songs, which its model never met, are a library of about",
        f"350, and {DRAWS} draws of {SMALL} of them are small ones. They are indexed and asked as",
        "the service does it. Distances are on the relative plane, each axis from -1 to 1, to",
        "where **annotators** place a song among the library; `any songs` and `nearest by",
        "annotators` are what chance and perfect knowledge give.",
        "",
        f"## The {TOP} best for each of {LEVELS.size**2} places",
        "",
        f"| way | about 350 songs | {SMALL} songs |",
        "|---|---|---|",
        *(
            f"| {way.removeprefix('match: ')} | {fold[way]['distance']:.3f} "
            f"| {small[way]['distance']:.3f} |"
            for way in fold
            if way.startswith("match")
        ),
        "",
        f"## The {TOP} most like {SEEDS} songs, {SETS} sets a library",
        "",
        f"The songs of a set are drawn among the {ALIKE:.0%} nearest to a place by the annotators;",
        "distances are to the middle of where annotators place them.",
        "",
        f"| way | about 350 songs | {SMALL} songs |",
        "|---|---|---|",
        *(
            f"| {way.removeprefix('like: ')} | {fold[way]['distance']:.3f} "
            f"| {small[way]['distance']:.3f} |"
            for way in fold
            if way.startswith("like")
        ),
        "",
        f"## {PLACES} tracks along a line, {JOURNEYS} lines a library",
        "",
        "Distance to the place on the line, from each track to the next, and how far a step goes",
        "back against the line, in the mean: by annotators, and as the service shows them. A",
        "journey that looks perfect (`nearest as shown`) is not the one that fits best.",
        "",
        "| way | 350: distance | step | back | shown distance | shown step | shown back "
        f"| {SMALL}: distance | step | back | shown distance | shown step | shown back |",
        "|---" * 13 + "|",
        *(
            f"| {way.removeprefix('journey: ')} | {_cells(fold[way])} | {_cells(small[way])} |"
            for way in fold
            if way.startswith("journey")
        ),
    ]
    return "\n".join(lines) + "\n"


def _cells(measured: dict[str, float]) -> str:
    parts = ("", "_step", "_back")
    names = [kind + part for kind in ("distance", "shown") for part in parts]
    return " | ".join(f"{measured[name]:.3f}" for name in names)


if __name__ == "__main__":
    main()
