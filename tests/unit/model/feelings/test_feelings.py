"""The language of feelings: what phrases mean, and what is said of what is not understood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.errors import FeelingError, LexiconError
from model.feelings import Lexicon, Region, lexicon, understand
from model.feelings.lexicon import LANGUAGES
from tests.feeling_regions import misread, rows_of

PHRASES = rows_of("phrases.csv")
COLLECTED = rows_of("collected.csv")
MISREAD = 5  # of the collected phrases; docs/feelings.md lists them


@pytest.mark.parametrize("row", PHRASES, ids=[f"{r['language']}-{r['phrase']}" for r in PHRASES])
def test_a_phrase_means_its_region(row: dict[str, str]) -> None:
    """Each phrase of the table means the region that stands beside it."""
    assert misread(understand(row["phrase"]), row["region"]) == ""


def test_the_table_is_large_and_in_ten_languages() -> None:
    """At least 300 phrases, at least 25 a language."""
    assert len(PHRASES) >= 300
    counts = [sum(row["language"] == language for row in PHRASES) for language in LANGUAGES]
    assert min(counts) >= 25


def test_most_collected_phrases_are_understood() -> None:
    """Of fifty phrases that nobody wrote for the grammar no more are misread than is documented."""
    wrong = [row["phrase"] for row in COLLECTED if _misread_or_unknown(row)]
    assert len(COLLECTED) == 50
    assert len(wrong) <= MISREAD, wrong


def _misread_or_unknown(row: dict[str, str]) -> str:
    try:
        return misread(understand(row["phrase"]), row["region"])
    except FeelingError as exc:
        return str(exc)


def test_between_sad_and_hopeful() -> None:
    """A blend lies between what it blends, on both axes."""
    low, high, mid = (
        understand(text).steps[0].points.centre for text in ("sad", "hopeful", "sad but hopeful")
    )
    assert all(a < m < b for a, m, b in zip(low, mid, high, strict=True))


def test_a_narrow_word_holds_its_axis() -> None:
    """Sad and energetic music has the valence of sad and the arousal of energetic."""
    valence, arousal = understand("sad and energetic").steps[0].points.centre
    assert valence < -0.3
    assert arousal > 0.4


@pytest.mark.parametrize(
    ("weaker", "stronger"), [("slightly sad", "sad"), ("sad", "very sad"), ("a hint of sad", "sad")]
)
def test_degrees_are_ordered(weaker: str, stronger: str) -> None:
    """More of a feeling lies further out."""
    less, more = (understand(f"calm and {text}").steps[0] for text in (weaker, stronger))
    assert less.points.centre[0] > more.points.centre[0]


def test_a_wide_word_covers_more_than_a_narrow_one() -> None:
    """The points of a wide word lie further apart."""
    wide, narrow = (understand(text).steps[0].points for text in ("emotional", "furious"))
    assert wide.spread[0] > 2 * narrow.spread[0]
    assert wide.weights.sum() == pytest.approx(1.0)


def test_what_is_taken_away_is_not_in_the_region() -> None:
    """A negation leaves the rest of the plane, and none of its points where the word lies."""
    points = understand("not sad").steps[0].points
    distance = np.hypot(points.places[:, 0] + 0.75, points.places[:, 1] + 0.45)
    assert points.weights[distance < 0.25].sum() < 0.01
    assert (points.places[:, 1] > 0.5).any()
    assert (points.places[:, 1] < -0.5).any()


@pytest.mark.parametrize(("text", "alone"), [("not sad", True), ("calm but not sad", False)])
def test_a_negation_alone_counts_by_its_share_of_the_plane(text: str, *, alone: bool) -> None:
    """It has no place itself; a feeling from which something is taken away has one."""
    points = understand(text).steps[0].points
    assert (points.among is not None) is alone
    if points.among is not None:
        assert np.ptp(points.among) == 0.0
        assert points.among.sum() == pytest.approx(1.0)
        assert points.among[points.weights == 0.0].sum() > 0.05


def test_or_is_a_union() -> None:
    """Either of two feelings will do: the points lie at both, not between them."""
    points = understand("calm or furious").steps[0].points
    between = np.hypot(*(points.places - [-0.15, 0.05]).T)
    assert between.min() > 0.3


def test_a_sequence_is_a_curve_of_the_length_asked_for() -> None:
    """Two steps lead from one to the other in the time that the phrase names."""
    curve = understand("from angry to calm in half an hour").curve()
    first, last = curve.keyframes[0], curve.keyframes[-1]
    assert (first.t_s, last.t_s) == (0.0, 1800.0)
    assert first.arousal > 0.5 > -0.5 > last.arousal


def test_steps_last_as_long_as_each_is_said_to() -> None:
    """Ten minutes of one feeling and twenty of another turn at a third of the whole."""
    curve = understand("10 minutes of calm then 20 minutes of happy").curve()
    arousal = curve.at([0.0, 500.0, 700.0, 1800.0])[:, 0]
    assert arousal[0] == pytest.approx(arousal[1])
    assert arousal[0] < arousal[2] <= arousal[3]


def test_unknown_words_are_named_with_near_ones() -> None:
    """What is not understood is not dropped in silence."""
    (unread,) = understand("sad and melankolick").unread
    assert unread.text == "melankolick"
    assert any("mel" in word.lower() for word in unread.near)


def test_a_phrase_without_a_feeling_is_refused() -> None:
    """The message names words that look like those of the phrase."""
    with pytest.raises(FeelingError, match=r"did you mean .*calm"):
        understand("callm")


@pytest.mark.parametrize("text", ["", "   ", "!!!", "not", "then", "very", "30 minutes", "x" * 301])
def test_phrases_of_small_words_alone_are_refused(text: str) -> None:
    """Nothing is guessed where no feeling is named."""
    with pytest.raises(FeelingError):
        understand(text)


def test_another_meaning_in_another_language_is_told() -> None:
    """Of a word that means something far away elsewhere, that is said."""
    (term,) = understand("hell").steps[0].blends[0]
    assert term.also == (("de", "bright"),)
    assert understand("hell und freundlich").steps[0].points.centre[0] > 0.4


def test_the_lexicon_is_large_enough() -> None:
    """At least 400 meanings, each with words in ten languages and a reason."""
    entries = lexicon().entries
    assert len(entries) >= 400
    assert all(set(entry.words) == set(LANGUAGES) and entry.why for entry in entries)
    assert len({entry.name for entry in entries}) == len(entries)


def test_a_word_in_two_entries_is_refused() -> None:
    """A word of a language has one meaning; the message names both entries."""
    entries = lexicon().entries[:2]
    words = dict.fromkeys(LANGUAGES, ("same",))
    twice = [replace(entry, words=words) for entry in entries]
    with pytest.raises(LexiconError, match=r"'same' .en. stands in 'happy' and in 'joyful'"):
        Lexicon(tuple(twice))


HOMOGRAPHS = {
    "fragil", "hell", "leer", "leger", "livre", "noir", "quieto", "solitude", "verlegen",
}  # fmt: skip
"""Words that mean different things in different languages."""


def test_languages_agree() -> None:
    """A word that several languages share means nearly the same, but for known homographs."""
    for key, meanings in lexicon().meanings.items():
        if key[0] in HOMOGRAPHS or not meanings[0].listed:
            continue
        places = [(m.entry.region.valence, m.entry.region.arousal) for m in meanings]
        apart = np.ptp(np.array(places), axis=0).max()
        assert apart <= 0.6, (key, [(m.language, m.entry.name) for m in meanings])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("pl", "", "no word in pl"), ("kind", "colour", "kind 'colour'"), ("valence", "2", "not in")],
)
def test_a_row_that_cannot_be_used_is_named(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    """A contributor who makes a mistake is told the line."""
    row = {
        "en": "calm", "kind": "mood", "valence": "0.5", "arousal": "-0.7", "why": "test",
        "spread_valence": "0.2", "spread_arousal": "0.2",
    } | dict.fromkeys(LANGUAGES[1:], "x")  # fmt: skip
    row[column] = value
    path = tmp_path / "lexicon.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    with pytest.raises(LexiconError, match=message) as caught:
        Lexicon.read(path)
    assert "line 2" in str(caught.value)


def test_regions_out_of_the_plane_are_refused() -> None:
    """A region lies in the plane and has a width."""
    with pytest.raises(ValueError, match="not in"):
        Region(1.2, 0.0, 0.2, 0.2)
    with pytest.raises(ValueError, match="spreads"):
        Region(0.2, 0.0, 0.0, 0.2)
