"""Feelings in words over HTTP, and filters that include and exclude."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.test_api_playlists import ask, titles
from tests.running import Running, problem_of


def test_a_phrase_finds_its_music_and_says_how_it_was_read(service: Running) -> None:
    """Loud and glad words find loud and bright music, in any language."""
    for phrase in ("euphoric", "euphorisch", "多幸感"):
        answer = ask(service, emotion={"text": phrase})
        assert titles(answer)[0] == "Loud bright"
        assert answer["understood"]["words"] == "euphoric"
        assert answer["exact"] is True


def test_a_blend_is_told_with_its_words_and_its_curve(service: Running) -> None:
    """The answer names each word, the region, and a curve to change."""
    read = ask(service, emotion={"text": "sehr traurig aber hoffnungsvoll"})["understood"]
    assert read["words"] == "very sad and hopeful"
    assert read["language"] == "de"
    terms = read["steps"][0]["terms"]
    assert [term["meaning"] for term in terms] == ["sad", "hopeful"]
    assert terms[0]["degree"] > 1.0
    assert read["steps"][0]["spread_valence"] > 0.1
    assert {frame["valence"] for frame in read["curve"]} == {read["steps"][0]["valence"]}


def test_a_sequence_is_a_journey_of_its_length(service: Running) -> None:
    """Mode and length come from the phrase unless the request says otherwise."""
    phrase = {"text": "from sleepy to ecstatic in 10 seconds"}
    journey = ask(service, emotion=phrase, limit=4)
    assert journey["mode"] == "journey"
    assert journey["understood"]["curve"][-1]["t"] == 10.0
    arousal = [item["arousal"] for item in journey["items"]]
    assert arousal[0] < arousal[-1]
    assert ask(service, emotion=phrase, mode="match")["mode"] == "match"


def test_a_negation_leaves_the_rest(service: Running) -> None:
    """What lies in the region that is taken away comes last."""
    wanted = ask(service, emotion={"text": "depressed"})
    rest = ask(service, emotion={"text": "not depressed"})
    assert titles(wanted)[0] == titles(rest)[-1]


def test_unknown_words_are_named(service: Running) -> None:
    """They do not vanish: the answer lists them with words that look like them."""
    (unread,) = ask(service, emotion={"text": "calm and melankolick"})["understood"][
        "not_understood"
    ]
    assert unread["text"] == "melankolick"
    assert unread["near"]


def test_a_phrase_without_a_feeling_is_a_clear_problem(service: Running) -> None:
    """422 with suggestions."""
    response = service.client.post("/v1/playlists", json={"emotion": {"text": "callm"}})
    problem = problem_of(response, 422, "unknown-feeling")
    assert "calm" in problem["suggestions"]


def test_what_is_excluded_does_not_come(service: Running) -> None:
    """By words of the title, by artist, by folder; together with what must be."""
    everything = ask(service, emotion={"mood": "calm"})
    names = set(titles(everything))
    quiet = ask(service, emotion={"mood": "calm"}, filters={"exclude": {"title": ["LOUD"]}})
    assert set(titles(quiet)) == {name for name in names if "Loud" not in name}
    bright = {"include": {"title": ["bright"]}, "exclude": {"title": ["quiet"]}}
    both = ask(service, emotion={"text": "not calm"}, filters=bright)
    assert set(titles(both)) == {n for n in names if "bright" in n.lower() and "Quiet" not in n}


@pytest.mark.parametrize(
    ("filters", "name", "near"),
    [
        ({"exclude": {"title": ["lowd"]}}, "exclude.title", "loud"),
        ({"include": {"artist": ["Nobody at all"]}}, "include.artist", None),
        ({"genre": ["no such"]}, "genre", None),
    ],
)
def test_a_filter_that_matches_nothing_says_so(
    service: Running, filters: dict[str, Any], name: str, near: str | None
) -> None:
    """The answer names it, with what the catalogue has that looks like it."""
    (missing,) = ask(service, emotion={"mood": "calm"}, filters=filters)["unmatched"]
    assert missing["filter"] == name
    assert near is None or near in [each.lower() for each in missing["near"]]
