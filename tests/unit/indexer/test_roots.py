"""Music roots: folders, and prefixes of buckets."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.folders.files import object_key, stored_name, stored_root
from indexer.folders.roots import StoreRoot, music_root


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("s3://music", StoreRoot("music")),
        ("s3://music/", StoreRoot("music")),
        ("s3://music/a b/ü/", StoreRoot("music", "a b/ü")),
        ("/music", Path("/music")),
        ("s3:", Path("s3:")),
    ],
)
def test_a_root_is_what_was_written(name: str, root: object) -> None:
    """A folder, unless it begins as the address of an object does."""
    assert music_root(name) == root


@pytest.mark.parametrize(
    "name", ["", " ", "s3://", "s3:///a", "s3://music/a//b", "s3://music/../b"]
)
def test_a_root_that_no_path_can_be_is_refused(name: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        music_root(name)


@pytest.mark.parametrize("prefix", ["", "a/b", "back\\slash", "nach­klang"])
def test_a_root_and_its_keys_come_back_from_the_catalogue(prefix: str) -> None:
    """Stored text is inverse to what it stands for."""
    root = StoreRoot("music", prefix)

    assert stored_root(stored_name(root)) == root
    bucket, key = object_key(stored_name(root), stored_name("x\\y/z.mp3"))
    assert (bucket, key) == ("music", root.key("x\\y/z.mp3"))


def test_a_prefix_holds_what_is_below_it_alone() -> None:
    """`ab` is not below `a`, and nothing of another bucket is."""
    whole, a = StoreRoot("music"), StoreRoot("music", "a")

    assert a.is_inside(whole)
    assert StoreRoot("music", "a/b").is_inside(a)
    assert not StoreRoot("music", "ab").is_inside(a)
    assert not StoreRoot("other", "a").is_inside(a)
    assert not whole.is_inside(a)
