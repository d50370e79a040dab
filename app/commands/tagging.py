"""`circumplex tag`: moods in the files themselves, only when asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    active,
    emit,
    make_settings,
    notes,
    open_library,
    plain,
)
from app.errors import InvalidRequestError


def tag(
    folder: Annotated[Path, typer.Argument(help="Indexed music below this folder.")],
    write: Annotated[
        bool, typer.Option("--write/--dry-run", help="Write the tags; otherwise show them.")
    ] = False,
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Keep the files' time stamps.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put back all that was written.")] = False,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
) -> None:
    """Write mood words, valence and arousal into the tags of music files.

    Each file is changed by way of a copy whose audio and other tags are compared; `--undo` puts
    back what was there. Nothing is taken for changed music by the next index run.
    """
    from app.tagging.writing import Tagger, undo_all

    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    with open_library(settings) as library:
        live = active(library, settings)
        if undo:
            done, lost = undo_all(library.catalog, settings.data_dir)
            notes.print(f"{done} files are as they were before")
            for path in lost:
                notes.print(f"[yellow]not put back:[/] {plain(path)}")
            return
        tagger = Tagger(live, library.catalog, settings.data_dir, folder)
        count = 0
        for plan in tagger.planned():
            if not plan.is_new:
                continue
            count += 1
            if not write:
                emit(json.dumps({"path": str(plan.path), **plan.values}, ensure_ascii=False))
                continue
            try:
                tagger.write(plan, keep_times=keep_times)
            except InvalidRequestError as exc:
                count -= 1
                notes.print(f"[yellow]left as it was:[/] {plain(exc)}")
    done_or_not = "are tagged" if write else "would be tagged; --write does it"
    notes.print(f"{count} files {done_or_not}")
