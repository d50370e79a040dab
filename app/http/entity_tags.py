"""Entity tags: whether a client has the answer already (RFC 9110, 8.8.3 and 13.1.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from fastapi import Request, Response
from pydantic import BaseModel

from app.version import VERSION

ASKED_ABOUT = "private, no-cache"  # kept by clients, but asked about before it is used again


def is_known(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, or any; weak and strong ones count alike.

    Args:
        request: Of the client.
        tag: With its quotation marks.
    """
    wanted = tag.removeprefix("W/")
    known = request.headers.get("if-none-match", "")
    return bool({"*", wanted} & {part.strip().removeprefix("W/") for part in known.split(",")})


def is_file_known(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether a client has a file already: by its tag or, where it names none, by its time.

    Args:
        request: Of the client.
        headers: Of the answer, with `etag` and `last-modified`.
    """
    since = request.headers.get("if-modified-since")
    if since is None or "if-none-match" in request.headers:
        return is_known(request, headers["etag"])
    try:
        return parsedate_to_datetime(headers["last-modified"]) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):  # no time, or without its zone
        return False


def snapshot_tag(request: Request, snapshot_id: str) -> str:
    """The weak tag of an answer that the snapshot and the address alone decide."""
    url = request.url
    return _weak(VERSION, snapshot_id, url.path, url.query)


def known_answer(request: Request, tag: str) -> Response | None:
    """304 where the client has the answer of this tag; else None."""
    if not is_known(request, tag):
        return None
    return Response(status_code=304, headers=tagged(tag))


def tagged(tag: str) -> dict[str, str]:
    """The headers of an answer that has a tag."""
    return {"etag": tag, "cache-control": ASKED_ABOUT}


def json_unless_known(request: Request, answer: BaseModel) -> Response:
    """An answer that more than the snapshot decides, tagged by its content; or 304."""
    content = answer.model_dump_json(by_alias=True)
    tag = _weak(content)
    return known_answer(request, tag) or Response(
        content, media_type="application/json", headers=tagged(tag)
    )


def _weak(*parts: str) -> str:
    digest = hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=12)
    return f'W/"{digest.hexdigest()}"'
