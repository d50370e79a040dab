"""What search arrays are made for is what people ask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.service.catalogue import SNAPSHOTS, write_catalogue
from indexer.search.balance import as_query
from indexer.search.cells import CellIndex
from indexer.search.searcher import Searcher
from indexer.search.typical import typical_curves
from indexer.snapshot.content import relative_scale
from indexer.snapshot.reader import Snapshot
from model.curves.curve import EmotionCurve, QuantileScale
from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT
from tests import snapshots

LIMIT = 20


@pytest.fixture(scope="module")
def shipped() -> EmotionModel:
    """The shipped model."""
    return EmotionModel.load(FAST_CHECKPOINT, "cpu")


@pytest.fixture(scope="module")
def catalogue(shipped: EmotionModel, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Twenty thousand rows, whose emotions fill a part of the plane."""
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(folder, shipped, 20_000)
    return Snapshot.open(folder / "snapshots" / SNAPSHOTS[0])


def test_places_of_the_relative_scale_are_found_by_reading_little(
    catalogue: Snapshot, shipped: EmotionModel
) -> None:
    """What a tap on the page asks for: most cells cannot hold the answer."""
    places = np.random.default_rng(7).uniform(-1.0, 1.0, (60, 2)).tolist()
    curves = [EmotionCurve.constant(*place, 60.0).mapped(catalogue.scale) for place in places]
    queries = as_query(shipped.embed_emotion(curves), catalogue.embedding)
    index = CellIndex(catalogue.folder, catalogue.manifest.segments)
    search = Searcher(catalogue, shipped.scoring, engine=index)
    shares = []
    for row in range(len(queries)):
        one = queries[row : row + 1]
        coded = index.aim(search._ranker.scores.ask(one, "gaussian", "e2m"), "segment")
        least = snapshots.found(search, one, limit=LIMIT, kind="gaussian").hits[-1].score
        shares.append(np.mean(coded.bound >= least))

    assert np.median(shares) < 0.25


def test_any_even_choice_of_typical_curves_holds_all_kinds() -> None:
    """Every third, or one in ten, held out to measure with: places, walks, and absolute walks."""
    scale = QuantileScale.fit(np.random.default_rng(1).uniform(-0.1, 0.1, (200, 2)))
    curves = typical_curves(scale)
    still = np.array([np.ptp(curve.values(), axis=0).max() < 1e-9 for curve in curves])
    within = np.array([np.abs(curve.values()).max() <= 0.2 for curve in curves])

    assert len(curves) == 1200
    for chosen in (slice(None), slice(None, None, 3), slice(None, None, 10)):
        assert 0.2 < np.mean(within[chosen] & still[chosen]) < 0.45
        assert 0.2 < np.mean(within[chosen] & ~still[chosen]) < 0.45
        assert 0.2 < np.mean(~within[chosen]) < 0.45


def test_the_scale_of_a_content_is_that_of_its_snapshot(tmp_path: Path) -> None:
    """Known before the snapshot is written."""
    content = snapshots.content(40)

    scale = relative_scale(content)

    written = snapshots.written(tmp_path / "one", content).scale
    np.testing.assert_allclose(scale.quantiles, written.quantiles, rtol=1e-12)
    assert scale.slope == pytest.approx(written.slope)
