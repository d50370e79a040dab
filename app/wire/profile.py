"""What goes over the wire about a listener's own plane."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from app.wire.responses import MeanOut, PersonalOut, Shown, TrackOut
from app.wire.schemas import SCALE_NOTE, AffectValue, Scale, Strict


class FeltIn(Strict):
    """Where the listener feels a track, or that they were asked and do not say."""

    valence: AffectValue | None = Field(None, description="Unpleasant (-1) to pleasant (1).")
    arousal: AffectValue | None = Field(None, description="Sleepy (-1) to activated (1).")
    scale: Scale = Field("relative", description=SCALE_NOTE)
    skipped: bool = Field(False, description="Do not ask about this track again.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [self.valence is not None, self.arousal is not None]
        if any(given) if self.skipped else not all(given):
            raise ValueError("give valence and arousal, or skipped alone")
        return self


class ProfileIn(Strict):
    """How much of what was learned counts."""

    weight: float = Field(ge=0.0, le=1.0, allow_inf_nan=False, description="0: nothing.")


class FeltOut(Shown):
    """Where a track lies on the listener's plane."""

    track_id: int
    scale: Scale = Field(description="Of all places here.")
    heard: MeanOut = Field(description="Where the model puts it.")
    felt: MeanOut = Field(description="Where the listener feels it, as far as is known.")
    sd: MeanOut = Field(description="Standard deviation of `felt` before the track was placed.")
    said: bool = Field(description="Whether the listener put it there.")


class AnswerOut(Shown):
    """What the listener said of one recording."""

    track: TrackOut | None = Field(description="Null while it is not in the index.")
    title: str
    artist: str | None
    valence: float | None = Field(description="Null: skipped.")
    arousal: float | None
    scale: Scale
    placed_at: datetime


class WarpOut(Shown):
    """One point of the plane before and after."""

    before: MeanOut
    after: MeanOut


class ProfileOut(Shown):
    """A listener's own plane."""

    owner: str = Field(description="`machine`, or the id of a key.")
    applied: PersonalOut | None = Field(description="What answers are made with; null: nothing.")
    weight: float
    sentences: list[str] = Field(description="What was learned.")
    trust: float = Field(description="How much of what was learned is believed, 0 to 1.")
    plane: list[WarpOut] = Field(description="Places of a grid, and where the warp moves them.")
    answers: list[AnswerOut] = Field(description="The latest first.")


class NextOut(Shown):
    """Tracks to ask the listener about."""

    scale: Scale = Field(description="Of all places here.")
    items: list[NextItem]


class NextItem(Shown):
    """A track to ask about."""

    track: TrackOut
    heard: MeanOut = Field(description="Where it lies on the listener's plane now.")
    gain: float = Field(
        description="How much of the uncertainty about all tracks an answer is expected to take "
        "away, from 0 to 1."
    )


NextOut.model_rebuild()
