"""Stations written into other servers as playlists, and into folders as files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from app.errors import InvalidRequestError
from app.library.live import Live
from app.playlists.formats import render
from app.playlists.queries import QueryModel
from app.sharing.matching import Matcher, SongMatch
from app.sharing.subsonic_server import SubsonicServer
from app.stations.variation import question_of, seed_of, varied
from app.wire.responses import PlaylistResponse, TrackOut
from app.wire.schemas import MoodEmotion
from indexer.catalog.catalog import Catalog
from indexer.catalog.stations import Station
from indexer.storage import replace_file

MOST_STEM_BYTES = 180  # a name has 255, with an ending and what is added while it is written
FileKind = Literal["m3u8", "m3u", "nsp"]


@dataclass(frozen=True)
class Pushed:
    """What became of one station.

    Attributes:
        station: Its name.
        replaced: Whether there was a playlist of its name before.
        songs: Songs of the playlist.
        unmatched: Tracks that the server lacks, or that several of its songs could be.
    """

    station: str
    replaced: bool
    songs: int
    unmatched: tuple[SongMatch, ...]

    def told(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "station": self.station,
            "replaced": self.replaced,
            "songs": self.songs,
            "unmatched": [_told(match) for match in self.unmatched],
        }


def push(
    stations: Sequence[Station],
    server: SubsonicServer,
    catalog: Catalog,
    model: QueryModel,
    live: Live,
) -> list[Pushed]:
    """Create or replace a playlist of each station's name; nothing else there changes.

    Raises:
        SharingError: The server is away, or refuses.
    """
    server.ping()
    matcher = Matcher(server.songs())
    pushed = []
    for station in stations:
        answer = answer_of(station, catalog, model, live)
        matches = [matcher.match(catalog.track(item.track.id)) for item in answer.items]
        ids = [match.song.id for match in matches if match.song is not None]
        replaced = server.write_playlist(station.name, ids)
        lost = tuple(match for match in matches if match.song is None)
        pushed.append(Pushed(station.name, replaced, len(ids), lost))
    return pushed


def answer_of(
    station: Station, catalog: Catalog, model: QueryModel, live: Live
) -> PlaylistResponse:
    """The music of a station now; what anybody heard lately steps back where it asks for that."""
    seed = seed_of(station, None, datetime.now().astimezone())
    question = question_of(station)
    heard = catalog.heard_lately(None, question.not_again_s)
    return varied(question, seed, model, live, heard).playlist


def write_file(
    station: Station,
    folder: Path,
    kind: FileKind,
    answer: Callable[[], PlaylistResponse],
    locate: Callable[[Path], Callable[[TrackOut], str]],
    *,
    stem: str | None = None,
) -> Path:
    """Write a station into a folder that players read, whole or not at all.

    Args:
        station: The station.
        folder: Where to; made where it is missing.
        kind: `m3u8` and `m3u` list the tracks of now; `nsp` is a smart playlist of Navidrome over
            the mood tags that `circumplex tag` writes.
        answer: Gives the music of the station.
        locate: For a file, gives the way from it to a track.
        stem: The file's name without its ending; by default `file_stem` of the station's.

    Returns:
        The file.

    Raises:
        InvalidRequestError: The folder cannot be written, or a smart playlist cannot say it.
    """
    path = folder / f"{stem or file_stem(station.name)}.{kind}"
    if kind == "nsp":
        content = json.dumps(smart_playlist(station), indent=2, ensure_ascii=False).encode() + b"\n"
    else:
        content = render(answer(), "m3u8", station.name, locate(path)).content
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as exc:
        raise InvalidRequestError(f"{path} cannot be written: {exc.strerror}") from exc
    return path


def smart_playlist(station: Station) -> dict[str, Any]:
    """A smart playlist of Navidrome: songs whose mood tag has the station's word.

    Raises:
        InvalidRequestError: The station asks by something else than a single word.
    """
    question = question_of(station)
    if not isinstance(question.emotion, MoodEmotion):
        raise InvalidRequestError(
            f"station {station.name!r} asks by more than a mood word: a smart playlist knows tags "
            "alone; write it as m3u8, or push it to the server"
        )
    filters = question.filters
    rules: list[dict[str, Any]] = [{"contains": {"mood": question.emotion.mood.strip().lower()}}]
    for name in ("genre", "artist"):
        wanted = getattr(filters, name) if filters is not None else []
        if wanted:
            rules.append({"any": [{"is": {name: value}} for value in wanted]})
    if filters is not None and filters.year is not None:
        low, high = filters.year.min or 0, filters.year.max or 9999
        rules.append({"inTheRange": {"year": [low, high]}})
    return {
        "name": station.name,
        "comment": "Songs tagged with this mood by Circumplex",
        "all": rules,
        "sort": "random",
        "limit": question.limit,
    }


def file_stem(name: str) -> str:
    """A file's name of a station's: no separators, nothing hidden, no longer than disks take."""
    plain = re.sub(r'[\x00-\x1f/\\:*?"<>|]+', " ", name)
    short = " ".join(plain.split()).lstrip(". ").encode()[:MOST_STEM_BYTES]
    return short.decode("utf-8", "ignore").rstrip(". ") or "station"


def file_stems(stations: Sequence[Station]) -> dict[str, str]:
    """A file's name for each station by its id; of those that would share one, the oldest has it.

    Disks that know no case take `Calm` and `calm` for one name.
    """
    stems: dict[str, str] = {}
    taken = set[str]()
    for station in sorted(stations, key=lambda each: (each.created_at, each.id)):
        stem = file_stem(station.name)
        if stem.casefold() in taken:
            stem = f"{stem} ({station.id})"
        taken.add(stem.casefold())
        stems[station.id] = stem
    return stems


def _told(match: SongMatch) -> dict[str, Any]:
    near = match.nearest
    return {
        "track_id": match.track.id,
        "title": match.track.title,
        "artist": match.track.artist,
        "path": match.track.path,
        "nearest": None
        if near is None
        else {"id": near.id, "title": near.title, "artist": near.artist, "path": near.path},
    }
