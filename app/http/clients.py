"""Who asks, as far as the connection tells."""

from __future__ import annotations

from fastapi import Request

UNKNOWN = "unknown"


def address_of(request: Request) -> str:
    """The address of a client, by which it is bounded; one name for all that have none."""
    return request.client.host if request.client is not None else UNKNOWN
