"""Settings from the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, is_loopback
from indexer.catalog.catalog import open_catalog
from indexer.folders.roots import StoreRoot


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of folders as in PATH, lists of names by commas, an empty value as none."""
    roots = os.pathsep.join(["/a", "s3://music/of/mine", "/b c"])
    monkeypatch.setenv("CIRCUMPLEX_MUSIC_ROOTS", roots)
    monkeypatch.setenv("CIRCUMPLEX_TRUSTED_HOSTS", "one.example, two.example")
    monkeypatch.setenv("CIRCUMPLEX_COMPAT", "audiomuse, spotify")
    monkeypatch.setenv("CIRCUMPLEX_ADMIN_TOKEN", "")
    monkeypatch.setenv("CIRCUMPLEX_DATA_DIR", "~/music-data")

    settings = Settings()

    assert settings.music_roots == (Path("/a"), StoreRoot("music", "of/mine"), Path("/b c"))
    assert settings.trusted_hosts == ("one.example", "two.example")
    assert settings.compat == ("audiomuse", "spotify")
    assert settings.admin_token is None
    assert settings.data_dir == Path.home() / "music-data"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every setting: stacks often hand on what is not set as an empty text."""
    without = Settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"CIRCUMPLEX_{name.upper()}", "")

    assert Settings() == without


def test_the_database_lies_in_the_data_folder_whatever_that_is_called(tmp_path: Path) -> None:
    """Signs that mean something in an address are signs of a name."""
    folder = tmp_path / "what?#100%3F"
    folder.mkdir()

    open_catalog(Settings(data_dir=folder).resolved_database_url).close()

    assert (folder / "circumplex.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_the_database_is_sqlite_in_the_data_folder_unless_named(tmp_path: Path) -> None:
    """An absolute path, whatever the working folder is later."""
    own = Settings(data_dir=tmp_path)
    named = Settings(data_dir=tmp_path, database_url="postgresql://db/circumplex")

    assert own.resolved_database_url == f"sqlite:///{tmp_path}/circumplex.db"
    assert named.resolved_database_url == "postgresql://db/circumplex"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "music.example"])
def test_an_address_others_reach_needs_a_token(host: str) -> None:
    """Refused with the two ways out; a token or no administration makes it possible."""
    with pytest.raises(ValidationError, match="CIRCUMPLEX_ADMIN_TOKEN"):
        Settings(host=host)

    assert Settings(host=host, admin_token="long enough").host == host
    assert Settings(host=host, admin=False).host == host


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback_addresses_are_known(host: str, expected: bool) -> None:
    """Only what never leaves the machine counts."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "change",
    [
        {"port": 70_000},
        {"max_upload_bytes": 0},
        {"upload_workers": 0},
        {"device": "tpu"},
        {"rescan_s": 1},
        {"max_upload_duration_s": -1},
        {"rescan_s": float("inf")},
        {"admin_token": "two\nlines"},
        {"admin_token": "é" * 20},
        {"data_dir": "~nobody-of-this-name/music"},
        {"data_dir": "/data/caf\udce9"},
        {"root_path": "music"},
        {"root_path": "/music/"},
        {"trusted_hosts": "http://music.example/"},
        {"trusted_hosts": "music.example:8000"},
        {"cors_origins": "music.example"},
        {"cors_origins": "https://music.example/"},
        {"trusted_proxies": "10.0.0.0/99"},
        {"compat": "napster"},
    ],
    ids=str,
)
def test_values_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    """Each bound holds."""
    with pytest.raises(ValidationError):
        Settings(**change)  # type: ignore[arg-type]


def test_settings_are_frozen_and_keep_the_token_secret() -> None:
    """Nobody changes them on the way, and no log shows the token."""
    settings = Settings(admin_token="a-very-secret-token")

    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
    assert "a-very-secret-token" not in repr(settings)
