"""Music players as they behave: they list, search, load a playlist, and stream with seeks.

Each player is a thread with one connection that stays open. Between two calls it waits, as a person
does; the waits are drawn, the same for the same number of the player.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

LOGIN = {"u": "player", "p": "x", "v": "1.16.1", "c": "benchmark", "f": "json"}
PART_BYTES = 128 * 1024  # of a stream, after each seek
SEEKS = 3
WORDS = ("a", "the", "of", "song", "theme", "e")


@dataclass
class Seen:
    """What players were answered.

    Attributes:
        calls: How many calls of each method ended well.
        errors: What went wrong, in words.
        audio_bytes: How much was streamed.
    """

    calls: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    audio_bytes: int = 0

    def add(self, other: Seen) -> None:
        """Count another player's too."""
        self.calls += other.calls
        self.errors += other.errors
        self.audio_bytes += other.audio_bytes


class Player:
    """One player."""

    def __init__(self, port: int, number: int, pause_s: float) -> None:
        """Connect to nothing yet.

        Args:
            port: Of the service, on this machine.
            number: Of the player; decides what it draws.
            pause_s: Mean wait between two calls, seconds.
        """
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
        self._draws, self._pause_s = random.Random(number), pause_s
        self.seen = Seen()

    def play(self, over: threading.Event) -> None:
        """Go on until the event is set."""
        over.wait(self._draws.random() * self._pause_s)
        while not over.is_set():
            try:
                self._session(over)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as exc:
                self.seen.errors.append(f"{type(exc).__name__}: {exc}")
                self._connection.close()
        self._connection.close()

    def _session(self, over: threading.Event) -> None:
        """Look around, choose a song, listen here and there in it."""
        songs: list[dict[str, Any]] = []
        for method, params in self._looks():
            songs += _songs_in(self._ask(method, params))
            if self._rests(over):
                return
        song = self._draws.choice(songs)
        size = int(song["size"])
        for _ in range(SEEKS):
            start = self._draws.randrange(max(1, size - PART_BYTES))
            self._stream(song["id"], start, min(size, start + PART_BYTES) - 1)
            if self._rests(over):
                return

    def _looks(self) -> list[tuple[str, dict[str, str]]]:
        playlists = self._ask("getPlaylists", {})["playlists"].get("playlist", [])
        looks = [
            ("getAlbumList2", {"type": "alphabeticalByName", "size": "20"}),
            ("search3", {"query": self._draws.choice(WORDS), "songCount": "20"}),
            ("getRandomSongs", {"size": "10"}),
        ]
        if playlists:
            looks.append(("getPlaylist", {"id": self._draws.choice(playlists)["id"]}))
        return looks

    def _ask(self, method: str, params: dict[str, str]) -> dict[str, Any]:
        self._connection.request("GET", f"/rest/{method}?{urlencode({**LOGIN, **params})}")
        answer = self._connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())["subsonic-response"]
        if answer.status != 200 or found["status"] != "ok":
            raise ValueError(f"{method}: {answer.status} {found.get('error')}")
        self.seen.calls[method] += 1
        return found

    def _stream(self, song_id: str, first: int, last: int) -> None:
        path = f"/rest/stream?{urlencode({**LOGIN, 'id': song_id})}"
        self._connection.request("GET", path, headers={"Range": f"bytes={first}-{last}"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 206 or len(content) != last - first + 1:
            raise ValueError(f"stream: {answer.status}, {len(content)} bytes of {last - first + 1}")
        self.seen.calls["stream"] += 1
        self.seen.audio_bytes += len(content)

    def _rests(self, over: threading.Event) -> bool:
        return over.wait(self._draws.expovariate(1.0 / self._pause_s))


def _songs_in(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, kind in (("searchResult3", "song"), ("randomSongs", "song"), ("playlist", "entry")):
        found += answer.get(name, {}).get(kind, [])
    return found


def play_together(port: int, players: int, seconds: float, pause_s: float) -> Seen:
    """What so many players were answered in so many seconds."""
    over, together = threading.Event(), Seen()
    everyone = [Player(port, number, pause_s) for number in range(players)]
    threads = [threading.Thread(target=each.play, args=(over,)) for each in everyone]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    over.set()
    for thread in threads:
        thread.join()
    for each in everyone:
        together.add(each.seen)
    return together
