"""Who may do what: dependencies of the routes."""

from __future__ import annotations

import hmac
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.errors import AdminDisabledError, KeyFileError, ScopeError, UnauthenticatedError
from app.http.clients import address_of
from app.http.keys import ApiKey, KeyScope
from app.library.live import Live
from app.routes.signing import ADMIN, signer
from app.services import Services, ServicesDep
from indexer.catalog.profiles import MACHINE

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="circumplex"'}

bearer = HTTPBearer(
    auto_error=False,
    description="The admin token (`CIRCUMPLEX_ADMIN_TOKEN`), or an API key with the scope.",
)


Documented = Annotated[object, Depends(bearer)]  # read by `_credential`; here it is declared


async def read_access(request: Request, services: ServicesDep, _key: Documented) -> None:
    """For everything that only reads."""
    _enter(request, services, "read")


async def write_access(request: Request, services: ServicesDep, _key: Documented) -> None:
    """For everything that listeners keep: stations, playlists, stars."""
    _enter(request, services, "write")


async def upload_access(request: Request, services: ServicesDep, _key: Documented) -> None:
    """For endpoints that take files."""
    _enter(request, services, "upload")


def owner_of(request: Request, services: Services) -> str:
    """Whose profile a request speaks of: that of its key, else the machine's."""
    return profile_of(getattr(request.state, "key", None), services)


def profile_of(key: ApiKey | None, services: Services) -> str:
    """Whose profile a key speaks of."""
    if key is None or key.id == ADMIN.id or services.settings.profiles == "machine":
        return MACHINE
    return key.id


def live_of(request: Request, services: Services) -> Live:
    """The snapshot that answers, on the plane of the listener who asks.

    Raises:
        NotReadyError: There is none.
    """
    return services.planes.live_of(owner_of(request, services), services.live.current())


def live_or_none_of(request: Request, services: Services) -> Live | None:
    """As `live_of`; None where nothing is indexed."""
    live = services.live.current_or_none()
    return None if live is None else services.planes.live_of(owner_of(request, services), live)


async def seen_by(request: Request, services: Services, live: Live) -> Live:
    """A snapshot on the plane of the listener who asks; no thread waits where it is at hand."""
    owner = owner_of(request, services)
    own = services.planes.at_hand(owner, live)
    if own is None:
        planes = services.planes
        own = await to_thread.run_sync(planes.live_of, owner, live, limiter=planes.threads)
    return own


def is_administered(services: Services) -> bool:
    """Whether a credential opens the admin endpoints: the token, or a key with the scope."""
    settings = services.settings
    if not settings.admin or settings.admin_token is not None:
        return settings.admin
    try:
        return _has_admin_key(services)
    except KeyFileError:  # a file that cannot be read lets nobody in
        return False


async def admin_access(request: Request, services: ServicesDep, _key: Documented) -> None:
    """For the admin endpoints: always behind a credential."""
    settings = services.settings
    if not settings.admin:
        raise AdminDisabledError("the admin endpoints are switched off (CIRCUMPLEX_ADMIN=false)")
    if settings.admin_token is None and not _has_admin_key(services):
        raise AdminDisabledError(
            "no admin token is configured: start the service with CIRCUMPLEX_ADMIN_TOKEN set"
        )
    key = _counted(request, services)
    if key is None:
        raise UnauthenticatedError(
            "send the admin token as 'Authorization: Bearer …'", headers=CHALLENGE
        )
    _require(key, "admin")


def _has_admin_key(services: Services) -> bool:
    return any(key.allows("admin") for key in services.keys.all())


def _enter(request: Request, services: Services, scope: KeyScope) -> None:
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


def _require(key: ApiKey, scope: KeyScope) -> None:
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
    return f"key {key.id}" if key is not None else address_of(request)
