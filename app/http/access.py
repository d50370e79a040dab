"""Who may do what, and how often."""

from __future__ import annotations

import hmac
import math
import time
from collections import OrderedDict
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.errors import AdminDisabledError, RateLimitedError, ScopeError, UnauthenticatedError
from app.http.keys import ApiKey, Scope
from app.http.signing import ADMIN, signer
from app.services import Services, ServicesDep

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="circumplex"'}
MAX_CLIENTS = 10_000  # clients remembered by the rate limit

bearer = HTTPBearer(
    auto_error=False,
    description="The admin token (`CIRCUMPLEX_ADMIN_TOKEN`), or an API key with the scope.",
)


class RateLimit:
    """A bucket of requests for each client, refilled steadily; used from the event loop alone."""

    def __init__(self, requests_per_minute: int) -> None:
        """Allow `requests_per_minute` requests, as many at once; 0 allows any number."""
        self._size = float(requests_per_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now_s: float | None = None) -> None:
        """Count one request of `client`.

        Raises:
            RateLimitedError: The bucket is empty.
        """
        if not self._size:
            return
        now_s = time.monotonic() if now_s is None else now_s
        left, then_s = self._buckets.pop(client, (self._size, now_s))
        left = min(self._size, left + (now_s - then_s) * self._size / 60.0)
        allowed = left >= 1.0
        self._buckets[client] = (left - 1.0 if allowed else left, now_s)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = math.ceil((1.0 - left) * 60.0 / self._size)
            raise RateLimitedError(
                f"more than {self._size:.0f} requests a minute; try again in {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )


async def read_access(request: Request, services: ServicesDep) -> None:
    """For everything that only reads."""
    _enter(request, services, "read")


async def write_access(request: Request, services: ServicesDep) -> None:
    """For everything that listeners keep: stations, playlists, stars."""
    _enter(request, services, "write")


async def upload_access(request: Request, services: ServicesDep) -> None:
    """For endpoints that take files."""
    _enter(request, services, "upload")


async def admin_access(
    request: Request, services: ServicesDep, _documented: Annotated[object, Depends(bearer)]
) -> None:
    """For the admin endpoints: always behind a credential."""
    settings = services.settings
    if not settings.admin:
        raise AdminDisabledError("the admin endpoints are switched off (CIRCUMPLEX_ADMIN=false)")
    if settings.admin_token is None and not any(k.allows("admin") for k in services.keys.all()):
        raise AdminDisabledError(
            "no admin token is configured: start the service with CIRCUMPLEX_ADMIN_TOKEN set"
        )
    key = _counted(request, services)
    if key is None:
        raise UnauthenticatedError(
            "send the admin token as 'Authorization: Bearer …'", headers=CHALLENGE
        )
    _require(key, "admin")


def _enter(request: Request, services: Services, scope: Scope) -> None:
    key = _counted(request, services)
    request.state.key = key
    if not services.settings.require_key:
        return
    if key is None:
        raise UnauthenticatedError(
            "send an API key as 'Authorization: Bearer …'", headers=CHALLENGE
        )
    _require(key, scope)


def _counted(request: Request, services: Services) -> ApiKey | None:
    """The key the request shows, its bucket one request emptier; guessing tokens counts too."""
    try:
        key = _credential(request, services)
    except UnauthenticatedError:
        services.rate_limit.take(_client(request, None))
        raise
    services.rate_limit.take(_client(request, key))
    return key


def _require(key: ApiKey, scope: Scope) -> None:
    if not key.allows(scope):
        raise ScopeError(f"key {key.id} has the scopes {', '.join(key.scopes)}, not {scope}")


def _credential(request: Request, services: Services) -> ApiKey | None:
    """The key the request shows; None without one.

    Raises:
        UnauthenticatedError: It shows one that is not known.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return signer(request, services)
    expected = services.settings.admin_token
    if expected is not None and hmac.compare_digest(
        token.encode(), expected.get_secret_value().encode()
    ):
        return ADMIN
    key = services.keys.find(token)
    if key is None and (services.settings.require_key or "/admin/" in request.url.path):
        raise UnauthenticatedError("this token is not known", headers=CHALLENGE)
    return key


def _client(request: Request, key: ApiKey | None) -> str:
    if key is not None:
        return f"key {key.id}"
    return request.client.host if request.client is not None else "unknown"
