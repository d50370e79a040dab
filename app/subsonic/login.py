"""Who calls: by API key, by a user name with the key as password, or by a token made of one."""

from __future__ import annotations

import hashlib
import hmac

from fastapi import Request

from app.http.clients import address_of
from app.http.keys import PREFIX, ApiKey
from app.routes.access import profile_of
from app.routes.signing import ADMIN
from app.services import Services
from app.subsonic.call import Listener, Params
from app.subsonic.errors import (
    CONFLICTING_LOGIN,
    FORBIDDEN,
    MISSING,
    UNSUPPORTED_LOGIN,
    WRONG_KEY,
    WRONG_LOGIN,
    SubsonicError,
)

ANYBODY = "listener"
MOST_LETTERS = 200  # of a name that anybody gives
WRONG = "wrong user name or password; the password is an API key (circumplex key create)"


def listener_of(request: Request, params: Params, services: Services) -> Listener:
    """Who makes a call; counted by the rate limit.

    Raises:
        SubsonicError: The login is missing, wrong, conflicting, or of a key that may not read.
        RateLimitedError: More calls than this client may make.
    """
    host = address_of(request)
    try:
        key = _key(params, services)
    except SubsonicError:
        services.rate_limit.take(host)
        raise
    services.rate_limit.take(f"key {key.id}" if key is not None else host)
    if key is None:
        name = (_first(params, "u") or ANYBODY)[:MOST_LETTERS]
        return Listener(name, may_write=True, is_admin=False)
    if not key.allows("read"):
        raise SubsonicError(FORBIDDEN, f"key {key.id} may not read")
    profile = profile_of(key, services)
    return Listener(key.name, key.allows("write"), key.allows("admin"), profile)


def _key(params: Params, services: Services) -> ApiKey | None:
    """The key of a login; None where none is needed and none is shown."""
    api_key, user = _first(params, "apiKey"), _first(params, "u")
    password, token = _first(params, "p"), _first(params, "t")
    if api_key is not None:
        if user is not None or password is not None or token is not None:
            raise SubsonicError(CONFLICTING_LOGIN, "give either apiKey, or u with p or t and s")
        return _known(api_key, services, WRONG_KEY, "this API key is not known")
    if password is not None and token is not None:
        raise SubsonicError(CONFLICTING_LOGIN, "give either p, or t and s")
    open_to_all = not services.settings.require_key
    if user is None or (password is None and token is None):
        if open_to_all:
            return None
        raise SubsonicError(MISSING, "log in with apiKey, or with u and p or t and s")
    if token is not None:
        return _by_token(user, token, _first(params, "s") or "", services)
    plain = _plain(password or "")
    if open_to_all and not plain.startswith(PREFIX):
        return _admin(plain, services)
    return _known(plain, services, WRONG_LOGIN, WRONG)


def _known(token: str, services: Services, code: int, wrong: str) -> ApiKey:
    key = _admin(token, services) or services.keys.find(token)
    if key is None:
        raise SubsonicError(code, wrong)
    return key


def _admin(token: str, services: Services) -> ApiKey | None:
    expected = services.settings.admin_token
    if expected is None:
        return None
    same = hmac.compare_digest(token.encode(), expected.get_secret_value().encode())
    return ADMIN if same else None


def _by_token(user: str, token: str, salt: str, services: Services) -> ApiKey | None:
    named = services.keys.named(user)
    for key in named:
        if key.secret:
            made = hashlib.md5((key.secret + salt).encode(), usedforsecurity=False).hexdigest()
            if hmac.compare_digest(made.encode(), token.lower().encode("utf-8", "replace")):
                return key
    if not services.settings.require_key and not named:
        return None
    if named and not any(key.secret for key in named):
        raise SubsonicError(
            UNSUPPORTED_LOGIN,
            "tokens need a key that was made for them (circumplex key create --subsonic); this one "
            "works as apiKey or as a password",
        )
    raise SubsonicError(WRONG_LOGIN, WRONG)


def _plain(password: str) -> str:
    """The password, `enc:` and its hexadecimal digits undone."""
    if not password.startswith("enc:"):
        return password
    try:
        return bytes.fromhex(password.removeprefix("enc:")).decode("utf-8", "replace")
    except ValueError as exc:
        raise SubsonicError(WRONG_LOGIN, "enc: takes hexadecimal digits") from exc


def _first(params: Params, name: str) -> str | None:
    values = params.get(name)
    return values[0] if values else None
