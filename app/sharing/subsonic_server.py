"""Another Subsonic server, as far as playlists and song ids need it.

SharingError
├── ServerAwayError      it does not answer, or answers what is no Subsonic
└── ServerRefusedError   it answers with an error of the protocol, such as a wrong password
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from app.errors import AppError

PAGE = 500
TIMEOUT_S = 30.0
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
            follow_redirects=True,
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
        listed = self._ask("getPlaylists", {}).get("playlists", {}).get("playlist", [])
        return [
            RemotePlaylist(str(each["id"]), str(each["name"]), str(each.get("owner", self.user)))
            for each in listed
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
        offset = 0
        while True:
            asked = {"query": "", "artistCount": 0, "albumCount": 0, "songCount": PAGE}
            try:
                answer = self._ask("search3", {**asked, "songOffset": offset})
            except ServerRefusedError as exc:
                if exc.code in LOGIN_CODES:
                    raise
                return  # a server that does not list everything by a search without words
            listed = answer.get("searchResult3", {}).get("song", [])
            yield from map(_song, listed)
            if len(listed) < PAGE:
                return
            offset += PAGE

    def _walked(self) -> Iterator[RemoteSong]:
        offset = 0
        while True:
            asked = {"type": "alphabeticalByName", "size": PAGE, "offset": offset}
            listed = self._ask("getAlbumList2", asked).get("albumList2", {}).get("album", [])
            for album in listed:
                found = self._ask("getAlbum", {"id": album["id"]})["album"]
                yield from map(_song, found.get("song", []))
            if len(listed) < PAGE:
                return
            offset += PAGE

    def _ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._asked(method, params)
        except ServerRefusedError as exc:
            if exc.code not in NO_TOKENS or self._plain:
                raise
            self._plain = True
            return self._asked(method, params)

    def _asked(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        form = {**params, **self._login(), "v": "1.16.1", "c": "circumplex", "f": "json"}
        try:
            answer = self._client.post(f"{method}.view", data=form)
            answer.raise_for_status()
            told = answer.json()["subsonic-response"]
            status = told["status"]
        except httpx.HTTPError as exc:
            raise ServerAwayError(f"{self.url} cannot be reached: {exc}") from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise ServerAwayError(
                f"{self.url} is no Subsonic server: {answer.text[:80]!r}"
            ) from exc
        if status != "ok":
            error = told.get("error", {})
            code = int(error.get("code", 0))
            said = LOGIN_CODES.get(code) or str(error.get("message", "no reason given"))
            raise ServerRefusedError(f"{self.url} refused: {said} (code {code})", code)
        found: dict[str, Any] = told
        return found

    def _login(self) -> dict[str, str]:
        if self._plain:
            return {"u": self.user, "p": f"enc:{self._password.encode().hex()}"}
        salt = secrets.token_hex(8)
        token = hashlib.md5((self._password + salt).encode(), usedforsecurity=False).hexdigest()
        return {"u": self.user, "t": token, "s": salt}


def _song(told: Mapping[str, Any]) -> RemoteSong:
    isrcs = told.get("isrc") or ()
    return RemoteSong(
        id=str(told["id"]),
        title=str(told.get("title", "")),
        artist=str(told.get("artist", "")),
        album=str(told.get("album", "")),
        path=str(told.get("path", "")),
        duration_s=float(told["duration"]) if told.get("duration") is not None else None,
        recording_mbid=told.get("musicBrainzId") or None,
        isrcs=tuple([isrcs] if isinstance(isrcs, str) else isrcs),
    )
