"""The client for programs that run on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from app.client import calls
from app.client.calls import Call, Item, Page, Question
from app.client.client import LOOK_S, OVER, TIMEOUT_S
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


class AsyncClient:
    """Asks a service; used in an `async with` block, or closed with `close`.

    It has the methods of `Client`, to be awaited, and raises the same errors.
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
        self._http = httpx.AsyncClient(
            base_url=calls.address(url), headers=calls.headers(key), timeout=timeout_s
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    # Questions ----------------------------------------------------------------------------------

    async def playlist(self, question: Question) -> PlaylistResponse:
        """Music that feels like a question: the body of `POST /v1/playlists`, as dict or model."""
        return await self._ask(calls.playlist(question))

    async def playlist_file(
        self, question: Question, form: FileFormat = "m3u8", locations: Locations = "url"
    ) -> bytes:
        """The same as a file that players read."""
        return await self._ask(calls.playlist_file(question, form, locations))

    async def emotion(
        self,
        clip: Path | bytes,
        *,
        scale: Scale | None = None,
        similar: int = 10,
        name: str = "clip",
    ) -> EmotionResponse:
        """The emotion of a file, or of the bytes of one, over time."""
        call = await asyncio.to_thread(calls.emotion, clip, scale, similar, name)
        return await self._ask(call)

    # The library --------------------------------------------------------------------------------

    async def library(self) -> LibraryOut:
        """What is indexed."""
        return await self._ask(calls.library())

    def tracks(self, **filters: Any) -> AsyncIterator[TrackListItem]:
        """Every track that passes the filters of `GET /v1/tracks`, page by page."""
        return self._pages(lambda cursor: calls.tracks(filters, cursor))

    async def track(self, track_id: int) -> TrackDetail:
        """One track."""
        return await self._ask(calls.track(track_id))

    async def track_emotion(
        self, track_id: int, *, scale: Scale = "relative", similar: int = 10
    ) -> EmotionResponse:
        """The emotion of a track over time."""
        return await self._ask(calls.track_emotion(track_id, scale, similar))

    def artists(self, q: str = "") -> AsyncIterator[GroupOut]:
        """Every artist whose name contains the words, page by page."""
        return self._pages(lambda cursor: calls.artists(q, cursor))

    # Stations -----------------------------------------------------------------------------------

    def stations(self) -> AsyncIterator[StationOut]:
        """Every station, page by page."""
        return self._pages(calls.stations)

    async def create_station(
        self, name: str, question: Question, *, rhythm: Rhythm = "none"
    ) -> StationOut:
        """Save a question under a name."""
        return await self._ask(calls.create_station(name, question, rhythm))

    async def delete_station(self, station_id: str) -> None:
        """Delete a station."""
        await self._ask(calls.delete_station(station_id))

    async def station_playlist(
        self, station_id: str, *, seed: str | None = None
    ) -> StationPlaylist:
        """The music of a station now."""
        return await self._ask(calls.station_playlist(station_id, seed))

    async def station_file(
        self,
        station_id: str,
        form: FileFormat = "m3u8",
        locations: Locations = "url",
        *,
        seed: str | None = None,
    ) -> bytes:
        """The same as a file that players read."""
        return await self._ask(calls.station_file(station_id, form, locations, seed))

    # Index runs ---------------------------------------------------------------------------------

    async def start_index(
        self,
        roots: Sequence[str] | None = None,
        *,
        full: bool = False,
        only: bool = False,
        allow_shrink: bool = False,
    ) -> IndexRunOut:
        """Queue an index run, of folders as the service's machine names them; needs `admin`."""
        asked = calls.start_index(roots, full=full, only=only, allow_shrink=allow_shrink)
        return await self._ask(asked)

    async def index_run(self, run_id: int) -> IndexRunOut:
        """State and progress of a run."""
        return await self._ask(calls.index_run(run_id))

    async def cancel_index(self, run_id: int) -> IndexRunOut:
        """End a run before its next file."""
        return await self._ask(calls.cancel_index(run_id))

    async def wait_for_index(
        self, run_id: int, progress: Callable[[IndexRunOut], None] | None = None
    ) -> IndexRunOut:
        """The run once it is over; `progress` is told of it meanwhile."""
        while True:
            run = await self.index_run(run_id)
            if progress is not None:
                progress(run)
            if run.state in OVER:
                return run
            await asyncio.sleep(LOOK_S)

    async def _pages(self, call: Callable[[str | None], Call[Page[Item]]]) -> AsyncIterator[Item]:
        cursor = None
        while True:
            page = await self._ask(call(cursor))
            for item in page.items:
                yield item
            if (cursor := page.next_cursor) is None:
                return

    async def _ask(self, call: Call[Answer]) -> Answer:
        try:
            response = await self._http.request(call.method, call.path, **call.options())
        except httpx.HTTPError as exc:
            raise UnreachableError(f"{self._http.base_url} does not answer: {exc}") from exc
        return call.answer(response)
