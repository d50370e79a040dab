"""Which hosts and which pages may ask: what a browser must not be led to do.

A page of another site can make a browser send requests here. It reads no answer, unless its own
host name is made to point to this machine (DNS rebinding); but a form that it posts would be
carried out. So requests must name a host of this service, and what changes or costs something must
not come from the page of another site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITE = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for requests of this service's own page, or typed by the user."""
_HOST = re.compile(r"(\[[^\]]*\]|[^\[\]:]*)(?::\d{0,5})?", re.ASCII)


class Origins:
    """The hosts that requests may be addressed to, and the origins whose pages may send them."""

    def __init__(self, trusted_hosts: Sequence[str], cors_origins: Sequence[str] = ()) -> None:
        """Take the settings of the same names; `*` as a host accepts any."""
        self._hosts = frozenset(host.lower() for host in trusted_hosts)
        self._origins = frozenset(cors_origins)

    @property
    def resource_policy(self) -> bytes:
        """`Cross-Origin-Resource-Policy`: other pages embed nothing unless some may call."""
        return b"cross-origin" if self._origins else b"same-origin"

    def trusts(self, host: str) -> bool:
        """Whether requests may be addressed to `host` (the `Host` header).

        A request without that header comes from no browser.
        """
        return not host or "*" in self._hosts or _name(host) in self._hosts

    def is_foreign(self, method: str, headers: Mapping[str, str]) -> bool:
        """Whether the page of another site sends this request, and it does more than read."""
        origin = headers.get("origin")
        if method in HARMLESS or origin in self._origins or "*" in self._origins:
            return False
        site = headers.get("sec-fetch-site")
        if site is not None:  # no page can set it
            return site not in OWN_SITE
        return origin is not None and origin.partition("://")[2] != headers.get("host", "")


def _name(host: str) -> str:
    """The host without its port, in small letters; nothing where what follows is no port."""
    found = _HOST.fullmatch(host)
    return found[1].lower().removesuffix(".") if found is not None else ""
