"""The emotion of analysed clips: those that wait go through the model together.

Segments, windows and wholes of all clips are rows of one matrix, so that N clips cost one call of
the music network and one search, instead of several each
(ADR 0043). Letters: N clips.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from app.clips.emotions import Estimate, chosen_scale, emotion_response
from app.library.live import Live
from app.wire.responses import EmotionResponse
from app.wire.schemas import Scale
from indexer.runs.embed import stretches
from indexer.search.balance import as_music, piece_sd
from indexer.search.request import QueryPlaces
from indexer.search.searcher import SearchRequest, SearchResult
from model.analysis import Analysis
from model.arrays import Doubles, Floats
from model.curves.curve import EmotionCurve
from model.curves.estimation import CurveEstimate
from model.embedding import Embedding
from model.errors import CheckpointMismatchError, ShapeError
from model.frontends import Frontend, frontend_id
from model.rows import window_rows
from model.scoring import ScoringParams

logger = logging.getLogger("circumplex.uploads")


def _as_the_model_hears(live: Live) -> Live:
    return live


@dataclass(frozen=True)
class Clip:
    """An analysed clip, and what is asked about it.

    Attributes:
        analysis: Its features.
        scale: Of the answer; None: relative where there is an index.
        similar: How many similar tracks.
        felt: A snapshot on the plane of the listener who asks.
    """

    analysis: Analysis
    scale: Scale | None
    similar: int
    felt: Callable[[Live], Live] = _as_the_model_hears


class ClipModel(Protocol):
    """The part of the model that turns an analysis into emotion."""

    model_id: str
    scoring: ScoringParams

    @property
    def frontend(self) -> Frontend:
        """What analyses must come from."""

    @property
    def emphasises(self) -> bool:
        """Whether the last dimension of its rows is that of valence."""

    def embed_analyses(self, features: Floats) -> Embedding:
        """The embedding of rows of features."""

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """The embedding of curves of the absolute scale."""

    def curve_of(
        self, analysis: Analysis, segments: Embedding, windows: Embedding
    ) -> CurveEstimate:
        """The emotion curve of an analysis whose segments and windows are embedded already."""


def clip_emotion(clip: Clip, model: ClipModel, live: Live | None) -> EmotionResponse:
    """The emotion of a clip, and the tracks most like it.

    Raises:
        NotReadyError: The relative scale was asked for, and there is no index.
        CheckpointMismatchError: The analysis comes from another frontend.
    """
    (answer,) = clip_emotions([clip], model, live)
    if isinstance(answer, Exception):
        raise answer
    return answer


def clip_emotions(
    clips: Sequence[Clip], model: ClipModel, live: Live | None
) -> list[EmotionResponse | Exception]:
    """Answer clips from one snapshot: an answer or an exception for each, in order.

    Each answer is the one that `clip_emotion` gives to the clip alone, but for the last bits of a
    float: a product of more rows may be summed in another order.
    """
    answers: dict[int, EmotionResponse | Exception] = {}
    whole: list[int] = []
    for index, clip in enumerate(clips):
        try:
            _check(clip, model, live)
        except Exception as exc:  # the answer to this clip alone
            answers[index] = exc
        else:
            whole.append(index)
    embedded = _answers([clips[index] for index in whole], model, live)
    answers.update(zip(whole, embedded, strict=True))
    return [answers[index] for index in range(len(clips))]


def written(answers: Sequence[EmotionResponse | Exception]) -> list[str | Exception]:
    """The answers as JSON; one that cannot be written becomes an exception, the others stay."""
    return [_written(answer) for answer in answers]


def _written(answer: EmotionResponse | Exception) -> str | Exception:
    if isinstance(answer, Exception):
        return answer
    try:
        return answer.model_dump_json()
    except Exception as exc:  # the answer to this clip alone
        return exc


def _check(clip: Clip, model: ClipModel, live: Live | None) -> None:
    """Find out before the work what would spoil it."""
    chosen_scale(clip.scale, live)
    analysis, wanted = clip.analysis, frontend_id(model.frontend)
    if analysis.frontend_id != wanted:
        raise CheckpointMismatchError(
            f"{model.model_id} reads features of {wanted}, not {analysis.frontend_id}"
        )
    columns = len(model.frontend.feature_names)
    if analysis.window_features.shape[1] != columns:  # the segments have as many
        raise ShapeError(
            f"features are {analysis.window_features.shape}; {wanted} has [rows, {columns}]"
        )


def _answers(
    clips: Sequence[Clip], model: ClipModel, live: Live | None
) -> list[EmotionResponse | Exception]:
    """Answer clips together; where that fails, each by itself, so that it fails for one alone."""
    if not clips:
        return []
    try:
        return list(_together(clips, model, live))
    except Exception as exc:
        if len(clips) == 1:
            return [exc]
        logger.warning("%d clips cannot be answered together: %s", len(clips), exc)
        return [answer for clip in clips for answer in _answers([clip], model, live)]


def _together(
    clips: Sequence[Clip], model: ClipModel, live: Live | None
) -> Iterator[EmotionResponse]:
    rows = [(stretches(clip.analysis)[1], window_rows(clip.analysis)) for clip in clips]
    parts = [part for both in rows for part in both]
    embedding = model.embed_analyses(np.concatenate(parts))
    pieces = iter(_split(embedding, [len(part) for part in parts]))
    embedded = [(next(pieces), next(pieces)) for _ in clips]
    curves = [
        model.curve_of(clip.analysis, spans[: len(clip.analysis.segments_s)], windows)
        for clip, (spans, windows) in zip(clips, embedded, strict=True)
    ]
    # Rounded as in a snapshot, so that a track of the catalogue is most like itself.
    sd = np.stack(
        [
            piece_sd(curve.sd.astype(np.float16), clip.analysis.duration_s)
            for clip, curve in zip(clips, curves, strict=True)
        ]
    )
    lives = [None if live is None else clip.felt(live) for clip in clips]
    overall = np.stack([curve.overall for curve in curves]).astype(np.float64)
    wholes = Wholes([spans[-1:] for spans, _ in embedded], overall, sd)
    similar = _similar(clips, wholes, model, lives)
    for index, (clip, curve, own) in enumerate(zip(clips, curves, lives, strict=True)):
        length_s, note = clip.analysis.duration_s, clip.analysis.note
        yield emotion_response(
            Estimate(curve.t_s, curve.mean, curve.sd, curve.overall, length_s, note),
            model_id=model.model_id,
            live=own,
            scale=chosen_scale(clip.scale, own),
            similar=similar.get(index),
        )


def _split(embedding: Embedding, counts: Sequence[int]) -> list[Embedding]:
    ends = np.cumsum(counts).tolist()
    return [embedding[end - count : end] for count, end in zip(counts, ends, strict=True)]


@dataclass(frozen=True)
class Wholes:
    """Clips as a whole.

    Attributes:
        rows: The row that stands for each.
        overall: (arousal, valence) of each, absolute, [N, 2].
        sd: Standard deviations of these, [N, 2].
    """

    rows: Sequence[Embedding]
    overall: Doubles
    sd: Doubles


def _similar(
    clips: Sequence[Clip], wholes: Wholes, model: ClipModel, lives: Sequence[Live | None]
) -> Mapping[int, SearchResult]:
    """The tracks most like each clip that asks for some, by its place.

    One search answers all of the same count on the same plane.

    Args:
        clips: N clips.
        wholes: The same as a whole.
        model: Embeds.
        lives: The snapshot to look in for each, if there is one.
    """
    members: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for index, (clip, live) in enumerate(zip(clips, lives, strict=True)):
        if clip.similar and live is not None:
            members[clip.similar, id(live)].append(index)
    found: dict[int, SearchResult] = {}
    for (limit, _), asking in members.items():
        live = lives[asking[0]]
        if live is None:
            continue
        own = Embedding.concatenate([wholes.rows[index] for index in asking])
        bank = partial(live.emotion_bank, model)
        music = as_music(own, live.snapshot, model, bank, wholes.sd[asking])
        places = QueryPlaces(wholes.overall[asking], wholes.overall[asking])
        request = SearchRequest(music, limit, direction="m2m", level="track", places=places)
        found.update(zip(asking, live.searcher.search(request), strict=True))
    return found
