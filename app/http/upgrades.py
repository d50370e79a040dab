"""Requests that offer to leave HTTP/1.1 are read as if they did not (RFC 9110, 7.8).

The HTTP client of Java offers HTTP/2 (`Upgrade: h2c`) with its first request, whatever that is. The
parser of httptools takes such an offer for accepted: it ends the request behind its head, and its
body is lost (Kludex/uvicorn#2722).
"""

from __future__ import annotations

from typing import Protocol

import httptools


class HeadReader(Protocol):
    """What the parser tells of the head that it reads."""

    url: bytes
    headers: list[tuple[bytes, bytes]]


class StayingParser:
    """The parser of httptools for a server that accepts no upgrade.

    A head with an offer is read a second time without it. While `reads_again`, whoever is told of
    the head and its end does nothing yet.
    """

    def __init__(self, reader: HeadReader) -> None:
        """Tell `reader` of what is read, as httptools does."""
        self._reader = reader
        self._parser = _fresh(reader)

    @property
    def reads_again(self) -> bool:
        """Whether this head offers an upgrade, and so is read once more."""
        return self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT"

    def feed_data(self, data: bytes) -> None:
        """Read on.

        Raises:
            HttpParserError: It is no HTTP.
            HttpParserUpgrade: CONNECT asks for a tunnel; what follows is not read.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if not self.reads_again:
                raise
            head, rest = self._head_without_offer(), data[offer.args[0] :]
            self._parser = _fresh(self._reader)
            self.feed_data(head + rest)

    def get_method(self) -> bytes:
        """Of the request."""
        return self._parser.get_method()

    def get_http_version(self) -> str:
        """Of the request."""
        return self._parser.get_http_version()

    def should_keep_alive(self) -> bool:
        """Whether the client wants to send more."""
        return self._parser.should_keep_alive()

    def should_upgrade(self) -> bool:
        """Whether the protocol changes: never."""
        return False

    def _head_without_offer(self) -> bytes:
        parser, reader = self._parser, self._reader
        first = b"%s %s HTTP/%s" % (
            parser.get_method(),
            reader.url,
            parser.get_http_version().encode(),
        )
        kept = [b"%s: %s" % field for field in reader.headers if field[0].lower() != b"upgrade"]
        return b"\r\n".join((first, *kept, b"", b""))


def _fresh(reader: HeadReader) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(reader)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it
    return parser
