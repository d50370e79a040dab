"""`circumplex index`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    make_settings,
    notes,
    plain,
    require_data_folder,
)
from app.commands.remote import Key, Server, asked_client
from app.errors import ConflictError
from app.settings import Settings
from indexer.storage import keep_private

if TYPE_CHECKING:
    from app.client import Client
    from app.wire.run_responses import IndexRunOut
    from indexer.catalog.records import RunProgress
    from indexer.runs.job import RunSummary


class Engine(StrEnum):
    """Where files are analysed."""

    LOCAL = "local"
    RAY = "ray"


def index(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Music folders. \\[default: CIRCUMPLEX_MUSIC_ROOTS]", show_default=False
        ),
    ] = None,
    full: Annotated[bool, typer.Option(help="Analyse unchanged files again too.")] = False,
    only: Annotated[
        bool, typer.Option("--only", help="Let tracks of all other folders leave the index.")
    ] = False,
    allow_shrink: Annotated[
        bool,
        typer.Option(
            "--allow-shrink",
            help="Accept that more than a fifth of a folder's tracks, or all, are gone.",
        ),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Remove at once the analyses that no track needs any more."),
    ] = False,
    engine: Annotated[
        Engine, typer.Option(help="Where files are analysed: in this machine's threads, or on Ray.")
    ] = Engine.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of the Ray cluster. \\[default: CIRCUMPLEX_RAY_ADDRESS, or one that is "
            "started here]",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
    server: Server = None,
    key: Key = None,
    run: Annotated[
        int | None, typer.Option(help="Carry out this queued run instead.", hidden=True)
    ] = None,
) -> None:
    """Bring the index up to date with music folders.

    Only new and changed files are analysed. A broken file is noted with its reason and the run
    goes on. Searches use the old index until the new one is complete.
    """
    if server is not None:
        if prune or run is not None:
            raise typer.BadParameter("--prune is for an index here")
        with asked_client(server, key, data_dir, checkpoint, device) as client:
            asked = client.start_index(
                [str(each) for each in folders or ()],
                full=full,
                only=only,
                allow_shrink=allow_shrink,
            )
            _follow(client, asked.id)
        return
    settings = make_settings(
        data_dir=data_dir, checkpoint=checkpoint, device=device, ray_address=address
    )
    roots = folders or list(settings.music_roots)
    if not roots and run is None:
        raise typer.BadParameter("name at least one music folder, or set CIRCUMPLEX_MUSIC_ROOTS")
    if prune:
        settings = settings.with_changes(keep_analyses_days=0.0)
    summary = run_index(
        settings,
        roots,
        full=full,
        only=only,
        allow_shrink=allow_shrink,
        run_id=run,
        on_ray=engine is Engine.RAY,
    )
    for line in summary.notes:
        notes.print(f"[yellow]note[/] {plain(line)}")
    notes.print(describe(summary))


def _follow(client: Client, run_id: int) -> None:
    """Show a run of a service until it is over; Ctrl-C cancels it."""
    with index_bar() as bar:
        try:
            run = client.wait_for_index(run_id, lambda state: bar.show(_progress(state)))
        except KeyboardInterrupt:
            client.cancel_index(run_id)
            raise
    for line in run.notes:
        notes.print(f"[yellow]note[/] {plain(line)}")
    if run.state != "succeeded":
        raise ConflictError(f"index run {run.id} is {run.state}: {run.error or 'no reason given'}")
    notes.print(
        f"[green]Indexed[/] {run.files_total} files ({run.files_failed} failed); snapshot "
        f"{run.snapshot_id}"
    )


def _progress(run: IndexRunOut) -> RunProgress:
    from indexer.catalog.records import RunProgress

    return RunProgress(**{name: getattr(run, name) for name in RunProgress.__dataclass_fields__})


def run_index(
    settings: Settings,
    roots: list[Path],
    *,
    full: bool = False,
    only: bool = False,
    allow_shrink: bool = False,
    run_id: int | None = None,
    on_ray: bool = False,
) -> RunSummary:
    """Index with a progress bar; Ctrl-C cancels, SIGTERM leaves the run to be resumed."""
    from app.services import load_and_keep, make_indexer, opened_catalog

    keep_private()
    require_data_folder(settings)
    with opened_catalog(settings) as catalog:
        model = load_and_keep(settings)
        indexer = make_indexer(settings, catalog, model, on_ray=on_ray)
        with stop_on_sigterm() as stop, index_bar() as bar:
            return indexer.run(
                roots,
                full=full,
                only=only,
                allow_shrink=allow_shrink,
                progress=bar.show,
                run_id=run_id,
                stop=stop,
            )


def describe(summary: RunSummary) -> str:
    """What a run did, for a person."""
    parts = [f"{summary.files_read} new or changed", f"{summary.files_failed} failed"]
    if summary.files_missing:
        parts.append(f"{summary.files_missing} gone")
    if summary.files_kept:
        parts.append(f"{summary.files_kept} not readable, kept as they were")
    speed = (
        f", {summary.audio_s / summary.elapsed_s:.0f} times real time" if summary.audio_s else ""
    )
    return (
        f"[green]Indexed[/] {summary.files_total} files ({', '.join(parts)}) in "
        f"{summary.elapsed_s:.1f} s{speed}; snapshot {summary.snapshot_id}"
    )


class IndexBar:
    """Shows the progress of a run: files, rate, time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("Looking for music", total=None, rate="", left="")

    def show(self, state: RunProgress) -> None:
        """Draw a new state."""
        working = state.stage == "analysing"
        rate = f"{state.files_per_s:.1f} files/s" if working and state.files_per_s else ""
        left = f"{_clock(state.seconds_left)} left" if working and state.seconds_left else ""
        failed = f" [red]({state.files_failed} failed)[/]" if state.files_failed else ""
        self._progress.update(
            self._task,
            description=_STAGES.get(state.stage, state.stage) + failed,
            completed=state.files_done,
            total=state.files_total or None,
            rate=rate,
            left=left,
        )


_STAGES = {
    "queued": "Waiting",
    "scanning": "Looking for music",
    "analysing": "Listening",
    "writing": "Writing the index",
    "finished": "Done",
}


@contextmanager
def index_bar() -> Iterator[IndexBar]:
    """A progress bar on standard error."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=notes) as progress:
        yield IndexBar(progress)


@contextmanager
def stop_on_sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, so that a run is put back into the queue."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
