"""`--server URL`: what the commands ask a running service for, instead of opening an index here."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.common import notes, plain
from app.commands.naming import MOST_LOOKED_AT, described, the_one_called

if TYPE_CHECKING:
    from app.client import Client
    from app.wire.responses import TrackListItem

ServerOption = Annotated[
    str | None,
    typer.Option(
        help="Ask the service at this address, such as http://localhost:8000, instead of opening "
        "an index here.",
        show_default=False,
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        help="API key or admin token for --server.",
        envvar="CIRCUMPLEX_KEY",
        show_default=False,
        show_envvar=True,
    ),
]


def asked_client(server: str, key: str | None, *local: object) -> Client:
    """The client of a service.

    Args:
        server: Its address.
        key: What opens it.
        local: Options of an index here, which cannot be meant too.
    """
    from app.client import Client

    if any(option is not None for option in local):
        raise typer.BadParameter(
            "--server asks a service, which has a data folder and a model of its own: leave out "
            "--data-dir, --checkpoint and --device"
        )
    return Client(server, key)


def track_there(words: str, client: Client) -> TrackListItem:
    """The track of a service's library that is meant, by words of title, artist, album and path.

    Raises:
        InvalidRequestError: There is none, or more than one; names some with their ids.
    """
    found = the_one_called(words, list(islice(client.tracks(q=words), MOST_LOOKED_AT)))
    notes.print(f"Music like {plain(described(found))}")
    return found
