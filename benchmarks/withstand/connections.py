"""Attacks by connections and by questions, each a function of the target."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from benchmarks.withstand.target import Target

UPLOAD = (
    b"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
)
PART = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"POST /v1/playlists HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"


def chunk(content: bytes) -> bytes:
    """One chunk of a body whose length is not told."""
    return b"%x\r\n%s\r\n" % (len(content), content)


def endless_header(target: Target) -> None:
    target.send_on(HEAD + b"X-A: ", b"b" * 65536)


def endless_headers(target: Target) -> None:
    target.send_on(HEAD, b"X-Abcdefgh: bbbbbbbbbbbbbbbbbbbb\r\n" * 2048)


def half_open(target: Target) -> None:
    """1,100 connections that send half a head."""
    held(target, 1100, HEAD)


def trickling_uploads(target: Target) -> None:
    """Thirty uploads of a byte a second."""
    opened = []
    for _ in range(30):
        connection = target.connect()
        connection.sendall(UPLOAD + chunk(PART))
        opened.append(connection)
    ends_s = time.monotonic() + target.seconds
    while time.monotonic() < ends_s:
        for connection in opened:
            with suppress(OSError):
                connection.sendall(b"1\r\nx\r\n")
        time.sleep(1.0)
    for connection in opened:
        connection.close()


def hostile_form(target: Target) -> None:
    """A form that is slow to parse, sent as fast as it is read."""
    target.send_on(UPLOAD + chunk(PART), chunk(b"\r\n--" * 16384))


def endless_epilogue(target: Target) -> None:
    end = PART + b"x\r\n--B--\r\n"
    target.send_on(UPLOAD + chunk(end), chunk(bytes(65536)))


def slow_bodies(target: Target) -> None:
    """A hundred JSON bodies that never end."""
    held(target, 100, BODY)


def held(target: Target, connections: int, request: bytes) -> None:
    """So many connections that send this, and neither send on nor read."""
    opened = []
    with suppress(OSError):
        for _ in range(connections):
            connection = target.connect(receive_bytes=4096)
            opened.append(connection)
            with suppress(OSError):
                connection.sendall(request)
    time.sleep(target.seconds)
    for connection in opened:
        connection.close()


def bodies_without_end(target: Target) -> None:
    held(target, 300, BODY)


def maps_unread(target: Target) -> None:
    held(target, 300, b"GET /v1/tracks/map HTTP/1.1\r\nHost: localhost\r\n\r\n")


def endless_trailers(target: Target) -> None:
    head = b"POST /v1/playlists HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    target.send_on(head + chunk(b"{}") + b"0\r\n", b"X-Abcdefgh: bbbbbbbbbbbbbbbb\r\n" * 2048)


def requests_ahead(target: Target) -> None:
    target.send_on(b"", HEAD + b"\r\n" + (HEAD + b"\r\n") * 4000)


def ask_again(target: Target, clients: int, method: str, path: str, body: object = None) -> None:
    """So many clients ask the same again and again."""
    ends_s = time.monotonic() + target.seconds
    # Written once: to write a large one again and again holds up the client that looks on.
    content = None if body is None else json.dumps(body).encode()

    def client(_number: int) -> None:
        while time.monotonic() < ends_s:
            with suppress(OSError, http.client.HTTPException):
                target.ask(method, path, content)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))


def longest_journey() -> dict[str, object]:
    """The question that costs most: 5,000 turns, 500 places."""
    curve = [
        {"t": i, "valence": (i * 7919 % 200 - 100) / 100, "arousal": (i * 104729 % 200 - 100) / 100}
        for i in range(5000)
    ]
    return {"emotion": {"curve": curve}, "mode": "journey", "limit": 500, "max_per_artist": 1}


def journeys(target: Target) -> None:
    """Sixty clients that ask for the longest journeys again and again."""
    ask_again(target, 60, "POST", "/v1/playlists", longest_journey())


def abandoned_journeys(target: Target) -> None:
    """The same, by clients that leave after a tenth of a second."""
    curve = [{"t": 0, "valence": -1, "arousal": -1}, {"t": 3600, "valence": 1, "arousal": 1}]
    body = {"emotion": {"curve": curve}, "mode": "journey", "limit": 500, "max_per_artist": 1}
    ends_s = time.monotonic() + target.seconds
    while time.monotonic() < ends_s:
        with suppress(OSError, http.client.HTTPException):
            target.ask("POST", "/v1/playlists", body, timeout_s=0.1)


def large_questions(target: Target) -> None:
    """Eight clients that ask with ten thousand keyframes again and again."""
    curve = [{"t": i, "valence": i % 7 / 7, "arousal": -(i % 5) / 5} for i in range(10_000)]
    ask_again(target, 8, "POST", "/v1/playlists", {"emotion": {"curve": curve}, "limit": 500})


def bodies_of_faults(target: Target) -> None:
    """Eight clients that send bodies of a hundred thousand unknown members."""
    body = {f"member {number}": 1 for number in range(100_000)}
    ask_again(target, 8, "POST", "/v1/playlists", body)


def maps(target: Target) -> None:
    """Twenty clients that ask for the whole map."""
    ask_again(target, 20, "GET", "/v1/tracks/map")


def nobody(target: Target) -> None:
    time.sleep(target.seconds)


ATTACKS: dict[str, Callable[[Target], None]] = {
    "no attack": nobody,
    "one endless header field": endless_header,
    "endless header fields": endless_headers,
    "1,100 half-open connections": half_open,
    "30 uploads of a byte a second": trickling_uploads,
    "a form that is slow to parse": hostile_form,
    "an epilogue without end": endless_epilogue,
    "100 bodies that never end": slow_bodies,
    "300 bodies that never end": bodies_without_end,
    "300 maps that nobody reads": maps_unread,
    "trailers without end": endless_trailers,
    "requests sent ahead of answers": requests_ahead,
    "60 clients, longest journeys": journeys,
    "journeys that nobody waits for": abandoned_journeys,
    "8 clients, 10,000 keyframes": large_questions,
    "8 clients, bodies of 100,000 faults": bodies_of_faults,
    "20 clients, the whole map": maps,
}
