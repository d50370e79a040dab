"""About the server and its listener."""

from __future__ import annotations

from typing import Any

from app.subsonic.call import SubsonicCall
from app.subsonic.errors import FORBIDDEN, SubsonicError

EXTENSIONS = {
    "apiKeyAuthentication": [1],
    "formPost": [1],
    "sonicSimilarity": [1],
}


def ping(_call: SubsonicCall) -> dict[str, Any]:
    """The server answers, and the login is right."""
    return {}


def get_license(_call: SubsonicCall) -> dict[str, Any]:
    """There is nothing to license."""
    return {"license": {"valid": True}}


def get_extensions() -> dict[str, Any]:
    """What this server does beyond the protocol's base; told without a login."""
    listed = [{"name": name, "versions": versions} for name, versions in EXTENSIONS.items()]
    return {"openSubsonicExtensions": listed}


def token_info(call: SubsonicCall) -> dict[str, Any]:
    """Whose key it is."""
    return {"tokenInfo": {"username": call.listener.name}}


def get_user(call: SubsonicCall) -> dict[str, Any]:
    """What the listener may do; of others nothing is told."""
    listener = call.listener
    asked = call.text("username", listener.name)
    if asked.casefold() != listener.name.casefold():
        raise SubsonicError(FORBIDDEN, f"{listener.name!r} may ask about {listener.name!r} alone")
    denied = ("settings", "upload", "comment", "podcast", "jukebox", "share", "videoConversion")
    allowed = ("download", "coverArt", "stream")
    return {
        "user": {
            "username": listener.name,
            "scrobblingEnabled": listener.may_write,
            "adminRole": listener.is_admin,
            "playlistRole": listener.may_write,
            **{f"{role}Role": False for role in denied},
            **{f"{role}Role": True for role in allowed},
            "folder": [1],
        }
    }


def start_scan(call: SubsonicCall) -> dict[str, Any]:
    """Queue an index run, as the administrator may; one that is under way is as good.

    Raises:
        SubsonicError: The key does not administer.
    """
    call.require_write()
    if not call.listener.is_admin:
        raise SubsonicError(FORBIDDEN, "only a key with the scope `admin` may start a scan")
    if not _is_scanning(call):
        call.services.jobs.submit(call.services.settings.music_roots)
    return get_scan_status(call)


def get_scan_status(call: SubsonicCall) -> dict[str, Any]:
    """Whether an index run is under way, and how many songs there are."""
    return {"scanStatus": {"scanning": _is_scanning(call), "count": len(call.library.songs)}}


def _is_scanning(call: SubsonicCall) -> bool:
    return any(not run.is_over for run in call.services.catalog.list_runs(limit=1))
