"""Files that are written for a listener, whole or not at all."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from indexer.storage import replace_file


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path) -> None:
    """A list of before, and nothing beside it."""
    path = tmp_path / "calm.m3u8"
    replace_file(path, b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            replace_file(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_a_file_keeps_its_rights(tmp_path: Path) -> None:
    """Lists lie behind links where players look for them."""
    target, link = tmp_path / "lists/calm.m3u8", tmp_path / "calm.m3u8"
    target.parent.mkdir()
    target.write_bytes(b"before")
    target.chmod(0o664)
    link.symlink_to(target)

    replace_file(link, b"now")

    assert link.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"now", 0o664)


def test_what_is_no_regular_file_is_written_into() -> None:
    """As `-o /dev/null` asks."""
    replace_file(Path("/dev/null"), b"now")

    assert Path("/dev/null").is_char_device()
