"""`duration_s` of `POST /v1/playlists`: as many tracks as fill a time."""

from __future__ import annotations

from tests.integration.api.test_api_playlists import ask, titles
from tests.running import Running


def test_a_playlist_fills_the_time_it_should_last(service: Running) -> None:
    """As many of the best as come nearest; `limit` bounds them still; without music none."""
    every = ask(service, emotion={"mood": "calm"}, limit=500)

    filled = ask(service, emotion={"mood": "calm"}, duration_s=13)
    assert titles(filled) == titles(every)[:4]
    assert len(ask(service, emotion={"mood": "calm"}, duration_s=13, limit=2)["items"]) == 2
    assert titles(ask(service, emotion={"mood": "calm"}, duration_s=9000)) == titles(every)
    assert not ask(service, emotion={"mood": "calm"}, duration_s=9, filters={"genre": ["none"]})[
        "items"
    ]


def test_a_journey_fills_the_time_it_should_last(service: Running) -> None:
    """It is the journey of as many places as that takes, from one end of the curve to the other."""
    curve = [{"t": 0, "valence": -1, "arousal": -1}, {"t": 60, "valence": 1, "arousal": 1}]

    filled = ask(service, emotion={"curve": curve}, mode="journey", duration_s=12.4)

    assert (
        filled["items"] == ask(service, emotion={"curve": curve}, mode="journey", limit=4)["items"]
    )
    longest = ask(service, emotion={"curve": curve}, mode="journey", duration_s=9000)
    assert len(longest["items"]) == 9
