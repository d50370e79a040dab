"""`circumplex station`: saved questions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    Output,
    emit,
    make_settings,
    notes,
    open_library,
    own,
    plain,
)
from app.commands.playlist import (
    DAY_S,
    FILE_FORMATS,
    NotAgain,
    read_curve,
    request_of,
    write_answer,
    write_there,
)
from app.commands.remote import KeyOption, ServerOption, asked_client
from app.errors import InvalidRequestError

if TYPE_CHECKING:
    from indexer.catalog.catalog import Catalog
    from indexer.catalog.stations import Station

stations = typer.Typer(no_args_is_help=True, help="Save, list, ask and delete stations.")
StationArgument = Annotated[str, typer.Argument(metavar="STATION", help="Name or id of a station.")]


class Saved(Protocol):
    """A station as it is told from others."""

    @property
    def id(self) -> str:
        """Stays when it changes."""

    @property
    def name(self) -> str:
        """What it is called."""


Kept = TypeVar("Kept", bound=Saved)


@stations.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    mood: Annotated[str | None, typer.Option(help="A mood word, such as calm.")] = None,
    curve: Annotated[Path | None, typer.Option(help="JSON, as of `circumplex playlist`.")] = None,
    track: Annotated[
        list[int] | None, typer.Option(help="Music like the track of this id; may be repeated.")
    ] = None,
    question: Annotated[
        Path | None,
        typer.Option(help="JSON: what POST /v1/playlists takes, instead of all other options."),
    ] = None,
    mode: Annotated[str, typer.Option(help="match or journey.")] = "match",
    limit: Annotated[int | None, typer.Option(min=1, max=500, help="Most tracks.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, max=1440.0, help="About how long it should last.")
    ] = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    artist: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    max_per_artist: Annotated[
        int | None, typer.Option(min=1, max=500, help="Most tracks by one artist.")
    ] = None,
    not_again: NotAgain = None,
    daily: Annotated[bool, typer.Option("--daily", help="Other music each day.")] = False,
    data_dir: DataDir = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """Save a question under a name; prints its id."""
    if question is not None:
        values = _document(question)
    else:
        values = {"emotion": _emotion(mood, curve, track), "mode": mode}
        values |= {} if limit is None else {"limit": limit}
        values |= {} if minutes is None else {"duration_s": 60.0 * minutes}
        values |= {} if max_per_artist is None else {"max_per_artist": max_per_artist}
        values |= {} if not_again is None else {"not_again_s": DAY_S * not_again}
        if genre or artist:
            values["filters"] = {"genre": genre or [], "artist": artist or []}
    asked, rhythm = request_of(values), _rhythm(daily)
    if server is not None:
        with asked_client(server, key, data_dir) as client:
            made_id = client.create_station(name, asked, rhythm=rhythm).id
    else:
        with opened(data_dir) as catalog:
            kept = asked.model_dump(mode="json", exclude_unset=True)
            made_id = catalog.create_station(name, kept, rhythm).id
    notes.print(f"Station {plain(name)} is saved; its id:")
    emit(made_id)


@stations.command("list")
def show_all(data_dir: DataDir = None, server: ServerOption = None, key: KeyOption = None) -> None:
    """All stations, as JSON."""
    if server is not None:
        with asked_client(server, key, data_dir) as client:
            listed = [each.model_dump(mode="json") for each in client.stations()]
    else:
        with opened(data_dir) as catalog:
            listed = [_shown(each) for each in catalog.list_stations()]
    emit(json.dumps(listed, indent=2))


@stations.command("remove")
def remove(
    station: StationArgument,
    data_dir: DataDir = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """Delete a station."""
    if server is not None:
        with asked_client(server, key, data_dir) as client:
            there = the_station_called(station, list(client.stations()))
            client.delete_station(there.id)
            name = there.name
    else:
        with opened(data_dir) as catalog:
            here = station_called(station, catalog)
            catalog.delete_station(here.id)
            name = here.name
    notes.print(f"Station {plain(name)} is deleted.")


@stations.command("play")
def play(
    station: StationArgument,
    seed: Annotated[
        str | None, typer.Option(help="Any text: other music of about equal fit.")
    ] = None,
    format: Annotated[str, typer.Option(help="json, m3u8, xspf, jspf or csv.")] = "json",
    output: Output = None,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """The music of a station now."""
    from app.commands.naming import seen_from
    from app.playlists.formats import path_on_disk
    from app.stations.variation import question_of, seed_of, varied

    if format not in FILE_FORMATS:
        raise typer.BadParameter(f"{format} is none of {', '.join(FILE_FORMATS)}")
    if server is not None:
        with asked_client(server, key, data_dir, checkpoint, device) as client:
            there = the_station_called(station, list(client.stations()))
            playlist = client.station_playlist(there.id, seed=seed)
            said = playlist.seed  # a daily one may pass midnight between two questions
            write_there(
                playlist,
                format,
                output,
                lambda form: client.station_file(there.id, form, seed=said),
            )
            notes.print(f"{playlist.below_best:.3f} nats below the best answer")
        return
    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    with open_library(settings) as library:
        found, live = station_called(station, library.catalog), own(library, settings)
        chosen = seed_of(found, seed, datetime.now().astimezone())
        question = question_of(found)
        heard = library.catalog.heard_lately(None, question.not_again_s)
        answer = varied(question, chosen, library.model, live, heard)
        locate = path_on_disk if output is None else seen_from(output, live.snapshot.tracks)
        write_answer(answer.playlist, format, output, found.name, locate)
        notes.print(f"{answer.below_best:.3f} nats below the best answer")


def station_called(words: str, catalog: Catalog) -> Station:
    """The station of an id, or of a name without case.

    Raises:
        InvalidRequestError: There is none, or more than one; names them.
    """
    return the_station_called(words, catalog.list_stations())


def the_station_called(words: str, known: Sequence[Kept]) -> Kept:
    """The same among stations that are known.

    Raises:
        InvalidRequestError: There is none, or more than one; names them.
    """
    found = [each for each in known if each.id == words]
    found = found or [each for each in known if each.name.casefold() == words.casefold()]
    if len(found) == 1:
        return found[0]
    if not found:
        named = ", ".join(each.name for each in known) or "none yet"
        raise InvalidRequestError(f"no station is called {words!r}; there are: {named}")
    ids = ", ".join(each.id for each in found)
    raise InvalidRequestError(f"{len(found)} stations are called {words!r}: name one by id: {ids}")


@contextmanager
def opened(data_dir: Path | None) -> Iterator[Catalog]:
    """The catalogue of a data folder."""
    from app.opening import opened_catalog

    with opened_catalog(make_settings(data_dir=data_dir)) as catalog:
        yield catalog


def _rhythm(daily: bool) -> Literal["none", "daily"]:
    return "daily" if daily else "none"


def _emotion(mood: str | None, curve: Path | None, track: list[int] | None) -> dict[str, Any]:
    given: list[dict[str, Any]] = []
    given += [] if mood is None else [{"mood": mood}]
    given += [] if curve is None else [{"curve": read_curve(curve)}]
    given += [{"tracks": track}] if track else []
    if len(given) != 1:
        raise typer.BadParameter("give exactly one of --mood, --curve, --track and --question")
    return given[0]


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InvalidRequestError(f"{path}: {exc}") from exc


def _shown(station: Station) -> dict[str, Any]:
    times = {"created_at": station.created_at.isoformat()}
    times["updated_at"] = station.updated_at.isoformat()
    return {**vars(station), **times}
