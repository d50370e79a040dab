"""`circumplex export`: everything out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    active,
    make_settings,
    notes,
    open_library,
    plain,
)


def export(
    target: Annotated[Path, typer.Argument(help="A file: .parquet, .csv or .jsonl.")],
    scale: Annotated[
        Literal["absolute", "relative"], typer.Option(help="Of valence and arousal.")
    ] = "absolute",
    curves: Annotated[bool, typer.Option(help="With each track's curve.")] = True,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
) -> None:
    """Write the emotion of every track into a file that other programs read.

    One row a track: ids, tags, mean, standard deviation and curve, with scale and model, and where
    this machine's listener put it. The JSON Schema of a curve is written beside it.
    """
    from app.exporting.rows import rows
    from app.exporting.writing import write_rows
    from app.personal.recordings import Recordings, resolved
    from indexer.catalog.profiles import MACHINE

    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    with open_library(settings) as library:
        live = active(library, settings)
        said = library.catalog.placements_of(MACHINE)
        felt = {
            row: each
            for row, each in resolved(said, Recordings(live))
            if row is not None and each.valence is not None
        }
        count = write_rows(rows(live, scale, curves=curves, felt=felt), target)
    notes.print(f"{count} tracks are written into {plain(target)}")
