"""`circumplex index`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    emit_row,
    make_settings,
    notes,
    plain,
    require_data_folder,
)
from app.commands.index_progress import index_progress
from app.commands.left_out import count_left_out, list_left_out
from app.commands.remote import KeyOption, ServerOption, asked_client
from app.errors import ConflictError
from app.settings import Settings
from indexer.folders.roots import MusicRoot, music_root
from indexer.starting import collector_paused
from indexer.storage import keep_private

if TYPE_CHECKING:
    from app.client import Client
    from app.wire.run_responses import IndexRunOut
    from indexer.catalog.records import RunProgress
    from indexer.runs.summary import RunSummary


class Engine(StrEnum):
    """Where files are analysed."""

    LOCAL = "local"
    RAY = "ray"


def index(
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            help="Music folders, or s3://bucket/prefix. \\[default: CIRCUMPLEX_MUSIC_ROOTS]",
            show_default=False,
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
    passed_over: Annotated[
        bool,
        typer.Option("--passed-over", help="List the files that do not answer, and why."),
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
    server: ServerOption = None,
    key: KeyOption = None,
    run: Annotated[
        int | None, typer.Option(help="Carry out this queued run instead.", hidden=True)
    ] = None,
) -> None:
    """Bring the index up to date with music folders.

    Only new and changed files are analysed. A broken file is noted with its reason and the run
    goes on. Searches use the old index until the new one is complete; while the first one is made,
    what is finished can be played.
    """
    options = {"full": full, "only": only, "allow_shrink": allow_shrink}
    if server is not None:
        if prune or run is not None:
            raise typer.BadParameter("--prune is for an index here")
        with asked_client(server, key, data_dir, checkpoint, device) as client:
            _follow(client, client.start_index(folders or (), **options).id)
        return
    settings = make_settings(
        data_dir=data_dir, checkpoint=checkpoint, device=device, ray_address=address
    )
    roots = _named(folders) if folders else list(settings.music_roots)
    if not roots and run is None:
        notes.print(
            "[red]Nothing to index[/]: name at least one music folder, or set "
            "CIRCUMPLEX_MUSIC_ROOTS"
        )
        raise typer.Exit(1)
    if prune:
        settings = settings.with_changes(keep_analyses_days=0.0)
    summary = run_index(settings, roots, run_id=run, on_ray=engine is Engine.RAY, **options)
    for line in summary.notes:
        notes.print(f"[yellow]note[/] {plain(line)}")
    _tell_left_out(settings, named=passed_over)
    notes.print(describe(summary))  # the last word is the snapshot's name
    if summary.files_total == 0:
        names = ", ".join(map(str, roots)) or "the folders of the run"
        notes.print(f"[red]No audio file[/] was found in {plain(names)}")
        raise typer.Exit(1)
    if summary.snapshot_id is None:
        notes.print("[red]Nothing[/] is in the index: none of the files could be read")
        raise typer.Exit(1)


def _named(roots: list[str]) -> list[MusicRoot]:
    try:
        return [music_root(root) for root in roots]
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _tell_left_out(settings: Settings, *, named: bool) -> None:
    """Count what was passed over, and list it on standard output where that is asked for."""
    from app.opening import opened_catalog

    with opened_catalog(settings) as catalog:
        if named:
            for path, reason in list_left_out(catalog):
                emit_row(path, reason)
        told = count_left_out(catalog)
    if told:
        notes.print(plain(told))


def _follow(client: Client, run_id: int) -> None:
    """Show a run of a service until it is over; Ctrl-C cancels it."""
    with index_progress() as shown:
        try:
            run = client.wait_for_index(run_id, lambda state: shown.show(_progress(state)))
        except KeyboardInterrupt:
            client.cancel_index(run_id)
            raise
    for line in run.notes:
        notes.print(f"[yellow]note[/] {plain(line)}")
    if run.state != "succeeded":
        raise ConflictError(f"index run {run.id} is {run.state}: {run.error or 'no reason given'}")
    notes.print(
        f"[green]Indexed[/] {run.files_total} files ({run.files_failed} failed); "
        f"{_index_named(run.snapshot_id)}"
    )
    if run.snapshot_id is None or not run.files_total:
        notes.print("[red]No audio file[/] of the folders is in the index")
        raise typer.Exit(1)


def _progress(run: IndexRunOut) -> RunProgress:
    from indexer.catalog.records import RunProgress

    return RunProgress(**{name: getattr(run, name) for name in RunProgress.__dataclass_fields__})


def run_index(
    settings: Settings,
    roots: Sequence[MusicRoot],
    *,
    full: bool = False,
    only: bool = False,
    allow_shrink: bool = False,
    run_id: int | None = None,
    on_ray: bool = False,
) -> RunSummary:
    """Index and show how far it is; Ctrl-C cancels, SIGTERM leaves the run to be resumed."""
    with collector_paused():
        from app.opening import opened_catalog
        from app.services import load_and_keep, make_indexer

    keep_private()
    require_data_folder(settings)
    with opened_catalog(settings) as catalog:
        indexer = make_indexer(settings, catalog, load_and_keep(settings), on_ray=on_ray)
        with stop_on_sigterm() as stop, index_progress() as progress:
            return indexer.run(
                roots,
                full=full,
                only=only,
                allow_shrink=allow_shrink,
                progress=progress.show,
                run_id=run_id,
                stop=stop,
            )


def describe(summary: RunSummary) -> str:
    """What a run did, for a person."""
    parts = [f"{summary.files_read} new or changed", f"{summary.files_failed} failed"]
    if summary.files_resumed:
        parts.insert(1, f"{summary.files_resumed} finished by a run before that broke off")
    if summary.files_missing:
        parts.append(f"{summary.files_missing} gone")
    if summary.files_kept:
        parts.append(f"{summary.files_kept} not readable, kept as they were")
    speed = (
        f", {summary.audio_s / summary.elapsed_s:.0f} times real time" if summary.audio_s else ""
    )
    return (
        f"[green]Indexed[/] {summary.files_total} files ({', '.join(parts)}) in "
        f"{summary.elapsed_s:.1f} s{speed}; {_index_named(summary.snapshot_id)}"
    )


def _index_named(snapshot_id: str | None) -> str:
    return "no snapshot" if snapshot_id is None else f"snapshot {snapshot_id}"


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
