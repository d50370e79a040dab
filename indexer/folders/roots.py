"""Music roots: folders, and the objects of an S3-compatible store below a prefix.

A folder is a `Path`; a store's root is written `s3://bucket/prefix`, in settings, on the command
line and in the catalogue. Where the store is and who may read it stands in the environment alone
(`indexer.folders.objects`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SCHEME = "s3://"


@dataclass(frozen=True, order=True)
class StoreRoot:
    """The objects of a bucket below a prefix.

    Attributes:
        bucket: Name of the bucket.
        prefix: Beginning of the keys, without the `/` after it; empty means the whole bucket.
    """

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        """The root as it is written in settings."""
        return f"{SCHEME}{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def key(self, path: str) -> str:
        """The key of what lies at `path` below the root."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def is_inside(self, other: StoreRoot) -> bool:
        """Whether all that is below this root is below the other, too."""
        return self.bucket == other.bucket and self.key("").startswith(other.key(""))


MusicRoot = Path | StoreRoot


def is_in_store(root: str) -> bool:
    """Whether a root of the catalogue, as stored text, is one of an object store."""
    return root.startswith(SCHEME)


def music_root(name: str) -> MusicRoot:
    """The root that somebody wrote.

    Raises:
        ValueError: It is empty, names no bucket, or its prefix is no path.
    """
    if not name.strip():  # a variable of a shell that is not set
        raise ValueError("a music root has no name: write a folder, or s3://bucket/prefix")
    if not name.startswith(SCHEME):
        return Path(name)
    bucket, _, prefix = name.removeprefix(SCHEME).partition("/")
    prefix = prefix.strip("/")
    if not bucket or (prefix and not is_path(prefix)):
        raise ValueError(f"{name!r} is no root of an object store: write s3://bucket/prefix")
    return StoreRoot(bucket, prefix)


def is_path(key: str) -> bool:
    """Whether a key can be a path of the catalogue: none of its parts is empty, `.` or `..`."""
    return not {"", ".", ".."}.intersection(key.split("/"))
