"""What the commands share: options, settings, consoles, and opening the library."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape

from app.environment import unknown_variables, variable
from app.errors import AppError, NotReadyError, ServerStartError, one_line
from app.settings import Settings
from indexer.errors import IndexerError
from indexer.starting import collector_paused
from indexer.storage import may_write
from model.errors import ModelError

if TYPE_CHECKING:
    from app.library.live import Live
    from app.services import Library

notes = Console(stderr=True, emoji=False)  # everything for people; standard output is for data
KNOWN_ERRORS = (AppError, IndexerError, ModelError)

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of database and snapshots. \\[default: ~/.local/share/circumplex]",
        show_default=False,
    ),
]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Model file; the shipped one by default.", show_default=False)
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write it there, not on standard output.")
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda. \\[default: auto]", show_default=False)
]


def make_settings(**changes: Any) -> Settings:
    """Settings from the environment, changed by options of the command line.

    Variables that look like a setting and are none are warned of.

    Raises:
        ServerStartError: A value is not possible; says of which variable or option.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    for line in unknown_variables(Settings.model_fields, os.environ):
        notes.print(f"[yellow]warning:[/] {plain(line)}", highlight=False, soft_wrap=True)
    try:
        return Settings(**given)
    except SettingsError as exc:
        raise ServerStartError(str(exc)) from exc
    except ValidationError as exc:
        found = [
            f"{_named(item['loc'], given)}{item['msg'].removeprefix('Value error, ')}"
            for item in exc.errors()
        ]
        raise ServerStartError("; ".join(found)) from exc


def _named(place: tuple[int | str, ...], given: dict[str, Any]) -> str:
    """What the operator called the setting at `place`: an option, or a variable."""
    if not place:
        return ""
    field = str(place[0])
    return f"--{field.replace('_', '-')}: " if field in given else f"{variable(field)}: "


def require_data_folder(settings: Settings) -> None:
    """Make the data folder; find out before longer work whether this user may write into it.

    Raises:
        ServerStartError: It cannot be made or written; says by whom, whose it is and what to do.
    """
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not may_write(folder):
            raise PermissionError(errno.EACCES, f"it belongs to user {folder.stat().st_uid}")
    except OSError as exc:
        raise ServerStartError(
            f"the data folder {folder} cannot be written by user {os.geteuid()} "
            f"({exc.strerror or exc}): make that user its owner, or name another folder"
        ) from exc


def plain(text: object) -> str:
    """Text from elsewhere, for `notes`: `[live]` is no markup, and nothing steers the terminal."""
    shown = (c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return escape("".join(shown))


def visible(text: object) -> str:
    r"""Text from elsewhere in one line: what cannot be printed is written as `\n`, `\x1b`."""
    signs = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return "".join(signs)


class PlainLines(logging.Formatter):
    """What is logged while a command runs, in lines that steer no terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - of the base class
        """The message in one line."""
        return visible(record.message)


def emit_row(*cells: object) -> None:
    """Write a row of a table to standard output, in one line, with tabs between the cells."""
    emit("\t".join(map(visible, cells)))


def emit(content: str | bytes) -> None:
    """Write data to standard output."""
    typer.echo(content, nl=isinstance(content, str))


@contextmanager
def open_library(settings: Settings) -> Iterator[Library]:
    """Open catalogue, model and the active snapshot, as the service does.

    Args:
        settings: Names the data folder and the checkpoint.

    Yields:
        The library; its `live` index may hold nothing yet.
    """
    with collector_paused():  # starting torch takes a second: not before it is needed
        from app.services import opened_library

    with opened_library(settings) as library:
        yield library


def active(library: Library, settings: Settings) -> Live:
    """The index that answers.

    Raises:
        NotReadyError: There is none; says in which folder it was looked for.
    """
    try:
        return library.live.current()
    except NotReadyError as exc:
        where = f"{settings.data_dir} (--data-dir names another folder)"
        raise NotReadyError(f"{where}: {exc}") from exc


def own(library: Library, settings: Settings) -> Live:
    """The index that answers, on the plane of the machine's listener.

    Raises:
        NotReadyError: There is none.
    """
    from app.personal.planes import Planes
    from indexer.catalog.profiles import MACHINE

    live = active(library, settings)
    return Planes(library.catalog, lambda _: library.model).live_of(MACHINE, live)


def explain_error(error: Exception) -> str:
    """One line for a person."""
    return one_line(str(error)) or type(error).__name__
