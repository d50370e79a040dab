"""Entity tags: whether a client has the answer already."""

from __future__ import annotations

from fastapi import Request


def is_known(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag; weak and strong ones count alike (RFC 9110, 13.1.2).

    Args:
        request: Of the client.
        tag: With its quotation marks.
    """
    known = request.headers.get("if-none-match", "")
    return tag in (part.strip().removeprefix("W/") for part in known.split(","))
