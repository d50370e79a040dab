"""`circumplex info`."""

from __future__ import annotations

import json
import os
from typing import Any

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    emit,
    make_settings,
    open_library,
)
from app.version import VERSION


def info(data_dir: DataDir = None, checkpoint: Checkpoint = None, device: Device = None) -> None:
    """Say which checkpoint, snapshot and device are in use, as JSON."""
    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    with open_library(settings) as library:
        import torch  # not before the library is opened, which imports it faster

        live, model = library.live.current_or_none(), library.loaded
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
                    "note": library.live.note,
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
