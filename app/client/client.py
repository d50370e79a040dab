"""The client that waits for each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from app.client import calls
from app.client.calls import Call, Item, Page, Question
from app.client.errors import UnreachableError
from app.stations.schemas import Rhythm, StationOut, StationPlaylist
from app.wire.browsing import GroupOut
from app.wire.responses import (
    EmotionResponse,
    LibraryOut,
    PlaylistResponse,
    TrackDetail,
    TrackListItem,
)
from app.wire.run_responses import IndexRunOut
from app.wire.schemas import FileFormat, Locations, Scale

Answer = TypeVar("Answer")
TIMEOUT_S = 120.0
OVER = frozenset({"succeeded", "failed", "cancelled"})
LOOK_S = 0.5  # how often a run that is waited for is looked at


class Client:
    """Asks a service; used in a `with` block, or closed with `close`.

    Every method raises `RefusedError` where the service answers with a problem, and
    `UnreachableError` where no answer comes. `AsyncClient` has the same methods.
    """

    def __init__(self, url: str, key: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        """Connect to nothing yet.

        Args:
            url: Address of the service, such as `http://localhost:8000`.
            key: API key or admin token, where the service asks for one.
            timeout_s: How long an answer may take, seconds.

        Raises:
            UnreachableError: The address is none.
        """
        self._http = httpx.Client(
            base_url=calls.address(url), headers=calls.headers(key), timeout=timeout_s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    # Questions ----------------------------------------------------------------------------------

    def playlist(self, question: Question) -> PlaylistResponse:
        """Music that feels like a question: the body of `POST /v1/playlists`, as dict or model."""
        return self._ask(calls.playlist(question))

    def playlist_file(
        self, question: Question, form: FileFormat = "m3u8", locations: Locations = "url"
    ) -> bytes:
        """The same as a file that players read."""
        return self._ask(calls.playlist_file(question, form, locations))

    def emotion(
        self,
        clip: Path | bytes,
        *,
        scale: Scale | None = None,
        similar: int = 10,
        name: str = "clip",
    ) -> EmotionResponse:
        """The emotion of a file, or of the bytes of one, over time."""
        return self._ask(calls.emotion(clip, scale, similar, name))

    # The library --------------------------------------------------------------------------------

    def library(self) -> LibraryOut:
        """What is indexed."""
        return self._ask(calls.library())

    def tracks(self, **filters: Any) -> Iterator[TrackListItem]:
        """Every track that passes the filters of `GET /v1/tracks`, page by page."""
        return self._pages(lambda cursor: calls.tracks(filters, cursor))

    def track(self, track_id: int) -> TrackDetail:
        """One track."""
        return self._ask(calls.track(track_id))

    def track_emotion(
        self, track_id: int, *, scale: Scale = "relative", similar: int = 10
    ) -> EmotionResponse:
        """The emotion of a track over time."""
        return self._ask(calls.track_emotion(track_id, scale, similar))

    def artists(self, q: str = "") -> Iterator[GroupOut]:
        """Every artist whose name contains the words, page by page."""
        return self._pages(lambda cursor: calls.artists(q, cursor))

    # Stations -----------------------------------------------------------------------------------

    def stations(self) -> Iterator[StationOut]:
        """Every station, page by page."""
        return self._pages(calls.stations)

    def create_station(
        self, name: str, question: Question, *, rhythm: Rhythm = "none"
    ) -> StationOut:
        """Save a question under a name."""
        return self._ask(calls.create_station(name, question, rhythm))

    def delete_station(self, station_id: str) -> None:
        """Delete a station."""
        self._ask(calls.delete_station(station_id))

    def station_playlist(self, station_id: str, *, seed: str | None = None) -> StationPlaylist:
        """The music of a station now."""
        return self._ask(calls.station_playlist(station_id, seed))

    def station_file(
        self,
        station_id: str,
        form: FileFormat = "m3u8",
        locations: Locations = "url",
        *,
        seed: str | None = None,
    ) -> bytes:
        """The same as a file that players read."""
        return self._ask(calls.station_file(station_id, form, locations, seed))

    # Index runs ---------------------------------------------------------------------------------

    def start_index(
        self,
        roots: Sequence[str] | None = None,
        *,
        full: bool = False,
        only: bool = False,
        allow_shrink: bool = False,
    ) -> IndexRunOut:
        """Queue an index run, of folders as the service's machine names them; needs `admin`."""
        asked = calls.start_index(roots, full=full, only=only, allow_shrink=allow_shrink)
        return self._ask(asked)

    def index_run(self, run_id: int) -> IndexRunOut:
        """State and progress of a run."""
        return self._ask(calls.index_run(run_id))

    def cancel_index(self, run_id: int) -> IndexRunOut:
        """End a run before its next file."""
        return self._ask(calls.cancel_index(run_id))

    def wait_for_index(
        self, run_id: int, progress: Callable[[IndexRunOut], None] | None = None
    ) -> IndexRunOut:
        """The run once it is over; `progress` is told of it meanwhile."""
        while True:
            run = self.index_run(run_id)
            if progress is not None:
                progress(run)
            if run.state in OVER:
                return run
            time.sleep(LOOK_S)

    def _pages(self, call: Callable[[str | None], Call[Page[Item]]]) -> Iterator[Item]:
        cursor = None
        while True:
            page = self._ask(call(cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def _ask(self, call: Call[Answer]) -> Answer:
        try:
            response = self._http.request(call.method, call.path, **call.options())
        except httpx.HTTPError as exc:
            raise UnreachableError(f"{self._http.base_url} does not answer: {exc}") from exc
        return call.answer(response)
