"""What the commands share: options, settings, consoles, and opening the library."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from app.errors import AppError, NotReadyError, ServerStartError, one_line
from app.settings import Settings
from indexer.errors import IndexerError
from model.errors import ModelError

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
Device = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda. \\[default: auto]", show_default=False)
]


def make_settings(**changes: Any) -> Settings:
    """Settings from the environment, changed by options of the command line.

    Raises:
        ServerStartError: A value is not possible; says which.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        found = [
            f"{'.'.join(map(str, item['loc'])) or 'settings'}: "
            f"{item['msg'].removeprefix('Value error, ')}"
            for item in exc.errors()
        ]
        raise ServerStartError("; ".join(found)) from exc


def require_data_folder(settings: Settings) -> None:
    """Make the data folder; find out before longer work whether this user may write into it.

    Raises:
        ServerStartError: It cannot be made or written; says by whom, whose it is and what to do.
    """
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
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


def emit(content: str | bytes) -> None:
    """Write data to standard output."""
    typer.echo(content, nl=isinstance(content, str))


@dataclass(frozen=True)
class Library:
    """The catalogue of a data folder with the model that answers from it."""

    catalog: Any
    model: Any
    live: Any


@contextmanager
def open_library(settings: Settings) -> Iterator[Library]:
    """Open catalogue, model and the active snapshot, as the service does.

    Args:
        settings: Names the data folder and the checkpoint.

    Yields:
        The library; its `live` index may hold nothing yet.
    """
    from app.library.live import LiveIndex
    from app.main import load_model
    from app.metrics import Metrics
    from indexer.catalog.catalog import open_catalog

    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    catalog = open_catalog(settings.resolved_database_url)
    try:
        model = load_model(settings)
        live = LiveIndex(
            catalog,
            settings.data_dir / "snapshots",
            model_id=model.model_id,
            scoring=model.scoring,
            device=str(model.device),
            metrics=Metrics(),
        )
        live.refresh()
        yield Library(catalog, model, live)
    finally:
        catalog.close()


def active(library: Library, settings: Settings) -> Any:
    """The index that answers.

    Raises:
        NotReadyError: There is none; says in which folder it was looked for.
    """
    try:
        return library.live.current()
    except NotReadyError as exc:
        where = f"{settings.data_dir} (--data-dir names another folder)"
        raise NotReadyError(f"{where}: {exc}") from exc


def explain_error(error: Exception) -> str:
    """One line for a person."""
    return one_line(str(error)) or type(error).__name__
