"""Search answers what brute force in float64 answers, in tracks, under filters, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.errors import SnapshotFormatError
from indexer.search.device import DeviceScores
from indexer.search.searcher import Searcher, SearchRequest, SearchResult, TrackFilter
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.errors import ShapeError
from model.scoring import Direction, Kind
from tests import snapshots

KINDS: tuple[Kind, ...] = ("gaussian", "paper")
TRACKS = 400


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return snapshots.written(tmp_path_factory.mktemp("search") / "one", snapshots.content(TRACKS))


@pytest.fixture(scope="module")
def search(catalogue: Snapshot) -> Searcher:
    return Searcher(catalogue, snapshots.scoring())


def brute_force(
    at: Snapshot, query: Embedding, kind: Kind, direction: Direction
) -> NDArray[np.float64]:
    """Score of every segment from the formulas, in plain numpy float64, [S]."""
    p = snapshots.scoring().with_kind(kind)
    phi, mu, var = (np.asarray(x, np.float64) for x in (query.phi[0], query.mu[0], query.var[0]))
    items = at.embedding
    ratio = var / items.var.astype(np.float64)
    kl = 0.5 * ((mu - items.mu) ** 2 / items.var + ratio - 1 - np.log(ratio)).sum(axis=1)
    kept = p.kept.numpy()
    rho = p.rho.double().numpy()[kept]
    if kind == "paper":
        slope, intercept = (x.double().numpy() for x in p.line(direction))
        moved = (slope * phi + intercept)[kept]
        cca = -(rho * np.abs(moved - items.phi[:, kept])).sum(axis=1)
    else:
        side = (
            (p.emotion_mean, p.emotion_std) if direction == "e2m" else (p.music_mean, p.music_std)
        )
        a = ((phi - side[0].double().numpy()) / side[1].double().numpy())[kept]
        if direction == "m2m":  # music asks with the emotion expected of it
            a = rho * a
        b = ((items.phi - p.music_mean.double().numpy()) / p.music_std.double().numpy())[:, kept]
        spread = 1 - rho**2
        cca = (
            -0.5 * np.log(spread) - (rho**2 * a**2 - 2 * rho * a * b + rho**2 * b**2) / (2 * spread)
        ).sum(axis=1)
    total: NDArray[np.float64] = p.lam * cca - (1 - p.lam) * kl
    return total


def best_tracks(at: Snapshot, scores: NDArray[np.float64], passing: set[int]) -> list[int]:
    """Track ids by their best segment."""
    best = np.maximum.reduceat(scores, at.track_first[:-1])
    ids = at.tracks.ids.tolist()
    order = sorted(range(len(ids)), key=lambda row: (-best[row], ids[row]))
    return [ids[row] for row in order if ids[row] in passing]


def ids_of(result: SearchResult) -> list[int]:
    return [hit.track_id for hit in result.hits]


@pytest.mark.parametrize("direction", ["e2m", "m2m"])
@pytest.mark.parametrize("kind", KINDS)
def test_answers_equal_brute_force(
    search: Searcher, catalogue: Snapshot, kind: Kind, direction: Direction
) -> None:
    """An answer that calls itself exact lists the tracks that float64 brute force lists."""
    for seed in range(20):
        query = snapshots.embedding(1, 1000 + seed)
        truth = brute_force(catalogue, query, kind, direction)

        result = snapshots.found(search, query, limit=30, kind=kind, direction=direction)

        assert result.exact
        expected = best_tracks(catalogue, truth, set(catalogue.tracks.ids.tolist()))[:30]
        assert ids_of(result) == expected


def test_a_hit_names_the_best_segment_of_its_track(search: Searcher, catalogue: Snapshot) -> None:
    """Score, times and emotion of a hit are those of the track's best segment."""
    query = snapshots.embedding(1, 5)
    truth = brute_force(catalogue, query, "gaussian", "e2m")

    hit = snapshots.found(search, query, limit=1).hits[0]

    row = int(np.argmax(truth))
    assert (hit.start_s, hit.end_s) == tuple(catalogue.segment_s[row].tolist())
    assert hit.score == pytest.approx(truth[row], abs=1e-9)
    assert (hit.arousal, hit.valence) == tuple(catalogue.segment_emotion[row].tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_the_halves_of_a_hit_add_up_to_its_score(search: Searcher, kind: Kind) -> None:
    """Lambda weighs the CCA half, the rest the divergence."""
    params = snapshots.scoring().with_kind(kind)

    for hit in snapshots.found(search, snapshots.embedding(1, 6), limit=5, kind=kind).hits:
        assert hit.score == pytest.approx(params.lam * hit.cca + (1 - params.lam) * hit.neg_kl)


@pytest.mark.parametrize("block_scores", [7, 900, 1 << 20])
@pytest.mark.parametrize("kind", KINDS)
def test_a_device_answers_like_the_cells(
    catalogue: Snapshot, search: Searcher, kind: Kind, block_scores: int
) -> None:
    """Float32 scoring of all rows, in blocks of any size, gives the identical, proven answer."""
    engine = DeviceScores(catalogue.embedding, snapshots.scoring(), "cpu", block_scores)
    device = Searcher(catalogue, snapshots.scoring(), engine=engine)
    everything = SearchRequest(snapshots.embedding(10, 7), limit=20, kind=kind)

    for request in (everything, replace(everything, filters=TrackFilter(genre=("rock",)))):
        ours = device.search(request)
        assert ours == search.search(request)
        assert all(result.exact for result in ours)


def test_many_queries_to_a_device_need_little_memory_at_once() -> None:
    """Scores are made in blocks: never more of them at once than was allowed."""
    rows = snapshots.embedding(5000, 3)
    engine = DeviceScores(rows, snapshots.scoring(), "cpu", block_scores=40_000)
    sizes = []
    made = engine._scores

    def noted(line: Any, block: slice) -> Any:
        scores = made(line, block)
        sizes.append(scores.numel())
        return scores

    engine._scores = noted  # type: ignore[method-assign]
    engine.candidates(snapshots.embedding(100, 4), snapshots.scoring(), "e2m", 10, None)

    assert max(sizes) <= 40_000
    assert sum(sizes) == 100 * 5000


def test_a_batch_answers_like_its_queries_one_by_one(search: Searcher) -> None:
    """Queries do not influence each other."""
    queries = snapshots.embedding(7, 8)

    batch = search.search(SearchRequest(queries, limit=10))

    assert batch == [snapshots.found(search, queries[i : i + 1], limit=10) for i in range(7)]


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        (TrackFilter(genre=("ROCK", "Jazz")), lambda t: t.genre in ("Rock", "jazz")),
        (TrackFilter(artist=("artist 2",)), lambda t: t.artist == "Artist 2"),
        (TrackFilter(year_min=2000, year_max=2003), lambda t: t.year in range(2000, 2004)),
        (TrackFilter(duration_max_s=75.0), lambda t: t.duration_s <= 75.0),
        (TrackFilter(duration_min_s=440.0), lambda t: t.duration_s >= 440.0),
        (TrackFilter(exclude_ids=frozenset(range(0, 4000, 20))), lambda t: t.id % 20),
    ],
)
def test_a_filtered_answer_is_full_and_exact(
    search: Searcher, catalogue: Snapshot, filters: TrackFilter, passes: Callable[..., bool]
) -> None:
    """Filters act inside the search: as many hits as pass, and the best of them."""
    query = snapshots.embedding(1, 9)
    passing = {track.id for track in catalogue.tracks if passes(track)}
    assert 0 < len(passing) < TRACKS

    result = snapshots.found(search, query, limit=25, filters=filters)

    truth = brute_force(catalogue, query, "gaussian", "e2m")
    assert ids_of(result) == best_tracks(catalogue, truth, passing)[:25]
    assert result.exact


def test_a_filter_that_nothing_passes_gives_an_empty_exact_answer(search: Searcher) -> None:
    """No track passes: no hit, and that is certain."""
    result = snapshots.found(
        search, snapshots.embedding(1, 9), limit=5, filters=TrackFilter(genre=("polka",))
    )

    assert result == SearchResult((), True)


def test_pages_fit_together(search: Searcher) -> None:
    """Offset and limit cut one ranking into pages, up to the catalogue's end."""
    query = snapshots.embedding(1, 10)
    whole = snapshots.found(search, query, limit=TRACKS).hits

    pages = [
        snapshots.found(search, query, limit=150, offset=start).hits for start in (0, 150, 300, 450)
    ]

    assert len(whole) == TRACKS
    assert sum(pages, ()) == whole


def test_an_artist_appears_no_more_often_than_allowed(
    search: Searcher, catalogue: Snapshot
) -> None:
    """The cap skips in order of rank; tracks without an artist are not capped."""
    query = snapshots.embedding(1, 11)
    artist_of = {track.id: track.artist for track in catalogue.tracks}
    expected, seen = [], dict[str, int]()
    for track_id in ids_of(snapshots.found(search, query, limit=TRACKS)):
        artist = artist_of[track_id]
        if artist is not None:
            seen[artist] = seen.get(artist, 0) + 1
        if artist is None or seen[artist] <= 3:
            expected.append(track_id)

    result = snapshots.found(search, query, limit=TRACKS, max_per_artist=3)

    assert ids_of(result) == expected


def twins(data: SnapshotContent) -> SnapshotContent:
    """The tracks twice over: same content and embedding, other ids."""
    tracks = [*data.tracks, *(replace(track, id=track.id + 5) for track in data.tracks)]
    count = len(data.tracks)
    return SnapshotContent(
        tracks=tracks,
        segment_track=np.concatenate([data.segment_track, data.segment_track + count]),
        segment_s=np.tile(data.segment_s, (2, 1)),
        embedding=Embedding.concatenate([data.embedding, data.embedding]),
        segment_emotion=np.tile(data.segment_emotion, (2, 1)),
        curve_offsets=np.arange(2 * count + 1) * 4,
        curve_values=np.tile(data.curve_values, (2, 1)),
    )


def test_equal_content_ranks_once(tmp_path: Path) -> None:
    """Of two files with the same bytes only the one with the smaller id is answered."""
    search = snapshots.searcher(tmp_path / "s", twins(snapshots.content(30)))

    found = ids_of(snapshots.found(search, snapshots.embedding(1, 12), limit=100))

    assert sorted(found) == [10 * (i + 1) for i in range(30)]


def test_a_twin_stands_in_where_the_first_is_filtered_out(tmp_path: Path) -> None:
    """Excluding a file does not exclude its copy."""
    search = snapshots.searcher(tmp_path / "s", twins(snapshots.content(30)))
    query = snapshots.embedding(1, 12)
    first = ids_of(snapshots.found(search, query, limit=1))[0]

    filters = TrackFilter(exclude_ids=frozenset({first}))

    assert ids_of(snapshots.found(search, query, limit=1, filters=filters)) == [first + 5]


def test_ties_are_in_order_of_id(tmp_path: Path) -> None:
    """Different files with equal embeddings are ranked by id."""
    data = snapshots.content(40)
    same = data.embedding[np.zeros(len(data.embedding), dtype=np.intp)]
    search = snapshots.searcher(tmp_path / "s", replace(data, embedding=same))

    found = ids_of(snapshots.found(search, snapshots.embedding(1, 13), limit=40))

    assert found == sorted(found)
    assert len(found) == 40


def test_an_empty_catalogue_answers_nothing(tmp_path: Path) -> None:
    """No tracks: no hits, no error."""
    data = snapshots.content(1)
    empty = SnapshotContent(
        [],
        np.empty(0, np.int64),
        np.empty((0, 2), np.float32),
        data.embedding[:0],
        np.empty((0, 2), np.float32),
        np.zeros(1, np.int64),
        np.empty((0, 4), np.float16),
    )

    result = snapshots.found(snapshots.searcher(tmp_path / "s", empty), data.embedding[:1], limit=3)

    assert result == SearchResult((), True)


def test_another_scoring_is_refused(catalogue: Snapshot) -> None:
    """Arrays built for other correlations would answer wrongly."""
    other = replace(snapshots.scoring(), rho=snapshots.scoring().rho * 0.9)

    with pytest.raises(SnapshotFormatError, match="built for scoring"):
        Searcher(catalogue, other)


def test_queries_of_another_shape_are_refused(search: Searcher) -> None:
    """The message names both shapes."""
    with pytest.raises(ShapeError, match="5 and 8 dimensions, the snapshot 6 and 8"):
        snapshots.found(search, snapshots.embedding(1, 1, dimensions=5), limit=1)


def test_the_approximate_engine_states_its_recall_and_finds_it(tmp_path: Path) -> None:
    """`ann` measures itself when written, and answers like exhaustive search nearly always."""
    at = snapshots.written(tmp_path / "ann", snapshots.content(600, d_kl=70), engine="ann")
    queries = snapshots.embedding(20, 21, d_kl=70)
    params = snapshots.scoring()
    ann, exact = Searcher(at, params), Searcher(at, params, exhaustive=True)
    request = SearchRequest(queries, limit=50)
    assert at.manifest.recall is not None
    assert min(at.manifest.recall.value.values()) >= 0.99

    shared = [
        len(set(ids_of(ours)) & set(ids_of(truth))) / 50
        for ours, truth in zip(ann.search(request), exact.search(request), strict=True)
    ]

    assert np.mean(shared) >= 0.95
