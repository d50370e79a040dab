"""`circumplex backup` and `circumplex restore`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.commands.common import DataDir, make_settings, notes, plain, require_data_folder
from app.settings import Settings
from app.version import VERSION

if TYPE_CHECKING:
    from indexer.backups.format import BackupManifest, Observer

BESIDE = ("keys.json",)


def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write; it must not exist.")],
    all_snapshots: Annotated[
        bool, typer.Option(help="Every snapshot that is kept, not the active one alone.")
    ] = False,
    analyses: Annotated[
        bool, typer.Option(help="The kept analyses too: without them a new model decodes again.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Write database, index and API keys into one archive, also while the service runs.

    The archive is written aside, verified and then given its name. It can be restored into SQLite
    and into PostgreSQL, whichever it came from. It holds no audio and no secret but hashes of keys.
    """
    from indexer.backups.write import write_backup
    from indexer.catalog.catalog import open_catalog

    settings = make_settings(data_dir=data_dir)
    _demand_library(settings)
    catalog = open_catalog(settings.resolved_database_url)
    try:
        with _bar() as observe:
            manifest = write_backup(
                catalog,
                settings.data_dir,
                file,
                version=VERSION,
                all_snapshots=all_snapshots,
                analyses=analyses,
                beside=BESIDE,
                observe=observe,
            )
    finally:
        catalog.close()
    notes.print(f"[green]Backed up[/] {_described(manifest)} into {plain(file)}", soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `circumplex backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the catalogue that is there.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Bring a backup back, into the data folder and the database that the settings name.

    Every byte is verified before anything is touched. To move from SQLite to PostgreSQL, back up,
    set CIRCUMPLEX_DATABASE_URL and restore.
    """
    from indexer.backups.restore import prepared
    from indexer.catalog.catalog import open_catalog
    from indexer.errors import TargetInUseError

    settings = make_settings(data_dir=data_dir)
    if _is_served(settings) and not force:
        raise TargetInUseError(
            f"a service runs on {settings.data_dir}: stop it, or replace its catalogue with --force"
        )
    require_data_folder(settings)
    if force:
        _set_damaged_aside(settings)
    catalog = open_catalog(settings.resolved_database_url)
    try:
        with _bar() as observe:
            ready = prepared(file, catalog, settings.data_dir, observe)
            if not force:
                ready.refuse_loss()
            ready.execute()
    finally:
        catalog.close()
    notes.print(
        f"[green]Restored[/] {_described(ready.manifest)} into {plain(settings.data_dir)}",
        soft_wrap=True,
    )


def _demand_library(settings: Settings) -> None:
    from indexer.errors import BackupError

    if settings.database_url is None and not (settings.data_dir / "circumplex.db").exists():
        raise BackupError(f"there is nothing to back up in {settings.data_dir}")


def _is_served(settings: Settings) -> bool:
    from app.clips.upload_folder import is_held

    return is_held(settings.data_dir / "uploads")


def _set_damaged_aside(settings: Settings) -> None:
    """Give a SQLite file that cannot be read another name, so that a new one can take its place."""
    from indexer.catalog.catalog import open_catalog
    from indexer.errors import CatalogUnavailableError

    path = settings.data_dir / "circumplex.db"
    if settings.database_url is not None or not path.exists():
        return
    try:
        open_catalog(settings.resolved_database_url).close()
    except CatalogUnavailableError as exc:
        if "damaged" not in str(exc):
            raise
        for part in settings.data_dir.glob("circumplex.db*"):
            part.rename(part.with_name(part.name.replace("circumplex.db", "circumplex.damaged")))
        notes.print(f"{plain(path)} is damaged and is now circumplex.damaged", soft_wrap=True)


def _described(manifest: BackupManifest) -> str:
    count = len(manifest.snapshots)
    return (
        f"{manifest.rows.get('tracks', 0)} tracks, {count} snapshot{'' if count == 1 else 's'} "
        f"({manifest.size_bytes / 1e6:.1f} MB, of {manifest.created_at})"
    )


@contextmanager
def _bar() -> Iterator[Observer]:
    """A progress bar on standard error, one line a step."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=notes) as progress:
        tasks = {}

        def observe(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what.capitalize(), total=total or None)
            progress.update(tasks[what], completed=done, total=total or None)

        yield observe
