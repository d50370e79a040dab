"""`circumplex info` and `circumplex doctor`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from typing import Annotated, Any

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
from app.settings import Settings
from app.version import VERSION

MIN_FREE_BYTES = 500 * 1024 * 1024


def info(data_dir: DataDir = None, checkpoint: Checkpoint = None, device: Device = None) -> None:
    """Say which checkpoint, snapshot and device are in use, as JSON."""
    import torch

    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    with open_library(settings) as library:
        live, model = library.live.current_or_none(), library.model
        counts = library.catalog.counts()
        emit(
            json.dumps(
                {
                    "version": VERSION,
                    "data_dir": str(settings.data_dir),
                    "checkpoint": {
                        "model_id": model.model_id,
                        "path": str(settings.checkpoint) if settings.checkpoint else "shipped",
                        "frontend": model.frontend.name,
                        "scoring": model.scoring.kind,
                        "lambda": model.scoring.lam,
                    },
                    "snapshot": _snapshot(live),
                    "tracks": {
                        "ok": counts.ok,
                        "failed": counts.failed,
                        "missing": counts.missing,
                    },
                    "device": str(model.device),
                    "torch": torch.__version__,
                    "cuda": torch.cuda.is_available(),
                    "cores": os.cpu_count(),
                },
                indent=2,
            )
        )


def _snapshot(live: Any) -> dict[str, Any] | None:
    if live is None:
        return None
    manifest = live.snapshot.manifest
    return {
        "id": live.id,
        "created_at": live.created_at.isoformat(),
        "tracks": manifest.tracks,
        "segments": manifest.segments,
        "engine": manifest.engine,
    }


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
        last = next((run for run in catalog.list_runs(limit=20) if run.is_over), None)
    finally:
        catalog.close()
    kind = catalog.engine.dialect.name
    if last is not None and last.state == "failed":
        raise RuntimeError(f"{kind} answers; the last index run failed: {last.error}")
    return f"{kind} answers, its schema is up to date"


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
        failed = f", {counts.failed} files could not be indexed" if counts.failed else ""
        return (
            f"model {library.model.model_id} on {library.model.device}; snapshot {live.id} with "
            f"{live.snapshot.manifest.tracks} tracks is whole{failed}"
        )


def _music_roots(settings: Settings) -> str:
    for root in settings.music_roots:
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
    "device": _torch,
    "data folder": _data_folder,
    "music roots": _music_roots,
    "administration": _administration,
    "API keys": _keys,
    "database": _database,
    "library": _library,
}
