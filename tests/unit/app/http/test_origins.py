"""Which hosts and pages may ask."""

from __future__ import annotations

import pytest

from app.http.origins import LOCAL_HOSTS, Origins
from app.settings import Settings

LOCAL = Origins(LOCAL_HOSTS)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000", "[::1]", "localhost.", ""]
)
def test_local_names_are_trusted(host: str) -> None:
    """With any port, and without a name for clients that are no browser."""
    assert LOCAL.trusts(host)


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example:8000",
        "localhost.attacker.example",
        "127.0.0.1.nip.example",
        "10.0.0.1",
        "localhost:80@attacker.example",
        "localhost:port",
        "[::1",
        "[",
    ],
)
def test_other_names_are_not(host: str) -> None:
    """A name that an attacker can point to this machine."""
    assert not LOCAL.trusts(host)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://attacker.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8000", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost:3000"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://["},
        {"origin": ""},
    ],
)
def test_pages_of_other_sites_may_not_write(headers: dict[str, str]) -> None:
    """Of another name, another port, or none at all."""
    assert LOCAL.is_foreign("POST", {"host": "localhost:8000", **headers})
    assert not LOCAL.is_foreign("GET", {"host": "localhost:8000", **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8000"},
        {"origin": "https://localhost:8000", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_the_own_page_and_programs_may(headers: dict[str, str]) -> None:
    """Programs send no origin."""
    assert not LOCAL.is_foreign("DELETE", {"host": "localhost:8000", **headers})


def test_named_origins_may() -> None:
    """Those of `CIRCUMPLEX_CORS_ORIGINS`; then other pages may embed too."""
    origins = Origins(LOCAL_HOSTS, ("https://player.example",))

    assert not origins.is_foreign("POST", {"host": "localhost", "origin": "https://player.example"})
    assert origins.is_foreign("POST", {"host": "localhost", "origin": "https://other.example"})
    assert (origins.resource_policy, LOCAL.resource_policy) == (b"cross-origin", b"same-origin")


def test_loopback_trusts_local_names_alone() -> None:
    """Unless the settings name others; other addresses have names nobody here knows."""
    assert Settings(host="127.0.0.1").resolved_trusted_hosts == LOCAL_HOSTS
    assert Settings(host="0.0.0.0", admin=False).resolved_trusted_hosts == ("*",)
    assert Settings(trusted_hosts=("a.example",)).resolved_trusted_hosts == ("a.example",)
