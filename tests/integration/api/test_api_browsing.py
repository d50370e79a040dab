"""Albums, genres, folders and all tracks in an order, and how a phrase is read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import Running, problem_of


def got(running: Running, path: str, **params: Any) -> dict[str, Any]:
    """The answer; anything but 200 fails the test."""
    answer = running.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(
    ("kind", "names"), [("genres", ["Drone", "Étude"]), ("folders", ["/loud", "/middling"])]
)
def test_groups_lie_in_the_middle_of_their_tracks(
    service: Running, kind: str, names: list[str]
) -> None:
    """Their names are terms that find these tracks, and their place is the mean of theirs."""
    found = got(service, f"/v1/{kind}")["items"]

    assert [group["name"] for group in found][:2] == names
    for group in found:
        term = f"{kind.removesuffix('s')}:{group['name']}"
        tracks = got(service, "/v1/listing", only=term)["items"]
        assert len(tracks) == group["tracks"]
        mean = sum(track["arousal"] for track in tracks) / len(tracks)
        assert group["arousal"] == pytest.approx(mean, abs=1e-3)


def test_tracks_are_listed_in_an_order_from_any_place_on(service: Running) -> None:
    """By title, by energy, a part of it, and what is counted is all of it."""
    by_title = got(service, "/v1/listing", limit=3, offset=2)
    every = got(service, "/v1/listing")["items"]
    titles = [track["title"] for track in every]

    assert titles == sorted(titles)
    assert [track["title"] for track in by_title["items"]] == titles[2:5]
    assert by_title["total"] == 9
    energies = [track["arousal"] for track in got(service, "/v1/listing", order="energy")["items"]]
    assert energies == sorted(energies, reverse=True)


def test_terms_narrow_the_list(service: Running) -> None:
    """What must hold and what must not; a term that no track has is named."""
    found = got(
        service, "/v1/listing", only=["genre:drone", "decade:1990"], **{"not": "title:dull"}
    )
    assert {track["genre"] for track in found["items"]} == {"Drone"}
    assert not any("dull" in track["title"] for track in found["items"])
    assert found["total"] == len(found["items"]) > 0

    nothing = got(service, "/v1/listing", only="genre:dron")
    assert nothing["total"] == 0
    assert nothing["unmatched"] == [{"filter": "only.genre", "value": "dron", "near": ["Drone"]}]


@pytest.mark.parametrize("term", ["jazz", "mood:sad", "genre:", "decade:old", "length:5"])
def test_what_is_no_term_is_refused(service: Running, term: str) -> None:
    """The problem says what would be one."""
    answer = service.client.get("/v1/listing", params={"only": term})

    assert term in problem_of(answer, 422, "invalid-request")["detail"]


def test_a_folder_after_a_slash_begins_at_the_root(service: Running) -> None:
    """A folder of that name anywhere else is another one."""
    assert got(service, "/v1/listing", only="folder:/loud")["total"] == 3
    assert got(service, "/v1/listing", only="folder:/oud")["total"] == 0


def test_a_phrase_is_read_while_it_is_written(service: Running) -> None:
    """Its last word is finished, and what is no feeling is answered, not refused."""
    whole = got(service, "/v1/feelings", text="sad but hopeful")
    assert whole["understood"]["words"] == "sad and hopeful"
    begun = got(service, "/v1/feelings", text="sad but hopef")
    assert begun["completions"][0] == "sad but hopeful"
    none = got(service, "/v1/feelings", text="clam")
    assert none["understood"] is None
    assert "calm" in none["near"]
