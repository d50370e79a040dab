"""API keys over HTTP: what each scope opens, and how often a client may ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.http.keys import KeyRing
from tests.running import (
    ADMIN,
    Running,
    fake_settings,
    index_now,
    problem_of,
    running_service,
    write_library,
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that wants a key for everything."""
    folder = tmp_path_factory.mktemp("guarded")
    write_library(folder / "music")
    with running_service(fake_settings(folder, require_key=True)) as running:
        index_now(running)
        yield running


def with_scopes(running: Running, *scopes: str) -> dict[str, str]:
    """Headers with a new key of these scopes."""
    _, token = KeyRing(running.settings.data_dir / "keys.json").create("test", scopes)
    return {"Authorization": f"Bearer {token}"}


def test_keys_open_what_their_scope_allows(guarded: Running) -> None:
    """Read reads, upload uploads, admin does all; without a key nothing goes."""
    client = guarded.client
    body = {"emotion": {"mood": "calm"}}
    read, upload = with_scopes(guarded, "read"), with_scopes(guarded, "upload")
    admin = with_scopes(guarded, "admin")

    problem_of(client.post("/v1/playlists", json=body), 401, "unauthenticated")
    assert client.post("/v1/playlists", json=body, headers=read).status_code == 200
    problem_of(client.post("/v1/playlists", json=body, headers=upload), 403, "forbidden")
    refused = client.post("/v1/emotions", files={"file": b"x"}, headers=read)
    problem_of(refused, 403, "forbidden")
    heard = client.post("/v1/emotions", files={"file": b"x"}, headers=upload)
    problem_of(heard, 422, "undecodable-audio")
    problem_of(client.get("/v1/admin/snapshots", headers=read), 403, "forbidden")
    assert client.get("/v1/admin/snapshots", headers=admin).status_code == 200
    assert client.post("/v1/playlists", json=body, headers=ADMIN).status_code == 200


def test_a_revoked_key_is_useless_at_once(guarded: Running) -> None:
    """No restart is needed."""
    ring = KeyRing(guarded.settings.data_dir / "keys.json")
    key, token = ring.create("short-lived", ["read"])
    headers = {"Authorization": f"Bearer {token}"}
    assert guarded.client.get("/v1/library", headers=headers).status_code == 200

    ring.revoke(key.id)

    problem_of(guarded.client.get("/v1/library", headers=headers), 401, "unauthenticated")


def test_the_rate_limit_holds_per_client(tmp_path: Path) -> None:
    """The sixth request of a minute is refused with the time to wait; health checks are not."""
    with running_service(fake_settings(tmp_path, requests_per_minute=5)) as running:
        answers = [running.client.get("/v1/library") for _ in range(6)]
        health = running.client.get("/healthz")

    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    problem_of(answers[5], 429, "rate-limited")
    assert 1 <= int(answers[5].headers["retry-after"]) <= 12
    assert health.status_code == 200


def test_guessing_tokens_is_limited_like_everything_else(tmp_path: Path) -> None:
    """A wrong token costs its sender a request, so that nobody tries them all."""
    settings = fake_settings(tmp_path, requests_per_minute=5)
    with running_service(settings) as running:
        answers = [
            running.client.get(
                "/v1/admin/snapshots", headers={"Authorization": f"Bearer guess-{number}"}
            )
            for number in range(6)
        ]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    problem_of(answers[-1], 429, "rate-limited")


def test_an_admin_key_alone_makes_the_library_administered(tmp_path: Path) -> None:
    """The page offers the field for a token wherever one opens the endpoints."""
    with running_service(fake_settings(tmp_path, admin_token=None)) as running:
        ring = KeyRing(running.settings.data_dir / "keys.json")
        before = running.client.get("/v1/library").json()["administered"]
        key, token = ring.create("administrator", ["admin"])
        with_key = running.client.get("/v1/library").json()["administered"]
        headers = {"Authorization": f"Bearer {token}"}
        opened = running.client.get("/v1/admin/snapshots", headers=headers)
        ring.revoke(key.id)
        after = running.client.get("/v1/library").json()["administered"]

    assert (before, with_key, after) == (False, True, False)
    assert opened.status_code == 200
