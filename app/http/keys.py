"""API keys: random, kept as hashes, with scopes; created and revoked on the command line."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from app.errors import InvalidRequestError, KeyFileError
from indexer.errors import StorageError
from indexer.storage import refusal

KeyScope = Literal["read", "write", "upload", "admin"]
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
PREFIX = "cpx_"


@dataclass(frozen=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        id: Public name, the first part of the key.
        name: What it is for.
        digest: SHA-256 of the whole key. The key holds 256 random bits, so a slow hash would add
            nothing.
        scopes: What it may do; `admin` may do everything.
        created_at: ISO 8601, UTC.
        secret: The whole key, readable; only of a key for Subsonic's tokens, which are made of it.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    created_at: str
    secret: str = ""

    def allows(self, scope: KeyScope) -> bool:
        """Whether the key may do what needs `scope`."""
        return scope in self.scopes or "admin" in self.scopes


class KeyRing:
    """The keys of a data folder; another process's changes are seen at once."""

    def __init__(self, path: Path) -> None:
        """Read the keys of the file `path`, which need not exist."""
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def all(self) -> list[ApiKey]:
        """The keys in use, oldest first.

        Raises:
            KeyFileError: The file cannot be read.
        """
        with self._lock:
            self._reload()
            return sorted(self._keys.values(), key=lambda key: key.created_at)

    def find(self, token: str) -> ApiKey | None:
        """The key that `token` is, compared in constant time.

        Raises:
            KeyFileError: The file cannot be read; nobody is let in on a guess.
        """
        with self._lock:
            self._reload()
            key = self._keys.get(token.removeprefix(PREFIX).partition("_")[0])
        digest = _digest(token)
        known = hmac.compare_digest(digest, key.digest if key is not None else _digest(""))
        return key if known else None

    def named(self, name: str) -> list[ApiKey]:
        """The keys that a user name may mean: by their id, or by their name without case."""
        folded = name.casefold()
        return [key for key in self.all() if folded in {key.id, key.name.casefold()}]

    def create(
        self, name: str, scopes: Sequence[str], *, readable: bool = False
    ) -> tuple[ApiKey, str]:
        """Make a key.

        Args:
            name: What it is for.
            scopes: What it may do.
            readable: Keep the key itself, not only its hash: Subsonic's tokens need it.

        Returns:
            What is kept, and the key itself, which is shown this once.

        Raises:
            InvalidRequestError: A scope is none.
            StorageError: The disk refuses.
        """
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise InvalidRequestError(
                f"no scope {', '.join(unknown) or 'given'}; choose among {', '.join(SCOPES)}"
            )
        key_id = secrets.token_hex(6)
        token = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        secret = token if readable else ""
        key = ApiKey(key_id, name, _digest(token), tuple(dict.fromkeys(scopes)), now, secret)
        with self._changing():
            self._write({**self._keys, key_id: key})
        return key, token

    def revoke(self, key_id: str) -> bool:
        """Forget a key; False if there is none of that id.

        Raises:
            StorageError: The disk refuses.
        """
        with self._changing():
            kept = {name: key for name, key in self._keys.items() if name != key_id}
            if len(kept) == len(self._keys):
                return False
            self._write(kept)
            return True

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Nobody else changes the keys meanwhile: a revoked one would come back with theirs."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._path.parent, os.O_RDONLY)
        except OSError as exc:
            raise StorageError(refusal(self._path, exc)) from exc
        try:
            with suppress(OSError):  # a file system without locks: as good as it gets
                fcntl.flock(handle, fcntl.LOCK_EX)
            with self._lock:
                self._reload()
                yield
        finally:
            os.close(handle)

    def _reload(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._keys, self._stamp = {}, None
            return
        except OSError as exc:
            raise KeyFileError(f"{self._path.name} cannot be read: {exc.strerror}") from exc
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._keys, self._stamp = {key.id: key for key in self._listed()}, stamp

    def _listed(self) -> list[ApiKey]:
        try:
            listed = json.loads(self._path.read_text(encoding="utf-8"))
            return [ApiKey(**{**item, "scopes": tuple(item["scopes"])}) for item in listed]
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise KeyFileError(
                f"{self._path.name} cannot be read ({exc}): mend it, restore a backup, or remove "
                "it and create new keys"
            ) from exc

    def _write(self, keys: dict[str, ApiKey]) -> None:
        aside = self._path.with_suffix(f".{secrets.token_hex(4)}.part")
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump([asdict(key) for key in keys.values()], file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._path)
        except OSError as exc:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise StorageError(refusal(self._path, exc)) from exc
        self._keys, self._stamp = keys, None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
