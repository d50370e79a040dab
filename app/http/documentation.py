"""What `/docs` says beside the schemas: the overview and the documented errors."""

from __future__ import annotations

from typing import Any

from app.errors import HTTP_KINDS, PROBLEM_JSON, TABLE
from app.wire.responses import Problem

DESCRIPTION = """
An emotion is a point of Russell's circumplex: **valence**, unpleasant (-1) to pleasant (1), and
**arousal**, sleepy (-1) to activated (1). It may move: a curve of keyframes in seconds.

Two scales: `absolute` is the annotators', of which whole songs fill only the middle; `relative`
spreads -1..1 over the quantiles of what is indexed, so that 1 is the most there is. Every answer
names its scale, its model and, where it comes from the index, its snapshot.

The places of tracks are those of the listener who asks, in every answer and on both scales: where
they put a track, or where it follows that they feel it (`/v1/profile`). A question is asked for
places of the same plane. Without such a plane the places are the model's; `heard` of
`/v1/profile/tracks/{track_id}` is the model's in any case.

Lists come in pages: `limit` bounds a page, `next_cursor` of one is `cursor` of the next.

What can be read with GET can be asked about with HEAD. Answers that carry an `ETag` are 304 while
`If-None-Match` names it.

Errors are `application/problem+json` (RFC 9457); `type` names the kind, `detail` says what to do,
and each of `errors` has a JSON pointer to what is wrong.
"""

TAGS = [
    {"name": "playlists", "description": "Music that feels like an emotion."},
    {"name": "profile", "description": "Where a listener feels tracks, and their own plane."},
    {"name": "stations", "description": "Saved questions that players subscribe to."},
    {"name": "emotions", "description": "The emotion of a clip over time."},
    {"name": "tracks", "description": "What is indexed."},
    {"name": "admin", "description": "Index runs and snapshots; with the admin token."},
    {"name": "operation", "description": "For monitors."},
]


UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What `If-None-Match` names is still the answer."}
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of these error statuses, each with the kinds of problem it may be."""
    return {status: _documented(status) for status in statuses}


def _documented(status: int) -> dict[str, Any]:
    kinds = [*TABLE.values(), *HTTP_KINDS.values()]
    titles = dict.fromkeys(kind.title for kind in kinds if kind.status == status)
    return {
        "description": "; ".join(titles) or "Error",
        "model": Problem,
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def corrected(document: dict[str, Any]) -> dict[str, Any]:
    """The document that FastAPI made, where it says other things than this service does.

    Errors come as problem+json and as nothing else: FastAPI documents the model of an error
    response as plain JSON too, and a validation error as a schema of its own. And a key is needed
    for `/v1/admin` alone, unless the service asks for one everywhere.
    """
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if "admin" not in operation.get("tags", ()) and "security" in operation:
                operation["security"].append({})
            for status, response in operation.get("responses", {}).items():
                if status.startswith(("4", "5")) and "content" in response:
                    response["content"].pop("application/json", None)
    schemas = document.get("components", {}).get("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document
