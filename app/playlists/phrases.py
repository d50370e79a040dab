"""Phrases of feelings in requests: read once, and told in the answer."""

from __future__ import annotations

import secrets
from functools import lru_cache

from app.wire.schemas import CurveEmotion, PlaylistRequest, TextEmotion
from app.wire.understood import (
    FeelingStepOut,
    KeyframeOut,
    OtherMeaningOut,
    TermOut,
    UnderstoodOut,
    UnreadOut,
)
from model.feelings import Step, Term, Understanding, understand

_REMEMBERED = 1024  # phrases


@lru_cache(maxsize=_REMEMBERED)
def read(text: str) -> Understanding:
    """A phrase as it is understood.

    Raises:
        FeelingError: No word of it is a feeling; knows near ones.
    """
    return understand(text)


def resolved(request: PlaylistRequest) -> PlaylistRequest:
    """The request with what its phrase or curve says of mode and length, unless it says so itself.

    Raises:
        FeelingError: No word of the phrase is a feeling.
    """
    emotion = request.emotion
    if isinstance(emotion, CurveEmotion):
        return _lasting(request, emotion.curve[-1].t)
    if not isinstance(emotion, TextEmotion):
        return request
    understanding, given = read(emotion.text), request.model_fields_set
    said: dict[str, object] = {}
    if understanding.moves and "mode" not in given:
        said["mode"] = "journey"
    if understanding.lasts_s is not None and "duration_s" not in given:
        said["duration_s"] = max(1.0, understanding.lasts_s)
    return request.model_copy(update=said) if said else request


def _lasting(request: PlaylistRequest, curve_s: float) -> PlaylistRequest:
    """A journey along a curve lasts as long as the curve, unless the request says otherwise."""
    told = {"limit", "duration_s"} & request.model_fields_set
    if request.mode != "journey" or told or curve_s < 1.0:
        return request
    return request.model_copy(update={"duration_s": curve_s})


def seeded(request: PlaylistRequest) -> PlaylistRequest:
    """The request with a seed, where its list is drawn and it names none."""
    if request.variety <= 0.0 or request.seed is not None:
        return request
    return request.model_copy(update={"seed": secrets.randbelow(2**31)})


def understood_out(understanding: Understanding) -> UnderstoodOut:
    """How a phrase was read, as it goes over the wire."""
    return UnderstoodOut(
        words=understanding.words,
        language=understanding.language,
        steps=[_step_out(step) for step in understanding.steps],
        curve=[
            KeyframeOut(t=k.t_s, valence=round(k.valence, 4), arousal=round(k.arousal, 4))
            for k in understanding.curve().keyframes
        ],
        duration_s=understanding.lasts_s,
        not_understood=[
            UnreadOut(text=each.text, near=list(each.near)) for each in understanding.unread
        ],
    )


def _step_out(step: Step) -> FeelingStepOut:
    (valence, arousal), (wide_v, wide_a) = step.points.centre, step.points.spread
    wanted = [_term_out(term, negated=False) for terms in step.blends for term in terms]
    return FeelingStepOut(
        terms=[*wanted, *(_term_out(term, negated=True) for term in step.away)],
        valence=round(valence, 4),
        arousal=round(arousal, 4),
        spread_valence=round(wide_v, 4),
        spread_arousal=round(wide_a, 4),
        duration_s=step.lasts_s,
    )


def _term_out(term: Term, *, negated: bool) -> TermOut:
    region = term.region
    return TermOut(
        text=term.text,
        meaning=term.entry.name,
        language=term.language,
        valence=round(region.valence, 4),
        arousal=round(region.arousal, 4),
        spread_valence=round(region.spread_valence, 4),
        spread_arousal=round(region.spread_arousal, 4),
        degree=term.degree,
        weight=term.weight,
        negated=negated,
        also=[OtherMeaningOut(language=code, meaning=name) for code, name in term.also],
    )
