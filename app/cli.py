"""`circumplex`: the command line.

Data goes to standard output, everything for people to standard error. The exit code is 0 only on
success: 1 for an error that is explained in one line, 2 for wrong usage, 130 after Ctrl-C.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated

from indexer.starting import collector_paused

with collector_paused():
    import typer

    from app.commands import (
        backups,
        demonstration,
        doctor,
        emotion,
        exporting,
        feeling,
        indexing,
        info,
        learning,
        playlist,
        serving,
        sharing,
        tagging,
        verdicts,
    )
    from app.commands.common import (
        KNOWN_ERRORS,
        PlainLines,
        emit,
        explain_error,
        notes,
        plain,
    )
    from app.commands.keys import keys
    from app.commands.stations import stations
    from app.version import VERSION

app = typer.Typer(
    name="circumplex",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Search a music library by how it feels over time.",
    epilog="Settings also come from the environment: CIRCUMPLEX_DATA_DIR, CIRCUMPLEX_MUSIC_ROOTS, "
    "CIRCUMPLEX_ADMIN_TOKEN, CIRCUMPLEX_DEVICE, … (docs/settings.md).",
)
app.command()(demonstration.demo)
app.command()(indexing.index)
app.command()(serving.serve)
app.command()(playlist.playlist)
app.command()(feeling.feel)
app.command()(emotion.emotion)
app.command()(learning.train)
app.command()(learning.evaluate)
app.command()(info.info)
app.command()(doctor.doctor)
app.command()(verdicts.verdicts)
app.command()(backups.backup)
app.command()(backups.restore)
app.add_typer(keys, name="key")
app.add_typer(stations, name="station")
app.command()(exporting.export)
app.command()(tagging.tag)
app.command()(sharing.push)
app.command()(sharing.link)


def _print_version(wanted: bool) -> None:
    if wanted:
        emit(f"circumplex {VERSION}")
        raise typer.Exit


@app.callback()
def circumplex(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Search a music library by how it feels over time."""


def main() -> None:
    """Run a command; a known error becomes one line on standard error and exit code 1."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PlainLines())
    try:
        app()
    except KNOWN_ERRORS as exc:
        notes.print(f"[red]error:[/] {plain(explain_error(exc))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of a pipe has had enough
        sys.stderr.close()
        sys.exit(0)
    except OSError as exc:  # a disk or a folder that nobody foresaw here
        where = f"{exc.filename}: " if exc.filename else ""
        notes.print(f"[red]error:[/] {plain(where)}{plain(exc.strerror or exc)}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        notes.print("stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
