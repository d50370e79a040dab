"""Listeners' planes: how often the database is asked for them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.library.live import Live
from app.personal.planes import Planes
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.profiles import MACHINE, Placement, Profile
from indexer.search.searcher import Searcher
from model.curves.curve import EmotionCurve
from model.embedding import Embedding
from tests.fakes import FakeModel
from tests.snapshots import content, embedding, scoring, written

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SAID = Placement("c", 10, None, "Title", None, 60.0, 0.5, 0.5, "relative", NOW)


class Counting(Catalog):
    """A catalogue that counts how often it is asked for a profile."""

    asked = 0

    def profile(self, owner: str) -> Profile | None:
        """As the catalogue knows it."""
        self.asked += 1
        return super().profile(owner)


class Drawn:
    """A model that embeds emotions by chance, in the spaces of the snapshot."""

    model_id, emphasises, scoring = "model", False, scoring()

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """A row each."""
        return embedding(len(curves), seed=1)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Counting]:
    """An empty catalogue."""
    opened = open_catalog(f"sqlite:///{tmp_path / 'circumplex.db'}")
    yield Counting(opened.engine)
    opened.close()


@pytest.fixture
def live(tmp_path: Path) -> Live:
    """A small snapshot."""
    snapshot = written(tmp_path / "s", content(6, seed=2))
    return Live("s", "model", NOW, snapshot, Searcher(snapshot, scoring()))


def test_many_questions_read_a_profile_once(catalog: Counting, live: Live) -> None:
    """And wait for no thread, until something is said."""
    planes = Planes(catalog, lambda _: FakeModel(), fresh_s=1000.0)
    before = planes.at_hand(MACHINE, live)
    answers = [planes.live_of(MACHINE, live) for _ in range(10)]
    asked, at_hand = catalog.asked, planes.at_hand(MACHINE, live)
    catalog.place(MACHINE, SAID)

    assert before is None
    assert answers == [live] * 10
    assert asked == 1
    assert at_hand is live
    assert planes.at_hand(MACHINE, live) is None


@pytest.mark.parametrize(("fresh_s", "read"), [(1000.0, 1), (0.0, 2)])
def test_what_other_processes_say_shows_after_a_while(
    catalog: Counting, live: Live, fresh_s: float, read: int
) -> None:
    """The profile is read again once it may be old."""
    planes = Planes(catalog, lambda _: FakeModel(), fresh_s=fresh_s)
    planes.live_of("someone", live)
    planes.live_of("someone", live)

    assert catalog.asked == read


def test_what_a_listener_saw_goes_with_the_plane_that_it_was_on(
    catalog: Counting, live: Live
) -> None:
    """Also where the next one is the model's own: it would hold its snapshot in memory."""
    planes, record = Planes(catalog, lambda _: Drawn()), live.snapshot.tracks[2]
    said = replace(SAID, content_id=record.content_id, track_id=record.id)
    catalog.place(MACHINE, said)
    own = weakref.ref(planes.live_of(MACHINE, live))
    catalog.weigh_profile(MACHINE, 0.0)

    assert own() is not live
    assert planes.live_of(MACHINE, live) is live
    gc.collect()
    assert own() is None


def test_a_snapshot_that_answers_no_more_is_let_go(
    catalog: Counting, live: Live, tmp_path: Path
) -> None:
    """With what planes were learned from, before anybody asks on the next one."""
    planes, record = Planes(catalog, lambda _: Drawn()), live.snapshot.tracks[2]
    planes.serve(live)
    catalog.place(MACHINE, replace(SAID, content_id=record.content_id, track_id=record.id))
    seen = planes.live_of(MACHINE, live)
    basis, own = weakref.ref(planes.basis(live)), weakref.ref(seen)
    del seen
    snapshot = written(tmp_path / "next", content(6, seed=3))
    planes.serve(Live("next", "model", NOW, snapshot, Searcher(snapshot, scoring())))
    gc.collect()
    assert basis() is None
    assert own() is None

    late = weakref.ref(planes.basis(live))  # for an answer that began before
    gc.collect()
    assert late() is None


def test_a_profile_says_when_it_was_changed(catalog: Counting, live: Live) -> None:
    """By an answer, and by forgetting all; nobody who never spoke has a time."""
    planes = Planes(catalog, lambda _: Drawn(), fresh_s=0.0)
    never = planes.changed_at(MACHINE)
    catalog.place(MACHINE, SAID)
    said = planes.changed_at(MACHINE)
    catalog.forget_listener(MACHINE)
    forgotten = planes.changed_at(MACHINE)

    assert never is None
    assert said is not None
    assert forgotten is not None
    assert said < forgotten
    assert planes.live_of(MACHINE, live) is live
