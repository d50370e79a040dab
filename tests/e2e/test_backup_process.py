"""`circumplex backup` and `circumplex restore` as commands, beside a service that runs."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgreSQL, running_postgresql
from tests.processes import circumplex, serving
from tests.running import write_library

ASKED = ("playlist", "--mood", "calm", "--limit", "5")


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    with running_postgresql(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


def test_a_library_moves_from_sqlite_to_postgresql_and_back(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    """Backed up beside its service, restored, and every playlist is the same to the last digit."""
    write_library(tmp_path / "music")
    url = postgresql.database()
    elsewhere = {"CIRCUMPLEX_DATA_DIR": str(tmp_path / "moved"), "CIRCUMPLEX_DATABASE_URL": url}
    again = {"CIRCUMPLEX_DATA_DIR": str(tmp_path / "back")}
    assert circumplex(tmp_path, "index").returncode == 0
    key = circumplex(tmp_path, "key", "create", "player").stdout.strip()
    before = circumplex(tmp_path, *ASKED).stdout

    with serving(tmp_path) as served:
        there = circumplex(tmp_path, "backup", str(tmp_path / "there.tar"))
        refused = circumplex(tmp_path, "restore", str(tmp_path / "there.tar"))
        assert served.client.get("/readyz").status_code == 200
    moved = circumplex(tmp_path, "restore", str(tmp_path / "there.tar"), **elsewhere)
    after = circumplex(tmp_path, *ASKED, **elsewhere).stdout
    with serving(tmp_path, **elsewhere, CIRCUMPLEX_REQUIRE_KEY="true") as served:
        known = served.client.get("/v1/library", headers={"Authorization": f"Bearer {key}"})
        stranger = served.client.get("/v1/library")
    back = circumplex(tmp_path, "backup", str(tmp_path / "back.tar"), **elsewhere)
    returned = circumplex(tmp_path, "restore", str(tmp_path / "back.tar"), **again)
    last = circumplex(tmp_path, *ASKED, **again).stdout

    assert [there.returncode, moved.returncode, back.returncode, returned.returncode] == [0] * 4
    assert there.stdout == moved.stdout == ""
    assert stat.S_IMODE((tmp_path / "there.tar").stat().st_mode) == 0o600
    assert (refused.returncode, "a service runs on" in refused.stderr) == (1, True)
    assert len(json.loads(before)["items"]) == 5
    assert after == before
    assert last == before
    assert (known.status_code, stranger.status_code) == (200, 401)


def test_a_damaged_database_is_replaced_by_a_backup(tmp_path: Path) -> None:
    """With --force, and the damaged file is kept under another name."""
    write_library(tmp_path / "music")
    assert circumplex(tmp_path, "index").returncode == 0
    archive = str(tmp_path / "backup.tar")
    assert circumplex(tmp_path, "backup", archive).returncode == 0
    before = circumplex(tmp_path, *ASKED).stdout
    for path in (tmp_path / "data").glob("circumplex.db*"):
        path.unlink()
    (tmp_path / "data" / "circumplex.db").write_bytes(b"ruined by a failing disk\n" * 999)

    sick = circumplex(tmp_path, *ASKED)
    cured = circumplex(tmp_path, "restore", archive, "--force")
    after = circumplex(tmp_path, *ASKED).stdout

    assert sick.returncode == 1
    assert "circumplex restore" in " ".join(sick.stderr.split())
    assert "Traceback" not in sick.stderr
    assert cured.returncode == 0, cured.stderr
    assert after == before
    assert (tmp_path / "data" / "circumplex.damaged").exists()


def test_what_cannot_be_backed_up_or_restored_is_said_in_one_line(tmp_path: Path) -> None:
    """No library, no archive, a folder that does not exist."""
    (tmp_path / "text.tar").write_text("no archive")
    for arguments, message in (
        (["backup", str(tmp_path / "a.tar")], "nothing to back up"),
        (["restore", str(tmp_path / "none.tar")], "no backup at"),
        (["restore", str(tmp_path / "text.tar")], "no whole backup"),
    ):
        done = circumplex(tmp_path, *arguments)

        assert done.returncode == 1
        assert message in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
