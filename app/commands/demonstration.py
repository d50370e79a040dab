"""`circumplex demo`: from nothing to a running service in one command."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track as shown_progress

from app.commands.common import (
    Checkpoint,
    Device,
    emit,
    make_settings,
    notes,
    open_library,
)
from app.commands.indexing import describe, run_index
from app.commands.playlist import playlist_table
from app.commands.serving import Server, require_free_port, run_server
from app.errors import InvalidRequestError, ServerStartError
from app.settings import Settings
from app.wire.schemas import PlaylistRequest

SAMPLE = PlaylistRequest.model_validate({"emotion": {"mood": "calm"}, "limit": 10})
START_S = 300.0


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Your music; by default a small catalogue composed on the spot."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the running service over HTTP, judge, and stop.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address. \\[default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port. \\[default: 8000]")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where index and demo music go.")] = Path(
        "demo-data"
    ),
    checkpoint: Checkpoint = None,
    device: Device = None,
) -> None:
    """Index some music, print a playlist, and serve."""
    if folder is not None and not folder.is_dir():
        raise InvalidRequestError(f"{folder} is no folder")
    music = data_dir / "music" if folder is None else folder
    settings = make_settings(
        host=host,
        port=0 if check else port,
        data_dir=data_dir,
        checkpoint=checkpoint,
        device=device,
        music_roots=(music.resolve(),),
    )
    require_free_port(settings)
    if folder is None:
        _compose(music)
    notes.print(describe(run_index(settings, [music], only=True)))
    _print_sample(settings)
    if check:
        _check(settings, music)
    else:
        run_server(settings)


def _compose(folder: Path) -> None:
    from app.demo.catalogue import render
    from app.demo.recipes import RECIPES

    done = threading.Semaphore(0)
    composing = threading.Thread(
        target=lambda: render(folder, progress=lambda _piece: done.release()), daemon=True
    )
    composing.start()
    for _ in shown_progress(RECIPES, description="Composing the demo catalogue", console=notes):
        while not done.acquire(timeout=0.2):
            if not composing.is_alive():
                break
    composing.join()


def _print_sample(settings: Settings) -> None:
    from app.playlists.match import make_playlist

    with open_library(settings) as library:
        answer = make_playlist(SAMPLE, library.model, library.live.current())
    table = playlist_table(answer)
    table.title = f"A playlist for 'calm' · {table.title}"
    notes.print(table)


def _check(settings: Settings, music: Path) -> None:
    """Start the real server on a free port, ask it, and judge the answers."""
    from app.commands.checking import check_service

    server = Server(settings)
    running = threading.Thread(target=_quietly, args=(server,), daemon=True)
    running.start()
    try:
        _wait_until_started(server, running)
        notes.print(f"Asking the service at {server.url}")
        report: dict[str, Any] = check_service(server.url, music)
    finally:
        server.stop()
        running.join(timeout=60.0)
    import json

    emit(json.dumps(report, indent=2))
    notes.print("[green]The answers are sane.[/]")


def _quietly(server: Server) -> None:
    try:
        server.run()
    except ServerStartError:
        notes.print("[red]The service did not start.[/]")


def _wait_until_started(server: Server, running: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(START_S / 0.1)):
        if server.started:
            return
        if not running.is_alive():
            break
        waited.wait(0.1)
    raise ServerStartError("the service did not start; the log above says why")
