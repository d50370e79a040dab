"""`circumplex doctor`: looks for what could keep Circumplex from working."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.common import (
    KNOWN_ERRORS,
    Checkpoint,
    DataDir,
    Device,
    active,
    emit,
    explain_error,
    make_settings,
    notes,
    open_library,
    plain,
    require_data_folder,
)
from app.environment import unknown_variables
from app.settings import Settings
from app.version import VERSION

if TYPE_CHECKING:
    from indexer.catalog.catalog import Catalog

MIN_FREE_BYTES = 500 * 1024 * 1024
MOST_GONE = 0.2  # share of the tracks that may be gone before something is wrong
LOOKED_FOR = 1000  # files of the index that are looked for, evenly over it


def doctor(
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Look for what could keep Circumplex from working, and say what to do."""
    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    findings = [_finding(name, check, settings) for name, check in CHECKS.items()]
    for finding in findings:
        mark = "[green]ok[/]  " if finding["ok"] else "[red]bad[/] "
        notes.print(f"{mark} {finding['check']}: {plain(finding['detail'])}")
    if as_json:
        emit(json.dumps(findings, indent=2))
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(1)


def _finding(name: str, check: Callable[[Settings], str], settings: Settings) -> dict[str, Any]:
    try:
        return {"check": name, "ok": True, "detail": check(settings)}
    except (*KNOWN_ERRORS, OSError, ImportError, RuntimeError) as exc:
        return {"check": name, "ok": False, "detail": explain_error(exc)}


def _settings(settings: Settings) -> str:
    unknown = unknown_variables(type(settings).model_fields, os.environ)
    if unknown:
        raise RuntimeError("; ".join(unknown))
    return "every CIRCUMPLEX_ variable is one"


def _python(_settings: Settings) -> str:
    return f"Circumplex {VERSION}, Python {sys.version.split()[0]}, {os.cpu_count()} cores"


def _torch(settings: Settings) -> str:
    import torch
    import torchaudio

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("CIRCUMPLEX_DEVICE=cuda, but torch finds no GPU: use auto or cpu")
    return f"torch {torch.__version__}, torchaudio {torchaudio.__version__}, {gpu}"


def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir
    require_data_folder(settings)
    probe = folder / ".doctor"
    probe.write_bytes(b"")
    probe.unlink()
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise OSError(
            f"{folder}: only {free >> 20} MiB are free; an index needs room to be written"
        )
    return f"{folder} is writable, {free >> 30} GiB free"


def _database(settings: Settings) -> str:
    from indexer.catalog.catalog import open_catalog

    catalog = open_catalog(settings.resolved_database_url)
    try:
        catalog.ping()
    finally:
        catalog.close()
    return f"{catalog.engine.dialect.name} answers, its schema is up to date"


def _index_runs(settings: Settings) -> str:
    from app.opening import opened_catalog

    with opened_catalog(settings) as catalog:
        runs = catalog.list_runs(limit=20)
        for run in runs:
            if run.state == "running" and catalog.is_late(run.id):
                raise RuntimeError(
                    f"run {run.id} has not reported since {run.lease_expires_at:%Y-%m-%d %H:%M} "
                    "UTC: its process hangs or has died; the service takes it over"
                )
    last = next((run for run in runs if run.is_over), None)
    waiting = sum(not run.is_over for run in runs)
    more = f"; {waiting} queued or running" if waiting else ""
    if last is None:
        return f"none has ended yet{more}"
    if last.state == "failed":
        raise RuntimeError(f"the last one, run {last.id}, failed: {last.error}{more}")
    failed = last.progress.files_failed
    left_out = f", {failed} files could not be indexed" if failed else ""
    return f"the last one, run {last.id}, {last.state}{left_out}{more}"


def _keys(settings: Settings) -> str:
    from app.http.keys import KeyRing

    count = len(KeyRing(settings.data_dir / "keys.json").all())
    if settings.require_key and not count and settings.admin_token is None:
        raise RuntimeError(
            "CIRCUMPLEX_REQUIRE_KEY asks for a key, but there is none: `circumplex key create NAME`"
        )
    return f"{count} in use"


def _library(settings: Settings) -> str:
    with open_library(settings) as library:
        live, counts = active(library, settings), library.catalog.counts()
        live.snapshot.verify()
        if library.live.note is not None:
            raise RuntimeError(library.live.note)
        tracks = live.snapshot.manifest.tracks
        most = max((row.track_count for row in library.catalog.list_snapshots()), default=tracks)
        gone, of = _files_gone(library.catalog)
    detail = (
        f"model {library.model.model_id} on {library.model.device}; snapshot {live.id} is as it "
        f"was written, {tracks} tracks"
    )
    if counts.missing:
        detail += f"; {counts.missing} tracks that were known are missing: their files have gone"
    if tracks < (1 - MOST_GONE) * most:
        raise RuntimeError(
            f"{detail}; an earlier snapshot holds {most}: is a folder not mounted? Mount it and "
            "run `circumplex index`"
        )
    if gone > MOST_GONE * of:
        raise RuntimeError(
            f"{detail}; {gone} of {of} files looked for are not there now: is a folder not mounted?"
        )
    return detail


def _files_gone(catalog: Catalog) -> tuple[int, int]:
    """How many files of the index are not there, and how many were looked for, in folders."""
    from indexer.folders.files import file_path
    from indexer.folders.roots import is_in_store

    tracks = [track for track in catalog.published_tracks() if not is_in_store(track.root)]
    looked_for = tracks[:: 1 + len(tracks) // LOOKED_FOR]
    paths = [file_path(track.root, track.path) for track in looked_for]
    return sum(not path.exists() for path in paths), len(paths)


def _music_roots(settings: Settings) -> str:
    from indexer.folders.objects import ObjectStore
    from indexer.folders.roots import StoreRoot

    store = ObjectStore()
    for root in settings.music_roots:
        if isinstance(root, StoreRoot):
            store.require(root)
            continue
        with os.scandir(root.expanduser()):
            pass
    named = ", ".join(map(str, settings.music_roots))
    return named or "none configured (CIRCUMPLEX_MUSIC_ROOTS): the API cannot start index runs"


def _administration(settings: Settings) -> str:
    if not settings.admin:
        return "switched off"
    if settings.admin_token is None:
        return (
            "no token (CIRCUMPLEX_ADMIN_TOKEN): only an API key with the scope admin opens the "
            "admin endpoints"
        )
    if len(settings.admin_token.get_secret_value()) < 16:
        raise RuntimeError(
            "CIRCUMPLEX_ADMIN_TOKEN is shorter than 16 characters: take a longer one"
        )
    return "behind a token"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "installation": _python,
    "settings": _settings,
    "device": _torch,
    "data folder": _data_folder,
    "music roots": _music_roots,
    "administration": _administration,
    "API keys": _keys,
    "database": _database,
    "index runs": _index_runs,
    "library": _library,
}
