"""Refusals of disks and names reach people as one line, and anybody without places."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.http.keys import KeyRing
from indexer.errors import StorageError
from tests.running import Running, fake_settings, index_now, problem_of, running_service
from tests.running import write_library as write_music
from tests.small_disk import small_disk


def test_a_full_disk_refuses_a_key_in_words(tmp_path: Path) -> None:
    """The keys of before stay, and nothing half written lies about."""
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        ring = KeyRing(disk.path / "keys.json")
        kept, _ = ring.create("player", ["read"])
        disk.fill()
        with pytest.raises(StorageError, match="no space left on device"):
            ring.create("another", ["read"])
        names = {path.name for path in disk.path.iterdir()}
        disk.free()
        left = ring.all()

    assert [key.id for key in left] == [kept.id]
    assert names == {"keys.json", "ballast"}


def test_a_key_that_cannot_be_made_where_a_file_lies_is_refused(tmp_path: Path) -> None:
    """A data folder that is a file."""
    (tmp_path / "data").write_text("")

    with pytest.raises(StorageError, match="cannot write"):
        KeyRing(tmp_path / "data" / "keys.json").create("player", ["read"])


@pytest.mark.parametrize(
    "path",
    [
        f"/web/{'a' * 300}.js",
        f"/web/{'a' * 5000}.css",
        f"/docs/assets/{'a' * 300}",
        f"/docs/assets/{'a/' * 2000}",
        "/web/%00.js",
        "/docs/assets/%00",
    ],
    ids=["web", "longer", "docs", "deep", "nul", "nul in docs"],
)
def test_odd_names_of_the_pages_files_are_unknown(service: Running, path: str) -> None:
    """404, not an error of the service."""
    assert service.client.get(path).status_code == 404


def test_what_anybody_reads_names_no_folder(tmp_path: Path) -> None:
    """Of a damaged snapshot, a database that is gone, and a file that is not there."""
    pieces = write_music(tmp_path / "music")
    settings = fake_settings(tmp_path)
    with running_service(settings) as running:
        index_now(running)
        pieces["loud bright"].unlink()
        answers = [running.client.get(f"/v1/tracks/{n}/audio") for n in range(1, 10)]
        snapshot_id = running.client.get("/readyz").json()["snapshot_id"]
    (settings.data_dir / "snapshots" / snapshot_id / "mu.npy").unlink()
    with running_service(settings) as running:
        answers += [running.client.get("/readyz"), running.client.get("/v1/tracks/map")]
        answers += [running.client.get("/rest/ping?f=json&u=a&p=b&v=1&c=t")]
        answers += [running.client.get("/rest/getGenres?f=json&u=a&p=b&v=1&c=t")]
        (settings.data_dir / "circumplex.db").rename(tmp_path / "away.db")
        answers += [running.client.get("/readyz"), running.client.get("/v1/tracks")]
        detail = problem_of(answers[-1], 503, "catalog-unavailable")["detail"]

    assert "mu.npy" in answers[9].text
    assert [a.text for a in answers if a.status_code >= 500 and str(tmp_path) in a.text] == []
    assert [a.text for a in answers if a.status_code == 404 and str(tmp_path) in a.text] == []
    assert not any(str(tmp_path) in a.text for a in answers if "json" in a.headers["content-type"])
    assert detail.startswith("the database")
