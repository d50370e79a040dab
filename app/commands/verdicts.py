"""`circumplex verdicts`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app.commands.common import (
    DataDir,
    emit,
    emit_row,
    make_settings,
    notes,
    plain,
    require_data_folder,
)
from app.commands.left_out import NOT_MUSIC, every_track


def verdicts(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
) -> None:
    """List the tracks that are not taken for music, and why.

    They stay out of playlists and of the map; `circumplex playlist --include speech` lets them in.
    """
    from app.opening import opened_catalog
    from indexer.catalog.records import TrackQuery

    settings = make_settings(data_dir=data_dir)
    require_data_folder(settings)
    with opened_catalog(settings) as catalog:
        counts = catalog.verdicts()
        found = [
            {"id": t.id, "verdict": t.verdict, "path": t.path, "reason": t.verdict_reason}
            for t in every_track(catalog, TrackQuery(verdict=tuple(NOT_MUSIC)))
        ]
    if as_json:
        emit(json.dumps(found, indent=2))
        return
    for track in found:
        emit_row(track["verdict"], track["path"], track["reason"])
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "no tracks"
    notes.print(plain(told))
