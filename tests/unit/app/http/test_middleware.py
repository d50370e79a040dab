"""Large bodies take turns, and a body may not take for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.errors import BodyTimeoutError
from app.http import middleware
from app.http.middleware import LARGE_BODY_BYTES, PIECE_BYTES, RequestMiddleware
from app.http.origins import Origins
from app.metrics import Metrics


class Reader:
    """An application that reads the body and notes the order of the paths."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.failed: list[Exception] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read, note, answer."""
        try:
            while (await receive())["more_body"]:
                pass
        except BodyTimeoutError as exc:
            self.failed.append(exc)
        self.order.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def asked(owner: RequestMiddleware, path: str, body: bytes, more: bool = False) -> None:
    """One request whose body is there at once; with `more` the rest never comes."""
    messages = [{"type": "http.request", "body": body, "more_body": more}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.sleep(60.0)
        return messages.pop()

    async def send(_message: Any) -> None:
        return

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    await owner(scope, receive, send)


def owner_of(reader: Any) -> RequestMiddleware:
    """The middleware around an application."""
    return RequestMiddleware(
        reader,
        metrics=Metrics(),
        max_body_bytes=1 << 20,
        upload_paths=frozenset(),
        origins=Origins(("*",)),
    )


def test_a_small_request_does_not_wait_for_many_large_ones() -> None:
    """It came last and is answered among the first."""
    reader = Reader()
    owner = owner_of(reader)

    async def crowd() -> None:
        large = [asked(owner, f"/{n}", bytes(LARGE_BODY_BYTES + 1)) for n in range(20)]
        await asyncio.gather(*large, asked(owner, "/small", b"{}"))

    asyncio.run(crowd())

    assert len(reader.order) == 21
    assert reader.order.index("/small") < 3


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, deflate", "x-gzip", "zstd"])
def test_a_compressed_body_is_refused(coding: str) -> None:
    """415, with the one encoding that is accepted; nothing of the body is read."""
    reader = Reader()
    status, headers = answer_to(owner_of(reader), coding)

    assert status == 415
    assert headers[b"accept-encoding"] == b"identity"
    assert reader.order == []


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_plain_body_may_say_that_it_is_plain(coding: str) -> None:
    """`identity` is no encoding."""
    status, _ = answer_to(owner_of(Reader()), coding)

    assert status == 200


def answer_to(owner: RequestMiddleware, coding: str) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers of the answer to a body of this `Content-Encoding`."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"\x1f\x8b", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-encoding", coding.encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    asyncio.run(owner(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"])


def test_a_request_that_the_stop_cuts_off_is_told_so() -> None:
    """With a 503, not with a broken connection and a traceback in the log."""
    owner, sent = owner_of(Reader()), []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60.0)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def cut_off() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        request = asyncio.ensure_future(owner(scope, receive, send))
        await asyncio.sleep(0.05)
        request.cancel()
        await request

    asyncio.run(cut_off())

    assert sent[0]["status"] == 503


def test_a_body_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small it is."""
    monkeypatch.setattr(middleware, "BODY_S", 0.05)
    reader = Reader()

    asyncio.run(asked(owner_of(reader), "/", b"{", more=True))

    assert [str(error.detail) for error in reader.failed] == [
        "the request body did not arrive within 0.05 s"
    ]


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_a_large_answer_is_handed_on_in_pieces(size: int) -> None:
    """The server copies a piece for each client that does not read, not the whole answer."""
    content, sent = bytes(range(256)) * (size // 256) + bytes(size % 256), list[dict[str, Any]]()

    async def answers(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(owner_of(answers)(scope, None, send))  # type: ignore[arg-type]

    pieces = [message["body"] for message in sent[1:]]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * (
        len(pieces) - 1
    ) + [False]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("can't start new thread"), 503),
        (MemoryError(), 503),
        (RuntimeError("something else"), 500),
    ],
)
def test_where_the_system_has_no_room_the_client_is_told_to_come_back(
    error: Exception, expected: int
) -> None:
    """It is no fault of the service, and not the end of it."""
    sent = list[dict[str, Any]]()

    async def fails(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(owner_of(fails)(scope, None, send))  # type: ignore[arg-type]

    assert sent[0]["status"] == expected
    assert (b"retry-after" in dict(sent[0]["headers"])) is (expected == 503)
