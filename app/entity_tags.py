"""Entity tags: whether a client has the answer already."""

from __future__ import annotations

from fastapi import Request


def is_known(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag.

    Weak and strong ones count alike (RFC 9110, 13.1.2), and `*`
    names any.

    Args:
        request: Of the client.
        tag: With its quotation marks.
    """
    known = request.headers.get("if-none-match", "")
    named = {part.strip().removeprefix("W/") for part in known.split(",")}
    return bool(named & {tag, "*"})
