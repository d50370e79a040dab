"""Addresses that work without a header: signed by a key, for one path, until a time.

Players load what a playlist names without asking how. Such an address names a key, a time and a
signature made with that key's hash, which only this service has; it reads its one path, nothing
else, and dies with the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import urlencode

from fastapi import Request

from app.errors import UnauthenticatedError
from app.http.keys import ApiKey
from app.services import Services

ADMIN = ApiKey("admin", "admin token", "", ("admin",), "")
FOREVER = 0  # as a time: as long as the key lives
SIGNATURE_BYTES = 18


def signed_url(request: Request, route: str, *, lasting: bool = False, **path: object) -> str:
    """The address of a route, signed with the key of the request where keys are asked for.

    Args:
        request: Whose key signs, and whose host stands in the address.
        route: Name of the route.
        lasting: Let it work as long as the key does, for addresses that players subscribe to.
        path: Parameters of the path.
    """
    services: Services = request.state.services
    url = str(request.url_for(route, **path))
    key: ApiKey | None = getattr(request.state, "key", None)
    if key is None or not services.settings.require_key:
        return url
    until = FOREVER if lasting else int(time.time() + services.settings.signed_address_s)
    plain = str(request.app.url_path_for(route, **path))
    made = signature(_secret(key, services), plain, until)
    return f"{url}?{urlencode({'key': key.id, 'until': until, 'sig': made})}"


def signer(request: Request, services: Services) -> ApiKey | None:
    """The key that signed the address of a request, allowed to read alone; None if none did.

    Raises:
        UnauthenticatedError: The signature is of another path, its time is over, or its key is
            revoked.
    """
    given = request.query_params
    if "sig" not in given or request.method not in {"GET", "HEAD"}:
        return None
    until = given.get("until", "")
    known = {key.id: key for key in services.keys.all()} | {ADMIN.id: ADMIN}
    key = known.get(given.get("key", ""))
    if key is None or not until.isdecimal() or len(until) > 12:
        raise UnauthenticatedError("the key that signed this address is revoked")
    expected = signature(_secret(key, services), _path(request), int(until))
    if not hmac.compare_digest(expected.encode(), given["sig"].encode("utf-8", "replace")):
        raise UnauthenticatedError("this address is not signed by its key")
    if int(until) != FOREVER and int(until) < time.time():
        raise UnauthenticatedError("this address has expired: load the playlist again")
    allowed = key.allows("read")
    return ApiKey(key.id, key.name, key.digest, ("read",) if allowed else (), key.created_at)


def _path(request: Request) -> str:
    """The path below the prefix that a proxy strips."""
    path, prefix = request.scope["path"], request.scope.get("root_path", "")
    return str(path.removeprefix(prefix) if prefix and path.startswith(f"{prefix}/") else path)


def _secret(key: ApiKey, services: Services) -> bytes:
    token = services.settings.admin_token
    if key.id == ADMIN.id and token is not None:
        return hashlib.sha256(token.get_secret_value().encode()).hexdigest().encode()
    if not key.digest:
        raise UnauthenticatedError("the key that signed this address is revoked")
    return key.digest.encode()


def signature(secret: bytes, path: str, until: int) -> str:
    """What shows that whoever holds the secret allowed to read the path until that time."""
    digest = hmac.new(secret, f"{path}\n{until}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode()
