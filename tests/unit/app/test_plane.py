"""A listener's plane of a snapshot: recordings found again, places, and columns of scores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from app.clips.emotions import similar_out
from app.library.groups import Grouped
from app.library.live import Live
from app.personal.basis import GRID, Basis
from app.personal.personal_live import on_plane
from app.personal.plane import CERTAIN, make_plane
from app.personal.recordings import Recordings, resolved
from app.personal.sentences import GROUPS, sentences, told_of_axis
from app.playlists.queries import absolute_curve
from app.wire.schemas import PlaylistRequest
from indexer.catalog.profiles import Placement, Profile
from indexer.search.searcher import Hit, Searcher, SearchResult
from indexer.snapshot.filters import TrackFilter
from model.curves.curve import EmotionCurve, QuantileScale
from model.embedding import Embedding
from model.personal.scale import PersonalScale
from model.personal.warp import Warp
from tests.fakes import FakeModel
from tests.snapshots import content, embedding, scoring, written

NOW = datetime(2026, 11, 30, tzinfo=UTC)
PROFILE = Profile("someone", 1.0, "1", NOW)


class SnapshotModel(FakeModel):
    """Embeds emotions as rows like those of the snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.scoring = scoring()

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """A row for each curve, whatever it is."""
        return embedding(len(curves), seed=5)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """Sixty tracks whose ids are 10, 20 and so on."""
    snapshot = written(tmp_path_factory.mktemp("plane") / "s", content(60, seed=2))
    return Live("s", "model", NOW, snapshot, Searcher(snapshot, scoring()))


def basis(live: Live, variance: float = 0.5) -> Basis:
    """The snapshot with features of its own."""
    features = np.random.default_rng(0).normal(size=(60, 24)) / 5.0
    best = np.add.outer(GRID, 2.0 * GRID)
    return Basis(live, live.places("relative"), features, variance, best, Recordings(live))


def said(live: Live, row: int, place: tuple[float, float] | None, **changes: object) -> Placement:
    """An answer about the track in a row."""
    record = live.snapshot.tracks[row]
    values: dict[str, object] = {
        "content_id": record.content_id,
        "track_id": record.id,
        "recording_id": None,
        "title": record.title,
        "artist": record.artist,
        "duration_s": record.duration_s,
        "arousal": None if place is None else place[0],
        "valence": None if place is None else place[1],
        "scale": "relative",
        "placed_at": NOW,
    }
    return Placement(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"track_id": 9999}, True),  # its content tells
        ({"content_id": "0" * 32}, True),  # encoded anew in its place
        ({"content_id": "0" * 32, "track_id": 9999}, True),  # encoded anew elsewhere: tags tell
        ({"content_id": "0" * 32, "duration_s": 1.0}, False),  # other music in its place
        ({"content_id": "0" * 32, "track_id": 9999, "title": "Other"}, False),
    ],
)
def test_a_recording_is_found_by_whatever_names_it(
    live: Live, changes: dict[str, object], found: bool
) -> None:
    """Content, then id, then tags; a file of another length is another recording."""
    row = Recordings(live).row_of(said(live, 7, (0.0, 0.0), **changes))
    assert row == (7 if found else None)


def test_of_two_answers_about_one_recording_the_later_counts(live: Live) -> None:
    """Such as one that was given before the file was encoded anew."""
    first, second = said(live, 3, (0.1, 0.1), content_id="0" * 32), said(live, 3, (0.5, 0.5))
    (answer,) = resolved([first, second], Recordings(live))
    assert answer == (3, second)


def test_placed_tracks_lie_where_they_were_put(live: Live) -> None:
    """All of them, exactly; a skipped one stays where it is."""
    places = {4: (0.9, -0.8), 11: (-1.0, 1.0), 30: (0.0, 0.3)}
    answers = [said(live, row, place) for row, place in places.items()]
    plane = make_plane(PROFILE, [*answers, said(live, 2, None)], basis(live))
    for row, place in places.items():
        assert plane.places[row] == pytest.approx(place)
    assert plane.said.tolist() == [4, 11, 30]
    hits = on_plane(live, plane).places("relative")
    np.testing.assert_array_equal(hits, plane.places)


def test_a_placed_track_is_shown_where_it_was_put(live: Live) -> None:
    """On its own, and among those that are like something."""
    places = {4: (0.9, -0.8), 11: (-1.0, 1.0), 30: (0.0, 0.3)}
    answers = [said(live, row, place) for row, place in places.items()]
    own = on_plane(live, make_plane(PROFILE, answers, basis(live)))
    for row, place in places.items():
        track = live.snapshot.tracks[row].id
        hit = Hit(track, 0.0, 30.0, 1.0, 1.0, 1.0, 0.1, 0.1)
        (similar,) = similar_out(own, SearchResult((hit,), True), "relative", np.zeros(2))
        assert own.place_of(track, "relative") == pytest.approx(place)
        assert (similar.arousal, similar.valence) == pytest.approx(place)


def test_new_music_is_balanced_on_the_plane_that_the_catalogue_was(live: Live) -> None:
    """Rows of the index were, whoever asks: one's own plane would weigh clips otherwise."""
    heard, model = live.places("relative"), SnapshotModel()
    felt = np.clip(heard - [0.0, 0.5], -1.0, 1.0)
    answers = [said(live, row, tuple(felt[row].tolist())) for row in range(30)]
    plane = make_plane(PROFILE, answers, basis(live))
    assert not plane.warp.is_identity
    assert on_plane(live, plane).emotion_bank(model) is live.emotion_bank(model)


def test_a_place_of_the_absolute_scale_is_read_on_it(live: Live) -> None:
    """What was said is absolute; the plane is relative."""
    absolute = live.track_emotion[20]
    answer = said(live, 5, tuple(absolute.tolist()), scale="absolute")
    plane = make_plane(PROFILE, [answer], basis(live))
    np.testing.assert_allclose(plane.places[5], live.places("relative")[20])


def test_additions_are_differences_of_squared_distances(live: Live) -> None:
    """For any question the columns give what their definition says, but for a constant of it."""
    answers = [said(live, row, (0.1 * row - 0.5, 0.4)) for row in range(10)]
    at = basis(live)
    plane = make_plane(PROFILE, answers, at)
    asked = np.random.default_rng(3).uniform(-1.0, 1.0, (6, 2))
    addition, felt = plane.addition(asked), plane.warp(asked)
    given = addition.weights @ addition.tracks.columns.T  # [Q, T]
    own = ((felt[:, None] - plane.places[None]) ** 2).sum(axis=2)
    between = ((felt[:, None] - plane.warp(at.heard)[None]) ** 2).sum(axis=2)
    wanted = (between - own) / (2.0 * at.variance)
    there = at.best_at(asked) + CERTAIN
    wanted[:, plane.said] = there[:, None] - own[:, plane.said] / (2.0 * at.variance)
    np.testing.assert_allclose(given, wanted, atol=1e-9)
    assert addition.tracks.counted[plane.said].tolist() == [0.0] * 10


def test_the_best_score_is_interpolated_between_places(live: Live) -> None:
    """Exactly for one that is linear in arousal and in valence."""
    places = np.array([[0.11, -0.37], [0.8, 0.8], [-0.8, 0.05]])
    found = basis(live).best_at(places)
    np.testing.assert_allclose(found, places[:, 0] + 2.0 * places[:, 1])


def test_a_personal_scale_translates_there_and_back() -> None:
    """The inverse of the warp before, the warp after."""
    draws = np.random.default_rng(0)
    scale = QuantileScale.fit(draws.uniform(-0.5, 0.5, (400, 2)))
    warp = Warp(draws.normal(0.0, 0.1, (6, 2))).tamed()
    own = PersonalScale.of(scale, warp)
    places = draws.uniform(-0.5, 0.5, (50, 2))
    np.testing.assert_allclose(own.to_relative(own.to_absolute(places)), places, atol=1e-5)
    np.testing.assert_allclose(own.to_absolute(warp(places)), scale.to_absolute(places), atol=1e-5)


def test_few_answers_are_told_as_such(live: Live) -> None:
    """They hold for their tracks alone."""
    (sentence,) = sentences(make_plane(PROFILE, [said(live, 1, (0.2, 0.2))], basis(live)))
    assert sentence.startswith("1 track placed")


def test_who_hears_all_as_less_pleasant_is_told_so(live: Live) -> None:
    """A shift of the whole plane becomes a sentence."""
    at = basis(live)
    answers = [
        said(live, row, (place[0], max(-1.0, place[1] - 0.6)))
        for row, place in enumerate(at.heard[:40].tolist())
    ]
    told = sentences(make_plane(PROFILE, answers, at))
    assert any("less pleasant than most" in sentence for sentence in told)


def test_a_part_of_the_plane_that_goes_farther_is_told_with_the_whole(live: Live) -> None:
    """Two sentences would say nearly the same of the same tracks."""
    at = basis(live)
    shift = 0.3 + 0.2 * (at.heard[:, 0] > 0.0)  # lively music more
    answers = [
        said(live, row, (place[0], max(-1.0, place[1] - shift[row])))
        for row, place in enumerate(at.heard.tolist())
    ]
    told = [each for each in sentences(make_plane(PROFILE, answers, at)) if "pleasant" in each]
    assert len(told) == 1
    assert told[0].startswith("You hear music as less pleasant than most")


def test_no_two_sentences_say_the_same_of_music() -> None:
    """Of one axis and one direction there is one sentence, whichever thirds are moved."""
    draws = np.random.default_rng(5)
    for _ in range(300):
        groups = {name: draws.normal(0.0, 0.2, 2) for name, _, _ in GROUPS}
        told = [text for _, text in told_of_axis(1, draws.normal(0.0, 0.1, 2), groups)]
        words = ["more pleasant" if "more pleasant" in text else "less pleasant" for text in told]
        assert len(set(words)) == len(words)


def test_a_question_of_either_scale_finds_a_track_where_it_was_put(live: Live) -> None:
    """Places are the listener's on both: what was said is answered, asked and shown as it was."""
    heard = live.places("relative")
    answers = [
        said(live, row, (heard[row, 0], max(-1.0, heard[row, 1] - 0.5))) for row in range(30)
    ]
    place = (0.12, -0.08)
    answers.append(said(live, 40, place, scale="absolute"))
    own = on_plane(live, make_plane(PROFILE, answers, basis(live)))
    assert not own.plane.warp.is_identity
    track = live.snapshot.tracks[40].id
    hit = Hit(track, 0.0, 30.0, 1.0, 1.0, 1.0, 0.1, 0.1)
    curve = {"curve": [{"t": 0, "arousal": place[0], "valence": place[1]}]}
    asked = PlaylistRequest.model_validate({"emotion": curve, "scale": "absolute"})
    sought = absolute_curve(asked, own.snapshot).sampled(1)
    wanted = live.snapshot.scale.to_relative([place])

    assert own.place_of(track, "absolute") == pytest.approx(place, abs=1e-5)
    assert own.shown_places([hit], "absolute")[0] == pytest.approx(place, abs=1e-5)
    np.testing.assert_allclose(own.plane.scale.to_relative(sought), wanted, atol=1e-5)
    np.testing.assert_allclose(own.shown_at(sought, "absolute"), [place], atol=1e-5)


def test_groups_lie_where_their_tracks_are_felt(live: Live) -> None:
    """Their means and their order are the listener's; what is in them stays."""
    answers = [said(live, row, (0.9, -0.9)) for row in range(0, 60, 3)]
    own = on_plane(live, make_plane(PROFILE, answers, basis(live)))
    common, felt = live.grouped.index("artist"), own.grouped.index("artist")
    afresh = Grouped(live.snapshot.tracks, own.plane.places).index("artist")

    assert common.find()
    for group in common.find():
        assert felt[group] == afresh[group]
        assert felt.rows_of(group).tolist() == common.rows_of(group).tolist()
    order = own.grouped.ordered("pleasant", TrackFilter())
    assert sorted(order.tolist()) == list(range(60))
    assert (np.diff(own.plane.places[order, 1]) <= 0.0).all()
