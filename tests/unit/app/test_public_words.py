"""What anybody may read of an error names no folder of this machine."""

from __future__ import annotations

from pathlib import Path

from app.public_words import PublicWords
from indexer.errors import CatalogUnavailableError, SnapshotDamagedError
from indexer.folders.roots import StoreRoot


def test_known_folders_are_taken_out(tmp_path: Path) -> None:
    """What lies below them stays, so that the message still tells something."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    roots = (Path("/music"), Path("/"), StoreRoot("bucket", "mine"))
    words = PublicWords((tmp_path / "link", *roots))

    below = words.of(SnapshotDamagedError(f"{tmp_path}/link/snapshots/a/mu.npy has 3 bytes"))
    resolved = words.of(SnapshotDamagedError(f"cannot write {tmp_path}/real: full"))
    two = words.of(ValueError("/music/a.flac and /music are gone"))

    assert below == "snapshots/a/mu.npy has 3 bytes"
    assert resolved == "cannot write real: full"
    assert two == "a.flac and music are gone"
    assert words.of(ValueError("s3://bucket/mine/a.mp3 is refused")) == "a.mp3 is refused"


def test_a_databases_address_is_for_the_operator() -> None:
    """Anybody reads only what is wrong."""
    error = CatalogUnavailableError("the database is locked (sqlite:////home/me/x.db): 5", "locked")

    assert PublicWords().of(error) == "locked"
    assert "/home/me" in str(error)
