"""Another Subsonic server, as far as playlists and song ids need it.

It is no more trusted than any other: its answers have bounds of size and time, whatever form they
have is read or refused by name, and the login goes nowhere but to the address that was given.

SharingError
├── ServerAwayError      it does not answer, or answers what is no Subsonic
└── ServerRefusedError   it answers with an error of the protocol, such as a wrong password
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from app.errors import AppError

PAGE = 500
MOST_PAGES = 10_000
TIMEOUT_S = 30.0  # without a byte
ANSWER_S = 300.0
ANSWER_BYTES = 64 * 1024 * 1024
_NUMBER = re.compile(r"\d{1,9}(\.\d+)?")
LOGIN_CODES = {40: "wrong user name or password", 44: "this API key is not known"}
NO_TOKENS = {10, 41, 42}  # the server wants the password itself; 10: it knows no tokens


class SharingError(AppError):
    """Another server cannot be shared with."""


class ServerAwayError(SharingError):
    """It does not answer, or answers what is no Subsonic."""


class ServerRefusedError(SharingError):
    """It answers with an error of the protocol."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class RemoteSong:
    """A song as the other server tells of it.

    Attributes:
        id: Its id there.
        title: Title.
        artist: Artist.
        album: Album.
        path: Path, as far as the server tells it.
        duration_s: Length.
        recording_mbid: MusicBrainz id of the recording, where the server tells it.
        isrcs: ISRCs, likewise.
    """

    id: str
    title: str
    artist: str
    album: str
    path: str
    duration_s: float | None
    recording_mbid: str | None = None
    isrcs: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemotePlaylist:
    """A playlist there."""

    id: str
    name: str
    owner: str


class SubsonicServer:
    """A login at another server; close it, or use it in a `with` block."""

    def __init__(
        self, url: str, user: str, password: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Log in when first asked for something.

        Args:
            url: Address of the server, without `/rest`.
            user: User name there.
            password: Password there.
            transport: For tests.
        """
        self.url, self.user, self._password = url.rstrip("/"), user, password
        self._plain = False  # whether the server wants the password itself
        self._client = httpx.Client(
            base_url=f"{self.url}/rest/",
            timeout=TIMEOUT_S,
            transport=transport,
            headers={"Accept-Encoding": "identity"},  # what is packed has no bound before unpacking
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def ping(self) -> None:
        """Make sure that the server is there and the login right.

        Raises:
            ServerAwayError: It is not there, or no Subsonic server.
            ServerRefusedError: The login is wrong.
        """
        self._ask("ping", {})

    def songs(self) -> list[RemoteSong]:
        """Every song of the server.

        Raises:
            SharingError: As `ping`.
        """
        found = list(self._searched())
        return found or list(self._walked())

    def playlists(self) -> list[RemotePlaylist]:
        """The playlists that the user sees.

        Raises:
            SharingError: As `ping`.
        """
        return [
            RemotePlaylist(_text(each, "id"), _text(each, "name"), _text(each, "owner", self.user))
            for each in self._listed("getPlaylists", {}, "playlists", "playlist")
        ]

    def write_playlist(self, name: str, song_ids: Sequence[str]) -> bool:
        """Make a playlist of this name, or replace the songs of the user's own one.

        Returns:
            Whether there was one before.

        Raises:
            SharingError: As `ping`.
        """
        own = [p for p in self.playlists() if p.name == name and p.owner == self.user]
        head = {"playlistId": own[0].id} if own else {"name": name}
        self._ask("createPlaylist", {**head, "songId": list(song_ids)})
        return bool(own)

    def _searched(self) -> Iterator[RemoteSong]:
        asked = {"query": "", "artistCount": 0, "albumCount": 0, "songCount": PAGE}
        try:
            yield from map(
                _song, self._paged("search3", asked, "songOffset", "searchResult3", "song")
            )
        except ServerRefusedError as exc:
            if exc.code in LOGIN_CODES:
                raise
            # A server that does not list everything by a search without words.

    def _walked(self) -> Iterator[RemoteSong]:
        asked = {"type": "alphabeticalByName", "size": PAGE}
        for album in self._paged("getAlbumList2", asked, "offset", "albumList2", "album"):
            yield from map(_song, self._listed("getAlbum", {"id": album["id"]}, "album", "song"))

    def _paged(
        self, method: str, params: Mapping[str, Any], offset: str, *way: str
    ) -> Iterator[Mapping[str, Any]]:
        """What a list holds, page by page; a server that repeats itself has told everything."""
        seen: set[str] = set()
        for page in range(MOST_PAGES):
            listed = self._listed(method, {**params, offset: page * PAGE}, *way)
            new = {_text(each, "id"): each for each in listed}
            new = {name: each for name, each in new.items() if name and name not in seen}
            yield from new.values()
            seen |= new.keys()
            if len(listed) < PAGE or not new:
                return
        raise ServerAwayError(f"{self.url} lists more than {MOST_PAGES * PAGE} things")

    def _listed(
        self, method: str, params: Mapping[str, Any], *way: str
    ) -> Sequence[Mapping[str, Any]]:
        """The list inside an answer; of one thing alone some servers make no list."""
        found: Any = self._ask(method, params)
        for name in way:
            found = (found.get(name) or {}) if isinstance(found, Mapping) else found
        listed = found if isinstance(found, list) else [found] if found else []
        if not all(isinstance(each, Mapping) for each in listed):
            raise ServerAwayError(f"{self.url} answers {method} with no list of {way[-1]}s")
        return listed

    def _ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._asked(method, params)
        except ServerRefusedError as exc:
            if exc.code not in NO_TOKENS or self._plain:
                raise
            self._plain = True
            return self._asked(method, params)

    def _asked(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        content = b""
        form = {**params, **self._login(), "v": "1.16.1", "c": "circumplex", "f": "json"}
        try:
            content = self._content(f"{method}.view", form)
            told = json.loads(content)["subsonic-response"]
            status = told["status"]
        except httpx.HTTPError as exc:
            raise ServerAwayError(f"{self.url} cannot be reached: {exc}") from exc
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            said = content[:80].decode("utf-8", "replace")
            raise ServerAwayError(f"{self.url} is no Subsonic server: {said!r}") from exc
        if status != "ok":
            error = told.get("error")
            error = error if isinstance(error, Mapping) else {}
            number = _text(error, "code")
            code = int(number) if number.isdecimal() and len(number) < 10 else 0
            said = LOGIN_CODES.get(code) or _text(error, "message", "no reason given")[:200]
            raise ServerRefusedError(f"{self.url} refused: {said} (code {code})", code)
        found: dict[str, Any] = told
        return found

    def _content(self, path: str, form: Mapping[str, Any]) -> bytes:
        """The body of an answer, within the bounds."""
        begun_s, content = time.monotonic(), bytearray()
        with self._client.stream("POST", path, data=form) as answer:
            if answer.is_redirect:
                there = answer.headers["location"][:200]
                raise ServerAwayError(f"{self.url} sends on to {there!r}: give that address")
            answer.raise_for_status()
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ServerAwayError(f"{self.url} packs its answers though asked not to")
            for piece in answer.iter_bytes():
                content += piece
                late = time.monotonic() - begun_s > ANSWER_S
                if late or len(content) > ANSWER_BYTES:
                    raise ServerAwayError(f"{self.url} does not come to the end of its answer")
        return bytes(content)

    def _login(self) -> dict[str, str]:
        if self._plain:
            return {"u": self.user, "p": f"enc:{self._password.encode().hex()}"}
        salt = secrets.token_hex(8)
        token = hashlib.md5((self._password + salt).encode(), usedforsecurity=False).hexdigest()
        return {"u": self.user, "t": token, "s": salt}


def _song(told: Mapping[str, Any]) -> RemoteSong:
    isrcs = told.get("isrc") or ()
    duration = _text(told, "duration")
    return RemoteSong(
        id=_text(told, "id"),
        title=_text(told, "title"),
        artist=_text(told, "artist"),
        album=_text(told, "album"),
        path=_text(told, "path"),
        duration_s=float(duration) if _NUMBER.fullmatch(duration) else None,
        recording_mbid=_text(told, "musicBrainzId") or None,
        isrcs=tuple(map(str, isrcs if isinstance(isrcs, list) else [isrcs] if isrcs else ())),
    )


def _text(told: Mapping[str, Any], name: str, default: str = "") -> str:
    value = told.get(name)
    return default if value is None else str(value)
