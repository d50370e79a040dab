"""How a phrase of feelings was read, as it goes over the wire."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class OtherMeaningOut(_Shown):
    """What the same word means in another language."""

    language: str
    meaning: str


class TermOut(_Shown):
    """A word of a phrase and what it was taken for, on the relative scale."""

    text: str = Field(description="As it stands in the phrase, without case and accents.")
    meaning: str = Field(description="Name of the lexicon's entry.", examples=["sad"])
    language: str = Field(description="The language it was read in.", examples=["de"])
    valence: float
    arousal: float
    spread_valence: float = Field(description="How widely it is meant: a standard deviation.")
    spread_arousal: float
    degree: float = Field(description="More than 1 for `very`, less for `slightly`.")
    weight: float = Field(description="How much it counts; less than 1 for `a hint of`.")
    negated: bool = Field(description="Whether it must not be.")
    also: list[OtherMeaningOut] = Field([], description="What it means elsewhere.")


class FeelingStepOut(_Shown):
    """What is felt at one time, on the relative scale."""

    terms: list[TermOut]
    valence: float = Field(description="Mean of the region.")
    arousal: float
    spread_valence: float = Field(description="Its standard deviation.")
    spread_arousal: float
    duration_s: float | None = Field(None, description="Where the phrase says it.")


class UnreadOut(_Shown):
    """A word that was not understood."""

    text: str
    near: list[str] = Field(description="Words of the lexicon that look like it.")


class KeyframeOut(_Shown):
    """One moment of a curve."""

    t: float
    valence: float
    arousal: float


class UnderstoodOut(_Shown):
    """How a phrase was read."""

    words: str = Field(examples=["very calm, then triumphant"])
    language: str = Field(description="The language most of it is in.", examples=["en"])
    steps: list[FeelingStepOut]
    curve: list[KeyframeOut] = Field(
        description="The same as a curve on the relative scale, to change and ask again."
    )
    duration_s: float | None = Field(None, description="The length that it asks for.")
    not_understood: list[UnreadOut]
