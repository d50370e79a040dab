"""`circumplex verdicts`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app.commands.common import DataDir, emit, make_settings, notes, plain, require_data_folder


def verdicts(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
) -> None:
    """List the tracks that are not taken for music, and why.

    They stay out of playlists and of the map; `circumplex playlist --include speech` lets them in.
    """
    from app.services import opened_catalog
    from indexer.catalog.records import TrackQuery

    settings = make_settings(data_dir=data_dir)
    require_data_folder(settings)
    found: list[dict[str, object]] = []
    with opened_catalog(settings) as catalog:
        counts = catalog.verdicts()
        query, cursor, more = TrackQuery(verdict=("speech", "noise", "short")), None, True
        while more:
            page = catalog.list_tracks(query, limit=1000, cursor=cursor)
            found += [
                {"id": t.id, "verdict": t.verdict, "path": t.path, "reason": t.verdict_reason}
                for t in page.items
            ]
            cursor = page.next_cursor
            more = cursor is not None
    if as_json:
        emit(json.dumps(found, indent=2))
        return
    for track in found:
        emit(f"{track['verdict']}\t{track['path']}\t{track['reason']}")
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "no tracks"
    notes.print(plain(told))
