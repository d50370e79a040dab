"""One row a track: what it is, where it lies on the plane, and how it moves there.

The form of a curve is described by `curve.schema.json` beside this file; its version is raised with
every change of form. T points of a curve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np

from app.library.live import Live
from app.wire.schemas import Scale
from indexer.catalog.profiles import Placement

CURVE_VERSION = 1
NOTHING_SAID: Mapping[int, Placement] = MappingProxyType({})
COLUMNS = (
    *("track_id", "content_id", "path", "title", "artist", "album", "genre", "year"),
    *("duration_s", "recording_mbid", "release_mbid", "isrcs"),
    *("valence", "arousal", "valence_sd", "arousal_sd", "curve", "verdict"),
    *("felt_valence", "felt_arousal", "felt_scale"),
    *("scale", "curve_version", "model_id", "snapshot_id"),
)


def curve_schema() -> str:
    """The JSON Schema of a curve, as text."""
    return files("app.exporting").joinpath("curve.schema.json").read_text(encoding="utf-8")


def rows(
    live: Live,
    scale: Scale,
    *,
    curves: bool = True,
    felt: Mapping[int, Placement] = NOTHING_SAID,
) -> Iterator[dict[str, Any]]:
    """The rows of a snapshot, by track id.

    Args:
        live: The snapshot.
        scale: Of valence and arousal; their standard deviations are always absolute.
        curves: Whether each track's curve is given too.
        felt: Where a listener put tracks, by row, as they said it.

    Yields:
        A value for each of `COLUMNS`; what is not known is None.
    """
    places = live.track_emotion  # [T, 2], (arousal, valence)
    if scale == "relative":
        places = live.snapshot.scale.to_relative(places)
    for row, track_id in enumerate(live.snapshot.tracks.ids.tolist()):
        t_s, mean, sd = live.snapshot.curve(track_id)
        shown = live.snapshot.scale.to_relative(mean) if scale == "relative" and len(mean) else mean
        spread = np.sqrt((np.asarray(sd, dtype=np.float64) ** 2).mean(axis=0)) if len(sd) else None
        yield {
            **_described(live, track_id, row),
            "valence": float(places[row, 1]),
            "arousal": float(places[row, 0]),
            "valence_sd": None if spread is None else float(spread[1]),
            "arousal_sd": None if spread is None else float(spread[0]),
            "curve": _curve(t_s, shown, sd) if curves else None,
            "verdict": live.snapshot.tracks[row].verdict,
            **_felt(felt.get(row)),
            "scale": scale,
            "curve_version": CURVE_VERSION,
            "model_id": live.model_id,
            "snapshot_id": live.id,
        }


def _described(live: Live, track_id: int, row: int) -> dict[str, Any]:
    record, said = live.snapshot.tracks[row], live.shown[track_id].identifiers
    return {
        "track_id": track_id,
        "content_id": record.content_id,
        "path": record.path,
        "title": record.title,
        "artist": record.artist,
        "album": record.album,
        "genre": record.genre,
        "year": record.year,
        "duration_s": round(record.duration_s, 3),
        "recording_mbid": said.recording_mbid if said else None,
        "release_mbid": said.release_mbid if said else None,
        "isrcs": ";".join(said.isrcs) if said and said.isrcs else None,
    }


def _felt(said: Placement | None) -> dict[str, Any]:
    return {
        "felt_valence": said and said.valence,
        "felt_arousal": said and said.arousal,
        "felt_scale": said and said.scale,
    }


def _curve(t_s: Any, mean: Any, sd: Any) -> list[dict[str, float]]:
    return [
        {
            "t": round(float(t), 3),
            "valence": round(float(place[1]), 4),
            "arousal": round(float(place[0]), 4),
            "valence_sd": round(float(spread[1]), 4),
            "arousal_sd": round(float(spread[0]), 4),
        }
        for t, place, spread in zip(t_s, mean, sd, strict=True)
    ]
