"""Another Subsonic server may answer anything."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from app.sharing import subsonic_server
from app.sharing.subsonic_server import ServerAwayError, SharingError, SubsonicServer

Answer = Callable[[httpx.Request], httpx.Response]


def server(answer: Answer) -> SubsonicServer:
    """A login at a server that answers so."""
    transport = httpx.MockTransport(answer)
    return SubsonicServer("http://music.example", "ann", "x", transport=transport)


def telling(**told: Any) -> Answer:
    """Who says the same to every question."""
    body = {"subsonic-response": {"status": "ok", **told}}
    return lambda _request: httpx.Response(200, json=body)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        '{"subsonic-response": null}',
        '{"subsonic-response": []}',
        '{"subsonic-response": {"status": "failed", "error": "no"}}',
        '{"subsonic-response": {"status": "failed", "error": {"code": null, "message": null}}}',
        '{"subsonic-response": {"status": "failed", "error": {"code": "' + "9" * 5000 + '"}}}',
        "[" * 100_000,
        '{"subsonic-response": {"status": "ok", "playlists": {"playlist": [1, "a"]}}}',
    ],
)
def test_an_answer_of_any_form_is_refused_in_words(body: str) -> None:
    """Never by an error of the program."""
    with (
        server(lambda _request: httpx.Response(200, text=body)) as asked,
        pytest.raises(SharingError, match=r"music\.example"),
    ):
        asked.playlists()


@pytest.mark.parametrize("nothing", [None, "", [], {}, {"song": None}, {"song": [{}]}])
def test_a_list_of_nothing_is_empty(nothing: Any) -> None:
    """However it is written."""
    with server(telling(searchResult3=nothing)) as asked:
        assert asked.songs() == []


def test_one_thing_is_a_list_of_one() -> None:
    """Servers that make JSON of XML write it so; what a member is not is left out."""
    song = {"id": 7, "title": None, "duration": "long", "isrc": 5, "artist": "Ann"}

    with server(telling(searchResult3={"song": song})) as asked:
        (found,) = asked.songs()

    assert (found.id, found.title, found.artist) == ("7", "", "Ann")
    assert (found.duration_s, found.isrcs) == (None, ("5",))


def test_a_server_that_repeats_its_first_page_has_an_end() -> None:
    """It would be asked for ever."""
    songs = [{"id": str(number)} for number in range(subsonic_server.PAGE)]

    with server(telling(searchResult3={"song": songs})) as asked:
        assert len(asked.songs()) == subsonic_server.PAGE


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr(subsonic_server, "ANSWER_BYTES", 10_000)

    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 1000

    with (
        server(lambda _request: httpx.Response(200, content=endless())) as asked,
        pytest.raises(ServerAwayError, match="the end of its answer"),
    ):
        asked.ping()


@pytest.mark.parametrize("packed", [1, 2])
def test_a_packed_answer_is_not_unpacked(packed: int) -> None:
    """It was not asked for, and a few bytes of it could be gigabytes."""
    content = json.dumps({"subsonic-response": {"status": "ok"}}).encode()
    for _ in range(packed):
        content = gzip.compress(content)
    headers = {"content-encoding": ", ".join(["gzip"] * packed)}
    answer = httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))

    with (
        server(lambda _request: answer) as asked,
        pytest.raises(ServerAwayError, match="packs its answers"),
    ):
        asked.ping()


def test_a_login_is_not_sent_on_to_another_address() -> None:
    """The address is told instead."""
    asked_at = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        asked_at.append(request.url.host)
        return httpx.Response(307, headers={"location": "http://other.example/rest/ping.view"})

    with (
        server(elsewhere) as asked,
        pytest.raises(ServerAwayError, match=r"sends on to 'http://other\.example"),
    ):
        asked.ping()

    assert asked_at == ["music.example"]
