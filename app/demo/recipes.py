"""What the demo pieces should feel like, and the musical cues that follow from it.

Each recipe names a point of the valence-arousal plane; the cues are computed from that point by the
directions on which the literature agrees:

- Gabrielsson & Lindström (2010), "The role of structure in the musical expression of emotions":
  the review of all cues below.
- Eerola, Friberg & Bresin (2013), "Emotional expression in music: contribution, linearity, and
  additivity of primary musical cues": mode, tempo, dynamics, articulation, timbre and register add
  up nearly linearly; mode leads for valence; tempo, dynamics and articulation for arousal.
- Ilie & Thompson (2006): loud and fast is energetic; soft and slow is pleasant; low is tense.
- Temperley & Tan (2013): the more flats in a mode, the less happy, from Ionian to Phrygian.
- Plomp & Levelt (1965): beating partials are rough, and roughness is unpleasant.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

IONIAN = (0, 2, 4, 5, 7, 9, 11)
MIXOLYDIAN = (0, 2, 4, 5, 7, 9, 10)
DORIAN = (0, 2, 3, 5, 7, 9, 10)
AEOLIAN = (0, 2, 3, 5, 7, 8, 10)
PHRYGIAN = (0, 1, 3, 5, 7, 8, 10)

_MODE_FROM = ((0.2, IONIAN), (0.0, MIXOLYDIAN), (-0.2, DORIAN), (-0.6, AEOLIAN), (-1.0, PHRYGIAN))


@dataclass(frozen=True)
class Cues:
    """The levers of a composer, all set by one point of the plane.

    Attributes:
        scale: Semitones of the mode above its tonic, seven of them.
        tempo_bpm: Quarter notes a minute.
        level_dbfs: Weighted level of the finished piece, in dB below full scale.
        register_midi: Centre of the melody, a MIDI note number.
        articulation: Sounding part of a note's value: under 0.5 staccato, over 0.95 legato.
        softness: How slowly tones begin, 0 (struck) to 1 (swelling).
        brightness: Energy of the upper partials, 0 (dull) to 1 (brilliant).
        density: How busy melody and accompaniment are, 0 to 1.
        percussion: Weight of the drums, 0 (none) to 1.
        roughness: Dissonance, detuning and distortion, 0 to 1.
        reverb: Share of reverberation, 0 (dry) to 1.
    """

    scale: tuple[int, ...]
    tempo_bpm: float
    level_dbfs: float
    register_midi: float
    articulation: float
    softness: float
    brightness: float
    density: float
    percussion: float
    roughness: float
    reverb: float


@dataclass(frozen=True)
class PieceRecipe:
    """One demo piece: its tags and the point of the plane it is composed for.

    Attributes:
        title: Title tag.
        artist: Artist tag; an invented name.
        genre: Genre tag, which also selects the arrangement.
        year: Year tag.
        valence: Intended valence, in [-1, 1].
        arousal: Intended arousal, in [-1, 1].
    """

    title: str
    artist: str
    genre: str
    year: int
    valence: float
    arousal: float

    @property
    def slug(self) -> str:
        """The title as a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    @property
    def seed(self) -> int:
        """Seed of everything random in the piece; depends on the title alone."""
        return zlib.crc32(self.title.encode())

    @property
    def cues(self) -> Cues:
        """The cues for this point of the plane (sources: module docstring)."""
        arousal, valence = self.arousal, self.valence
        return Cues(
            scale=next(scale for lowest, scale in _MODE_FROM if valence >= lowest),
            tempo_bpm=_between(56.0, 164.0, _unit(0.9 * arousal + 0.3 * valence)),
            level_dbfs=_between(-27.0, -13.0, _unit(arousal)),
            register_midi=67.0 + 7.0 * valence + 2.0 * arousal,
            articulation=_between(1.05, 0.4, _unit(0.6 * arousal + 0.6 * valence)),
            softness=_unit(-valence - 0.1 * arousal),
            brightness=_unit(0.6 * arousal + 0.4 * valence),
            density=_unit(0.8 * arousal + 0.3 * valence),
            percussion=_unit(1.1 * arousal + 0.9 * valence - 0.1),
            roughness=max(0.0, -valence) * _unit(arousal),
            reverb=_between(0.12, 0.45, _unit(-0.7 * arousal - 0.5 * valence)),
        )


def _unit(value: float) -> float:
    return min(1.0, max(0.0, (value + 1.0) / 2.0))


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share


RECIPES: tuple[PieceRecipe, ...] = (
    # exuberant: pleasant and active
    PieceRecipe("Fireworks over the Bay", "The Paper Lanterns", "dance", 2021, 0.85, 0.9),
    PieceRecipe("Summer on Fast Forward", "Neon Orchard", "dance", 2022, 0.7, 0.8),
    PieceRecipe("Carousel", "The Paper Lanterns", "folk", 2019, 0.9, 0.55),
    PieceRecipe("Running Downhill", "Neon Orchard", "pop", 2020, 0.6, 0.65),
    PieceRecipe("First Day of Holidays", "Marlow and Finch", "pop", 2018, 0.8, 0.4),
    PieceRecipe("Victory Lap", "Iron Meridian", "rock", 2023, 0.45, 0.95),
    PieceRecipe("Bright Brass Morning", "Marlow and Finch", "folk", 2017, 0.65, 0.3),
    PieceRecipe("Open Windows", "Marlow and Finch", "pop", 2021, 0.5, 0.2),
    PieceRecipe("Kite Weather", "The Paper Lanterns", "folk", 2022, 0.75, 0.1),
    PieceRecipe("Skate Park", "Iron Meridian", "rock", 2016, 0.3, 0.75),
    PieceRecipe("Signal Green", "Neon Orchard", "dance", 2019, 0.3, 0.5),
    # driven and tense: unpleasant and active
    PieceRecipe("Siege Engines", "Iron Meridian", "industrial", 2020, -0.8, 0.95),
    PieceRecipe("They Are Behind Us", "Vesper Static", "thriller", 2021, -0.7, 0.75),
    PieceRecipe("Red Alarm", "Vesper Static", "industrial", 2023, -0.5, 0.85),
    PieceRecipe("Broken Glass Machine", "Iron Meridian", "industrial", 2018, -0.9, 0.65),
    PieceRecipe("Storm Front", "Vesper Static", "thriller", 2019, -0.35, 0.65),
    PieceRecipe("Argument in the Stairwell", "Kessler Quartet", "thriller", 2017, -0.6, 0.45),
    PieceRecipe("Overdrawn", "Iron Meridian", "industrial", 2022, -0.2, 0.8),
    PieceRecipe("Knuckles", "Vesper Static", "industrial", 2016, -0.3, 0.45),
    PieceRecipe("Wrong Number at Midnight", "Kessler Quartet", "thriller", 2020, -0.75, 0.25),
    PieceRecipe("Traffic Nerves", "Kessler Quartet", "thriller", 2021, -0.4, 0.15),
    # downcast: unpleasant and quiet
    PieceRecipe("Letter Never Sent", "Ada Lindqvist", "elegy", 2015, -0.7, -0.45),
    PieceRecipe("Winter Platform", "Ada Lindqvist", "elegy", 2018, -0.5, -0.6),
    PieceRecipe("The House Is Empty", "Ada Lindqvist", "elegy", 2020, -0.85, -0.65),
    PieceRecipe("Last Ferry", "Tidal Archive", "drone", 2019, -0.55, -0.85),
    PieceRecipe("Ashes and Rain", "Kessler Quartet", "elegy", 2016, -0.75, -0.2),
    PieceRecipe("Fog Bank", "Tidal Archive", "drone", 2022, -0.3, -0.75),
    PieceRecipe("Unfinished Portrait", "Ada Lindqvist", "elegy", 2021, -0.35, -0.3),
    PieceRecipe("Below the Ice", "Tidal Archive", "drone", 2017, -0.9, -0.9),
    PieceRecipe("Streetlight Blues", "Kessler Quartet", "noir", 2018, -0.25, -0.15),
    # serene: pleasant and quiet
    PieceRecipe("Moss Garden", "Tidal Archive", "ambient", 2021, 0.35, -0.85),
    PieceRecipe("Cradle Boat", "Juniper Vale", "lullaby", 2019, 0.6, -0.75),
    PieceRecipe("Tea for Two Cats", "Juniper Vale", "pastoral", 2020, 0.75, -0.3),
    PieceRecipe("Lantern River", "Juniper Vale", "lullaby", 2022, 0.45, -0.55),
    PieceRecipe("Warm Stones", "Tidal Archive", "ambient", 2018, 0.6, -0.95),
    PieceRecipe("Orchard in May", "Juniper Vale", "pastoral", 2017, 0.85, -0.15),
    PieceRecipe("Slow Sunday", "Marlow and Finch", "pastoral", 2016, 0.55, -0.2),
    PieceRecipe("Postcard from the Lake", "Juniper Vale", "pastoral", 2023, 0.65, -0.5),
    # near the middle
    PieceRecipe("Waiting Room", "Neon Orchard", "noir", 2020, 0.05, -0.1),
    PieceRecipe("Commuter Loop", "Neon Orchard", "pop", 2018, 0.1, 0.15),
)
