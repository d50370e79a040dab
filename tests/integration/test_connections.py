"""Connections, heads and bodies have bounds: raw sockets against a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import uvicorn

from app.http import connections
from app.http.connections import ConnectionLimits, bounded_protocol

LIMITS = ConnectionLimits(total=8, per_client=8)
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"


async def echo(scope: dict, receive, send) -> None:  # type: ignore[no-untyped-def, type-arg]
    """Answers at once, without reading a body.

    `/slow` takes a second, `/body` reads its body first, `/told` answers with it, `/large` is more
    than fits anywhere.
    """
    if scope["path"] == "/told":
        told, more = b"", True
        while more:
            message = await receive()
            told, more = told + message.get("body", b""), message.get("more_body", False)
        headers = [(b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1.0)
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    if scope["path"] == "/large":
        size = 64 << 20
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for left in range(size, 0, -65536):
            piece = {"type": "http.response.body", "body": bytes(65536), "more_body": left > 65536}
            await send(piece)
        return
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def serving(limits: ConnectionLimits) -> Iterator[int]:
    """A server under `limits`; yields its port."""
    config = uvicorn.Config(
        echo, port=0, http=bounded_protocol(limits), lifespan="off", log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20.0)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with eight places, shared by the tests of this file."""
    with serving(LIMITS) as at:
        yield at


def connected(port: int) -> socket.socket:
    """An open connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=10.0)


def status(connection: socket.socket) -> int | None:
    """The status of the next answer; None where the connection was closed without one."""
    with suppress(ConnectionError):
        line = connection.recv(65536).split(b"\r\n")[0]
        return int(line.split()[1]) if line else None
    return None


@contextmanager
def all_places(port: int, begun: bytes) -> Iterator[list[socket.socket]]:
    """As many connections as there may be, each of which has sent this."""
    with ExitStack() as stack:
        opened = [stack.enter_context(connected(port)) for _ in range(LIMITS.total)]
        for connection in opened:
            connection.sendall(begun)
        time.sleep(0.3)
        yield opened


def asked(port: int) -> int | None:
    """The status that a well-behaved client gets."""
    with connected(port) as connection:
        connection.sendall(HEAD + b"\r\n")
        return status(connection)


@pytest.mark.parametrize(
    "endless",
    [b"a" * 4096, b"X-A: b\r\n" * 512, b"X-A: " + b"b" * 4096],
    ids=["one field", "many fields", "long fields"],
)
def test_a_head_without_end_is_refused(port: int, endless: bytes) -> None:
    """With a 431, long before it fills the memory."""
    with connected(port) as connection:
        connection.sendall(HEAD + b"X-Long: ")
        sent = 0
        with suppress(ConnectionError):
            while sent < 64 << 20:
                connection.sendall(endless)
                sent += len(endless)

    assert sent < 64 << 20
    assert asked(port) == 200


def test_a_url_without_end_is_refused(port: int) -> None:
    """It is a part of the head."""
    with connected(port) as connection:
        connection.sendall(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")

        assert status(connection) == 431


def test_too_many_fields_are_refused(port: int) -> None:
    """However short they are."""
    with connected(port) as connection:
        connection.sendall(HEAD + b"X-A: b\r\n" * (connections.MAX_HEADERS + 1) + b"\r\n")

        assert status(connection) == 431


def test_a_long_head_within_the_bounds_is_answered(port: int) -> None:
    """A cookie of 32 KiB is unusual, and allowed."""
    with connected(port) as connection:
        connection.sendall(HEAD + b"Cookie: " + b"c" * 32_768 + b"\r\n\r\n")

        assert status(connection) == 200


@pytest.mark.parametrize("begun", [b"", b"GET /", HEAD])
def test_a_head_that_does_not_end_in_time_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """Whether it has begun or not, and also where a byte comes now and then."""
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    with connected(port) as connection:
        connection.sendall(begun)
        for _ in range(20):
            time.sleep(0.1)
            with suppress(ConnectionError):
                connection.sendall(b"X" if begun else b"")

        assert status(connection) in ({None, 408} if begun else {None})


def test_the_second_request_of_a_connection_has_its_own_time(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is kept does not add up its heads."""
    monkeypatch.setattr(connections, "HEAD_S", 1.0)
    with connected(port) as connection:
        for _ in range(4):
            connection.sendall(HEAD + b"\r\n")
            assert status(connection) == 200
            time.sleep(0.4)


def test_a_client_that_sends_on_after_its_answer_is_cut_off(port: int) -> None:
    """An epilogue without end is not read for ever."""
    sent = 0
    with connected(port) as connection, suppress(ConnectionError):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 64 << 20:
            connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
            sent += 65536

    assert sent < 64 << 20


def test_half_open_connections_make_room(port: int) -> None:
    """Thirty of them over eight places: who asks properly is answered."""
    half_open = [connected(port) for _ in range(30)]
    for connection in half_open:
        with suppress(ConnectionError):
            connection.sendall(HEAD)
    try:
        assert [asked(port) for _ in range(5)] == [200] * 5
    finally:
        for connection in half_open:
            connection.close()


def test_requests_at_work_are_not_cut_off(port: int) -> None:
    """Where all places are at work, the next one is told so."""
    with all_places(port, SLOW) as at_work:
        refused = asked(port)

        assert refused == 429
        assert [status(connection) for connection in at_work] == [200] * LIMITS.total


@pytest.mark.parametrize(
    "begun",
    [
        BODY,
        b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["bodies that do not end", "answers that nobody reads"],
)
def test_requests_that_wait_for_their_client_make_room(port: int, begun: bytes) -> None:
    """They hold a place only as long as nobody else needs it."""
    with all_places(port, begun):
        assert [asked(port) for _ in range(3)] == [200] * 3


def test_a_body_that_makes_room_is_told_so(port: int) -> None:
    """It gets an answer, not only an end."""
    with all_places(port, BODY) as waiting:
        asked(port)

        assert status(waiting[0]) == 408


def test_health_is_told_past_the_limit(port: int) -> None:
    """Whoever watches the service learns that it lives, however busy it is."""
    with all_places(port, SLOW) as at_work:
        with connected(port) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

            assert status(connection) == 200
        assert [status(connection) for connection in at_work] == [200] * LIMITS.total


def test_an_answer_that_nobody_reads_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time, whether the place is needed or not."""
    monkeypatch.setattr(connections, "STALL_S", 0.3)
    with connected(port) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1.0)
        received = 0
        with suppress(ConnectionError):
            while piece := connection.recv(1 << 20):
                received += len(piece)

    assert received < 64 << 20


CHUNKED = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begun", "endless"),
    [
        (b"0\r\n", b"X-A: b\r\n" * 512),
        (b"0\r\nX-A: ", b"b" * 4096),
        (b"5;a=", b"b" * 4096),
    ],
    ids=["trailers", "one trailer", "an extension of a chunk"],
)
def test_what_belongs_to_no_body_has_an_end(port: int, begun: bytes, endless: bytes) -> None:
    """It would fill the memory as a head without end does."""
    sent = 0
    with connected(port) as connection:
        connection.sendall(CHUNKED + begun)
        with suppress(ConnectionError):
            while sent < 64 << 20:
                connection.sendall(endless)
                sent += len(endless)

    assert sent < 64 << 20


def test_requests_that_wait_for_an_answer_are_few(port: int) -> None:
    """Who sends hundreds before the first is answered is cut off."""
    with connected(port) as connection:
        connection.sendall(SLOW * 200)

        assert status(connection) is None


def test_two_hosts_are_refused(port: int) -> None:
    """Only one of them would be checked."""
    with connected(port) as connection:
        connection.sendall(HEAD + b"Host: y\r\n\r\n")

        assert status(connection) == 400


TOLD = b"POST /told HTTP/1.1\r\nHost: x\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
    ids=["length", "chunks"],
)
@pytest.mark.parametrize(
    "offer", [OFFER, b"upgrade: websocket\r\nconnection: keep-alive, UPGRADE\r\n"]
)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_an_offer_to_upgrade_takes_no_body_away(
    port: int, body: bytes, offer: bytes, in_pieces: bool
) -> None:
    """The request is answered as without it, and so is the next one of the connection."""
    with connected(port) as connection:
        for _ in range(2):
            whole = TOLD + offer + body
            pieces = [whole[at : at + 60] for at in range(0, len(whole), 60)]
            for piece in pieces if in_pieces else [whole]:
                connection.sendall(piece)
                time.sleep(0.01 if in_pieces else 0.0)
            assert answer(connection).endswith(b"\r\n\r\nhello")


def answer(connection: socket.socket) -> bytes:
    """The next answer of `/told`, as far as five letters of its body."""
    found = b""
    while not found.endswith(b"hello") and (piece := connection.recv(65536)):
        found += piece
    return found


@pytest.mark.parametrize(
    ("address", "expected"),
    [(b"http://x/", 200), (b"HTTP://X/", 200), (b"http://y/", 400), (b"http://x@y/", 400)],
)
def test_an_address_names_no_other_host(port: int, address: bytes, expected: int) -> None:
    """Only the field would be checked."""
    with connected(port) as connection:
        connection.sendall(b"GET " + address + b" HTTP/1.1\r\nHost: x\r\n\r\n")

        assert status(connection) == expected


def test_one_client_cannot_hold_all_connections() -> None:
    """It makes room among its own."""
    with serving(ConnectionLimits(total=20, per_client=4)) as at:
        own = [connected(at) for _ in range(12)]
        time.sleep(0.3)
        alive = sum(status_or_open(connection) for connection in own)
        for connection in own:
            connection.close()

    assert alive == 4


def status_or_open(connection: socket.socket) -> bool:
    """Whether the server keeps the connection open."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
