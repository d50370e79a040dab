"""`circumplex push`: stations into the servers and folders that people already have."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    active,
    emit,
    make_settings,
    notes,
    open_library,
    plain,
)
from app.commands.naming import seen_from
from app.commands.stations import station_called
from app.errors import InvalidRequestError

if TYPE_CHECKING:
    from app.library.live import Live
    from app.services import Library
    from app.wire.responses import TrackOut
    from indexer.catalog.stations import Station


User = Annotated[str, typer.Option(help="User name there.")]
Password = Annotated[
    str,
    typer.Option(
        envvar="CIRCUMPLEX_SERVER_PASSWORD", help="Password there; better in the variable."
    ),
]


def push(
    station: Annotated[
        list[str] | None, typer.Option(help="Name or id of a station; may be repeated.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All stations.")] = False,
    server: Annotated[
        str | None, typer.Option(help="Address of a Subsonic server, without /rest.")
    ] = None,
    user: User = "",
    password: Password = "",
    folder: Annotated[
        Path | None, typer.Option(help="Write files into this folder instead.")
    ] = None,
    kind: Annotated[
        Literal["m3u8", "m3u", "nsp"],
        typer.Option(
            "--format", help="Of the files; nsp: smart playlists of Navidrome over mood tags."
        ),
    ] = "m3u8",
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
) -> None:
    """Create or replace a station's playlist on a Subsonic server, or as a file in a folder.

    Tracks are found there by MusicBrainz recording, ISRC, path, or title, artist and length; those
    that are not are listed with the nearest. Nothing else on the server changes.
    """
    from app.sharing.pushing import push as push_stations
    from app.sharing.subsonic_server import SubsonicServer

    if (server is None) == (folder is None):
        raise typer.BadParameter("give exactly one of --server and --folder")
    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    with open_library(settings) as library:
        chosen = _chosen(station or [], every, library)
        live: Live = active(library, settings)
        if folder is not None:
            _write(chosen, folder, kind, library, live)
            return
        with SubsonicServer(str(server), user, password) as remote:
            pushed = push_stations(chosen, remote, library.catalog, library.model, live)
    for each in pushed:
        done = "replaced" if each.replaced else "made"
        lost = f", {len(each.unmatched)} tracks are not there" if each.unmatched else ""
        notes.print(f"{plain(each.station)} is {done} with {each.songs} songs{lost}")
    emit(json.dumps([each.told() for each in pushed], indent=2, ensure_ascii=False))


def _chosen(names: list[str], every: bool, library: Library) -> list[Station]:
    if every == bool(names):
        raise typer.BadParameter("give either --all or --station")
    if not every:
        return [station_called(name, library.catalog) for name in names]
    found: list[Station] = library.catalog.list_stations()
    if not found:
        raise InvalidRequestError("there are no stations yet: `circumplex station add`")
    return found


def _write(
    stations: list[Station],
    folder: Path,
    kind: Literal["m3u8", "m3u", "nsp"],
    library: Library,
    live: Live,
) -> None:
    from app.sharing.pushing import answer_of, file_stems, write_file

    def locate(path: Path) -> Callable[[TrackOut], str]:
        return seen_from(path, live.snapshot.tracks)

    stems = file_stems(library.catalog.list_stations())
    for each in stations:
        music = partial(answer_of, each, library.catalog, library.model, live)
        path = write_file(each, folder, kind, music, locate, stem=stems.get(each.id))
        notes.print(f"{plain(each.name)} is written into {plain(path)}")


def link(
    server: Annotated[str, typer.Option(help="Address of a Subsonic server, without /rest.")],
    user: User = "",
    password: Password = "",
    data_dir: DataDir = None,
) -> None:
    """Learn the ids that a media server gives to our tracks, for programs that speak its ids."""
    from app.compat.links import LinkStore, learn
    from app.opening import opened_catalog
    from app.sharing.subsonic_server import SubsonicServer

    settings = make_settings(data_dir=data_dir)
    with opened_catalog(settings) as catalog, SubsonicServer(server, user, password) as remote:
        found, total = learn(remote, catalog, LinkStore(settings.data_dir))
    notes.print(f"{found} of {total} tracks are songs of {plain(server)}")
