"""The emotion of a clip or a track over time, as it goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import NotReadyError
from app.library.live import Live
from app.playlists.match import similar_hits
from app.playlists.queries import music_query
from app.wire.fit import fit, reason
from app.wire.responses import CurvePoint, EmotionResponse, MeanOut, SegmentOut, SimilarOut
from app.wire.schemas import Scale
from app.wire.tracks import track_out
from indexer.search.searcher import SearchResult
from indexer.snapshot.filters import TrackFilter
from model.arrays import Doubles
from model.curves.curve import QuantileScale


@dataclass(frozen=True)
class Estimate:
    """What is shaped: T moments, arousal first, absolute scale.

    Attributes:
        t_s: Seconds, [T].
        mean: (arousal, valence), [T, 2].
        sd: Standard deviations, [T, 2].
        overall: (arousal, valence) of the whole, [2].
        duration_s: Length.
        note: What of the file did not decode.
        row: Of the track that this is the emotion of; None: it is a clip.
    """

    t_s: NDArray[np.float32]
    mean: NDArray[np.float32]
    sd: NDArray[np.float32]
    overall: NDArray[np.float32]
    duration_s: float
    note: str | None = None
    row: int | None = None


def chosen_scale(asked: Scale | None, live: Live | None) -> Scale:
    """The scale to answer on: the relative one wherever an index defines it.

    Raises:
        NotReadyError: The relative scale was asked for, and there is no index.
    """
    if asked == "relative" and live is None:
        raise NotReadyError("the relative scale needs an index: run `circumplex index DIR`")
    return asked or ("relative" if live is not None else "absolute")


def track_emotion(live: Live, track_id: int, scale: Scale, similar: int) -> EmotionResponse:
    """The emotion of a track of the snapshot over time, and the tracks most like it.

    Args:
        live: The snapshot.
        track_id: The track.
        scale: Of the answer.
        similar: How many similar tracks.

    Raises:
        TrackNotFoundError: The snapshot lacks the track.
    """
    snapshot = live.snapshot
    row = snapshot.tracks.row_of(track_id)
    t_s, mean, sd = snapshot.curve(track_id)
    overall = mean.mean(axis=0) if len(mean) else live.track_emotion[row]
    found = None
    if similar:
        others = TrackFilter(exclude_ids=frozenset({track_id}))
        found = similar_hits(live, music_query(live, [track_id]), similar, others)
    estimate = Estimate(t_s, mean, sd, overall, snapshot.tracks[row].duration_s, row=row)
    return emotion_response(estimate, model_id=live.model_id, live=live, scale=scale, similar=found)


def emotion_response(
    estimate: Estimate,
    *,
    model_id: str,
    live: Live | None,
    scale: Scale,
    similar: SearchResult | None,
) -> EmotionResponse:
    """Shape an estimate for the wire, on `scale`."""
    quantiles = live.snapshot.scale if live is not None and scale == "relative" else None
    sd = sd_on_scale(estimate.mean, estimate.sd, quantiles)
    mean, overall = (
        np.clip(np.asarray(each, dtype=np.float64), -1.0, 1.0)
        for each in (estimate.mean, estimate.overall)
    )
    if live is not None:
        mean, overall = (live.shown_at(each, scale, estimate.row) for each in (mean, overall))
    return EmotionResponse(
        model_id=model_id,
        snapshot_id=live.id if live is not None else None,
        scale=scale,
        duration_s=round(estimate.duration_s, 3),
        curve=curve_points(estimate.t_s, mean, sd),
        mean=MeanOut(arousal=float(overall[0]), valence=float(overall[1])),
        similar=similar_out(live, similar, scale, overall),
        missing=similar.missing if similar is not None else 0.0,
        note=estimate.note,
    )


def curve_points(t_s: NDArray[np.float32], mean: Doubles, sd: Doubles) -> list[CurvePoint]:
    """One point a moment, rounded to what the estimate can mean."""
    rows = np.concatenate([mean, sd], axis=1).round(4).tolist()  # [T, 4]
    return [
        CurvePoint(
            t=round(t, 3), arousal=row[0], valence=row[1], arousal_sd=row[2], valence_sd=row[3]
        )
        for t, row in zip(t_s.tolist(), rows, strict=True)
    ]


def sd_on_scale(
    mean: NDArray[np.floating], sd: NDArray[np.floating], quantiles: QuantileScale | None
) -> Doubles:
    """Standard deviations around means, [T, 2], absolute or (with `quantiles`) relative.

    The relative deviation is half the distance that mean - sd and mean + sd have there, of one axis
    with the other at its mean. Relative valence is what is left of valence beside the arousal
    (`QuantileScale`), and both are uncertain; but their errors go together (r = .32 over DEAM's
    songs), which leaves about the deviation of valence alone (.96 of it at the slope of .56).
    """
    mean64 = np.clip(np.asarray(mean, dtype=np.float64), -1.0, 1.0)
    sd64 = np.asarray(sd, dtype=np.float64)
    if quantiles is None:
        return sd64
    off = np.zeros((2, *sd64.shape))  # [axis, T, 2]
    off[0, ..., 0], off[1, ..., 1] = sd64[..., 0], sd64[..., 1]
    width = quantiles.to_relative(mean64 + off) - quantiles.to_relative(mean64 - off)
    return np.stack([width[0, ..., 0], width[1, ..., 1]], -1) / 2.0


def similar_out(
    live: Live | None,
    similar: SearchResult | None,
    scale: Scale,
    clip: Doubles,
) -> list[SimilarOut]:
    """The similar tracks of a search; `clip` is the clip's (arousal, valence) on the scale."""
    if live is None or similar is None or not similar.hits:
        return []
    tracks = live.snapshot.tracks
    asked = (float(clip[0]), float(clip[1]))
    return [
        SimilarOut(
            track=track_out(tracks[tracks.row_of(hit.track_id)]),
            segment=SegmentOut(start_s=hit.start_s, end_s=hit.end_s),
            fit=fit((arousal, valence), asked),
            reason=reason((arousal, valence), asked),
            score=hit.score,
            arousal=arousal,
            valence=valence,
        )
        for hit, (arousal, valence) in zip(
            similar.hits, live.shown_places(similar.hits, scale), strict=True
        )
    ]
