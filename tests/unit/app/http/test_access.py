"""API keys and the rate limit."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import InvalidRequestError, KeyFileError, RateLimitedError
from app.http.keys import KeyRing
from app.http.rate_limit import RateLimit
from tests.conftest import REPOSITORY

PROCESSES, KEYS = 4, 15
MANY_KEYS = """
import sys
from pathlib import Path
from app.http.keys import KeyRing
ring = KeyRing(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    ring.create("stays", ["read"])
    gone, _token = ring.create("goes", ["read"])
    assert ring.revoke(gone.id)
"""


def test_a_key_is_found_by_its_token_alone(tmp_path: Path) -> None:
    """Any change of the token makes it unknown."""
    ring = KeyRing(tmp_path / "keys.json")
    key, token = ring.create("player", ["read", "upload"])

    assert ring.find(token) == key
    for wrong in ("", token[:-1], token + "x", token.replace(key.id, "0" * 12), "cpx_", "é" * 40):
        assert ring.find(wrong) is None


def test_only_hashes_are_kept_and_only_for_the_owner(tmp_path: Path) -> None:
    """The file holds no token and nobody else may read it."""
    path = tmp_path / "keys.json"
    _, token = KeyRing(path).create("player", ["read"])

    assert token.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_ring_sees_changes_at_once(tmp_path: Path) -> None:
    """The command line creates and revokes while the service runs."""
    service, command = KeyRing(tmp_path / "keys.json"), KeyRing(tmp_path / "keys.json")
    key, token = command.create("player", ["read"])

    assert service.find(token) == key
    assert command.revoke(key.id)
    assert service.find(token) is None
    assert not command.revoke(key.id)


def test_keys_changed_at_once_are_all_kept(tmp_path: Path) -> None:
    """Processes that read and write the file together lose nothing, above all no revocation."""
    command = [sys.executable, "-c", MANY_KEYS, str(tmp_path / "keys.json"), str(KEYS)]
    started = [subprocess.Popen(command, cwd=REPOSITORY) for _ in range(PROCESSES)]

    assert [process.wait(timeout=300) for process in started] == [0] * PROCESSES

    listed = KeyRing(tmp_path / "keys.json").all()
    assert [key.name for key in listed] == ["stays"] * (PROCESSES * KEYS)


def test_a_file_that_may_not_be_looked_at_lets_nobody_in(tmp_path: Path) -> None:
    """Also where its folder is no folder."""
    (tmp_path / "data").write_text("a file")

    with pytest.raises(KeyFileError, match=r"keys\.json cannot be read"):
        KeyRing(tmp_path / "data" / "keys.json").find("cpx_a_b")


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"id": "a"}]', '{"a": 1}', "\xff"])
def test_a_damaged_file_lets_nobody_in_and_says_so(tmp_path: Path, content: str) -> None:
    """It is neither taken for empty nor overwritten."""
    path = tmp_path / "keys.json"
    path.write_text(content, encoding="latin-1")
    ring = KeyRing(path)

    with pytest.raises(KeyFileError, match=r"keys\.json cannot be read"):
        ring.find("cpx_a_b")
    with pytest.raises(KeyFileError):
        ring.create("player", ["read"])
    assert path.read_text(encoding="latin-1") == content


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "delete"]])
def test_a_scope_must_be_one(tmp_path: Path, scopes: list[str]) -> None:
    """The message lists those there are."""
    with pytest.raises(InvalidRequestError, match="read, write, upload, admin"):
        KeyRing(tmp_path / "keys.json").create("player", scopes)


def test_the_bucket_empties_and_refills() -> None:
    """Two at once, then one each half minute."""
    limit = RateLimit(2)
    limit.take("a", now_s=0.0)
    limit.take("a", now_s=0.0)

    with pytest.raises(RateLimitedError, match="in 30 s"):
        limit.take("a", now_s=0.0)
    limit.take("a", now_s=30.0)
    with pytest.raises(RateLimitedError):
        limit.take("a", now_s=31.0)
    limit.take("b", now_s=31.0)


def test_no_limit_lets_everything_through() -> None:
    """Zero means none."""
    limit = RateLimit(0)

    for _ in range(1000):
        limit.take("a", now_s=0.0)


def test_the_limit_remembers_a_bounded_number_of_clients() -> None:
    """Addresses that come once do not fill the memory."""
    limit = RateLimit(1)

    for number in range(12_000):
        limit.take(str(number), now_s=0.0)

    assert len(limit._buckets) == 10_000
