"""What `circumplex doctor` looks for: each check finds its illness, and says what to do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.commands.common import KNOWN_ERRORS, require_data_folder
from app.commands.doctor import CHECKS
from app.errors import ServerStartError
from app.http.keys import KeyRing
from app.opening import opened_catalog
from app.services import load_model
from app.settings import Settings
from indexer.catalog.catalog import open_catalog
from indexer.catalog.lease import new_owner
from tests.indexed_library import Library


def settings(folder: Path, **changes: object) -> Settings:
    """A data folder below `folder`."""
    return Settings(data_dir=folder / "data", **changes)  # type: ignore[arg-type]


def illness(check: str, given: Settings) -> str:
    """What a check complains of."""
    with pytest.raises((*KNOWN_ERRORS, OSError, RuntimeError)) as caught:
        CHECKS[check](given)
    return str(caught.value)


def test_a_healthy_database_is_named(tmp_path: Path) -> None:
    """Its kind, and that its schema is up to date."""
    (tmp_path / "data").mkdir()

    assert "sqlite answers" in CHECKS["database"](settings(tmp_path))


def test_a_failed_run_is_told_until_one_succeeds(tmp_path: Path) -> None:
    """With its reason."""
    given = settings(tmp_path)
    given.data_dir.mkdir()
    catalog = open_catalog(given.resolved_database_url)
    owner = new_owner()
    run = catalog.start_run(["/music"], owner)
    catalog.end_run(run.id, owner, "failed", "no space left on device; free space")
    complaint = illness("index runs", given)
    later = catalog.start_run(["/music"], owner)
    catalog.end_run(later.id, owner, "cancelled")
    catalog.close()

    assert "no space left on device" in complaint
    assert "answers" in CHECKS["database"](given)
    assert "cancelled" in CHECKS["index runs"](given)


def test_a_run_whose_process_hangs_is_named(tmp_path: Path) -> None:
    """Its lease is over and nobody has renewed it."""
    given = settings(tmp_path)
    given.data_dir.mkdir()
    catalog = open_catalog(given.resolved_database_url)
    run = catalog.start_run(["/music"], new_owner())
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE index_runs SET lease_expires_at = '2000-01-01 00:00:00'")
    catalog.close()

    assert f"run {run.id} has not reported since 2000-01-01" in illness("index runs", given)


def test_a_variable_without_effect_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the setting that was probably meant."""
    well = CHECKS["settings"](settings(tmp_path))
    monkeypatch.setenv("CIRCUMPLEX_MUSICROOTS", "/music")

    assert "every" in well
    assert "CIRCUMPLEX_MUSIC_ROOTS" in illness("settings", settings(tmp_path))


@pytest.fixture
def shrinking(tmp_path: Path) -> Iterator[Library]:
    """Three indexed files in the data folder that a doctor looks at, under the shipped model."""
    given = settings(tmp_path, device="cpu")
    with opened_catalog(given) as catalog:
        library = Library(tmp_path, catalog)
        library.model = load_model(given)  # type: ignore[assignment]
        library.index()
        yield library


def test_a_library_that_shrank_is_not_called_well(shrinking: Library, tmp_path: Path) -> None:
    """Neither while files are away, nor once a run has accepted that they are."""
    given = settings(tmp_path, device="cpu")
    well = CHECKS["library"](given)
    (shrinking.music / "a.wav").unlink()
    away = illness("library", given)
    shrinking.index(allow_shrink=True)
    shrunk = illness("library", given)

    assert "3 tracks" in well
    assert "1 of 3 files" in away
    assert "an earlier snapshot holds 3" in shrunk
    assert "1 tracks that were known are missing" in shrunk


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    """Where it was looked for, and no secret."""
    given = settings(tmp_path, database_url="postgresql://me:secret@127.0.0.1:1/none")

    complaint = illness("database", given)

    assert "127.0.0.1" in complaint
    assert "secret" not in complaint


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    """With the remedy."""
    given = settings(tmp_path)
    given.data_dir.mkdir()
    (given.data_dir / "circumplex.db").write_bytes(b"no database\n" * 1000)

    assert "circumplex restore" in illness("database", given)


def test_a_newer_schema_is_named(tmp_path: Path) -> None:
    """An older program on a newer data folder."""
    given = settings(tmp_path)
    given.data_dir.mkdir()
    catalog = open_catalog(given.resolved_database_url)
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    catalog.close()

    assert "newer build" in illness("database", given)


def test_keys_that_nobody_has_and_a_damaged_file_are_told(tmp_path: Path) -> None:
    """A service that asks for a key nobody can have answers nobody."""
    given = settings(tmp_path, require_key=True)
    given.data_dir.mkdir()
    none = illness("API keys", given)
    KeyRing(given.data_dir / "keys.json").create("player", ["read"])
    some = CHECKS["API keys"](given)
    (given.data_dir / "keys.json").write_text("{")

    assert "circumplex key create" in none
    assert some == "1 in use"
    assert "cannot be read" in illness("API keys", given)


def test_roots_tokens_and_folders_are_looked_at(tmp_path: Path) -> None:
    """A root that is not mounted, a short token, a data folder that is a file."""
    away = settings(tmp_path, music_roots=(tmp_path / "away",))
    short = settings(tmp_path, admin_token="short")
    (tmp_path / "file").write_text("")
    blocked = Settings(data_dir=tmp_path / "file")

    assert "away" in illness("music roots", away)
    assert "16 characters" in illness("administration", short)
    assert "file" in illness("data folder", blocked)
    assert "no token" in CHECKS["administration"](settings(tmp_path))
    assert CHECKS["administration"](settings(tmp_path, admin=False)) == "switched off"


@contextmanager
def nobody() -> Iterator[int]:
    """A user without rights, whoever runs the tests."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield os.geteuid()
    finally:
        os.seteuid(user)


def test_a_data_folder_of_another_user_is_named_with_both_users() -> None:
    """As a folder that is bound into a container often is: who writes, whose it is, what to do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        given = Settings(data_dir=folder)
        with nobody() as user, pytest.raises(ServerStartError) as caught:
            require_data_folder(given)
        with nobody(), pytest.raises(ServerStartError, match="cannot be written"):
            require_data_folder(Settings(data_dir=folder / "new"))
        with nobody():
            complaint = illness("data folder", given)

    assert f"{folder} cannot be written by user {user}" in str(caught.value)
    assert f"it belongs to user {os.geteuid()}" in str(caught.value)
    assert complaint == str(caught.value)
