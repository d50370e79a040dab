"""From a recipe to notes: harmony, melody, bass and drums.

Everything random comes from one generator seeded by the recipe's title. Times are in seconds in
the finished score, in beats (quarter notes) inside this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.demo.recipes import Cues, PieceRecipe

DURATION_S = 30.0
_TAIL_S = 2.5


@dataclass(frozen=True)
class Note:
    """One note: start and length in seconds, MIDI pitch, velocity 0 to 1, instrument."""

    start_s: float
    duration_s: float
    midi: float
    velocity: float
    instrument: str


@dataclass(frozen=True)
class Stroke:
    """One drum stroke: start in seconds, velocity 0 to 1, name of the drum."""

    start_s: float
    velocity: float
    drum: str


@dataclass(frozen=True)
class Score:
    """A finished piece."""

    notes: tuple[Note, ...]
    strokes: tuple[Stroke, ...]
    duration_s: float


@dataclass(frozen=True)
class Arrangement:
    """Who plays what in a genre.

    Attributes:
        melody: Instrument of the melody.
        chords: Instrument of the accompaniment.
        figure: Its figure: pad, wall, tremolo, arpeggio, strum, pulse or waltz.
        bass: Instrument of the bass.
        bass_figure: long, roots, walk or eighths.
        groove: Drum pattern: none, soft, backbeat, four, toms or machine.
        beats: Quarter notes in a bar.
        halo: Instrument that holds the chords softly; none by default.
    """

    melody: str
    chords: str
    figure: str
    bass: str
    bass_figure: str
    groove: str
    beats: int = 4
    halo: str = ""


ARRANGEMENTS: dict[str, Arrangement] = {
    "dance": Arrangement("lead", "stab", "pulse", "bass", "eighths", "four"),
    "pop": Arrangement("piano", "guitar", "strum", "bass", "roots", "backbeat"),
    "rock": Arrangement("lead", "overdrive", "pulse", "fuzz bass", "eighths", "backbeat"),
    "folk": Arrangement("accordion", "guitar", "strum", "double bass", "roots", "soft"),
    "industrial": Arrangement("lead", "overdrive", "wall", "fuzz bass", "long", "machine"),
    "thriller": Arrangement("brass", "strings", "tremolo", "cello", "long", "toms"),
    "elegy": Arrangement("clarinet", "cello", "pad", "double bass", "long", "none"),
    "drone": Arrangement("clarinet", "pad", "pad", "cello", "long", "none"),
    "noir": Arrangement("clarinet", "electric piano", "pad", "double bass", "walk", "soft"),
    "ambient": Arrangement("bells", "guitar", "arpeggio", "bass", "long", "soft", halo="strings"),
    "lullaby": Arrangement(
        "music box", "piano", "waltz", "double bass", "long", "soft", beats=3, halo="strings"
    ),
    "pastoral": Arrangement(
        "flute", "guitar", "strum", "double bass", "roots", "soft", halo="strings"
    ),
}

_MAJOR_PROGRESSIONS = ((0, 4, 3, 0), (0, 3, 4, 0), (0, 4, 5, 3), (0, 3, 0, 4))
_MINOR_PROGRESSIONS = ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 5, 3, 4))
_TENSE_PROGRESSIONS = ((0, 1, 0, 6), (0, 0, 1, 0), (0, 1, 5, 0))
_RHYTHMS = (  # beats of a bar of four, from sparse to busy
    ((4,), (3, 1)),
    ((2, 2), (3, 1), (2, 1, 1)),
    ((1, 1, 2), (1.5, 0.5, 2), (1, 1, 1, 1)),
    ((1, 0.5, 0.5, 1, 1), (0.5, 0.5, 1, 1, 1), (1.5, 0.5, 1, 1)),
    ((0.5, 0.5, 0.5, 0.5, 1, 1), (0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1), (0.75, 0.75, 0.5, 1, 0.5, 0.5)),
)
_GROOVES: dict[str, dict[str, tuple[tuple[float, float], ...]]] = {  # drum -> (beat, velocity)
    "none": {},
    "soft": {
        "shaker": tuple((i / 2, 0.5 if i % 2 else 0.8) for i in range(8)),
        "kick": ((0.0, 0.4), (2.0, 0.3)),
        "snare": ((1.0, 0.2), (3.0, 0.25)),
    },
    "backbeat": {
        "kick": ((0.0, 0.9), (1.5, 0.5), (2.0, 0.8)),
        "snare": ((1.0, 0.75), (3.0, 0.8)),
        "hat": tuple((i / 2, 0.6 if i % 2 else 0.9) for i in range(8)),
    },
    "four": {
        "kick": tuple((float(i), 0.95) for i in range(4)),
        "snare": ((1.0, 0.6), (3.0, 0.6)),
        "hat": tuple((i + 0.5, 0.9) for i in range(4)),
        "shaker": tuple((i / 4, 0.5) for i in range(16)),
    },
    "toms": {
        "tom": ((0.0, 0.8), (0.75, 0.5), (1.5, 0.65), (2.5, 0.5), (3.0, 0.7), (3.5, 0.6)),
        "kick": ((0.0, 0.6),),
    },
    "machine": {
        "kick": ((0.0, 1.0), (0.5, 0.6), (1.5, 0.8), (2.0, 0.9), (2.75, 0.6), (3.5, 0.7)),
        "snare": ((1.0, 0.9), (3.0, 0.9), (3.75, 0.5)),
        "hat": tuple((i / 4, 0.3 if i % 4 else 0.55) for i in range(16)),
    },
}


def compose(recipe: PieceRecipe) -> Score:
    """Write the piece of a recipe.

    Args:
        recipe: Tags and intended emotion; its genre selects the arrangement.

    Returns:
        A score of 24 to 36 s that ends on the tonic; the same for the same recipe.

    Raises:
        KeyError: No arrangement for the genre.
    """
    return _Composer(recipe).score()


class _Composer:
    def __init__(self, recipe: PieceRecipe) -> None:
        self.recipe = recipe
        self.cues: Cues = recipe.cues
        self.plan = ARRANGEMENTS[recipe.genre]
        self.rng = np.random.default_rng(recipe.seed)
        self.beat_s = 60.0 / self.cues.tempo_bpm
        self.tonic = 48 + int(self.rng.integers(-3, 5)) + round(2.0 * recipe.valence)
        bars = (DURATION_S - _TAIL_S) / (self.plan.beats * self.beat_s)
        self.bars = max(4, 2 * round(bars / 2))
        self.progression = self._progression()

    def score(self) -> Score:
        notes = [
            *self._melody(),
            *self._chords(),
            *self._bass(),
            *self._weather(),
            *self._ending(),
        ]
        music_s = self.bars * self.plan.beats * self.beat_s
        return Score(tuple(notes), tuple(self._drums()), music_s + _TAIL_S)

    def _progression(self) -> tuple[int, ...]:
        major = self.recipe.valence >= 0.0
        choices: tuple[tuple[int, ...], ...] = _MAJOR_PROGRESSIONS if major else _MINOR_PROGRESSIONS
        if self.cues.roughness > 0.45:
            choices = _TENSE_PROGRESSIONS
        return choices[int(self.rng.integers(len(choices)))]

    def _degree(self, bar: int) -> int:
        if self.cues.density < 0.2:  # calm harmony moves half as fast
            bar //= 2
        return self.progression[bar % len(self.progression)]

    def _pitch(self, degree: int) -> int:
        octave, step = divmod(degree, 7)
        return self.tonic + 12 * octave + self.cues.scale[step]

    def _near(self, degree: int, centre: float) -> int:
        pitch = self._pitch(degree % 7)
        return pitch + 12 * round((centre - pitch) / 12.0)

    def _note(
        self, beat: float, beats: float, midi: float, velocity: float, instrument: str
    ) -> Note:
        late_s = float(self.rng.normal(0.0, 0.006)) if beat else 0.0
        accent = 1.0 + 0.08 * float(self.rng.standard_normal())
        start_s = max(0.0, beat * self.beat_s + late_s)
        return Note(start_s, beats * self.beat_s, midi, velocity * accent, instrument)

    def _melody(self) -> Iterator[Note]:
        phrase = [self._motif(), self._motif()]
        for bar in range(self.bars):
            if bar < self.bars // 8 and self.cues.density < 0.6:
                continue  # a quiet piece lets the accompaniment begin
            beat = float(bar * self.plan.beats)
            for length, step in phrase[(bar // 2) % 2 if bar % 4 == 2 else 0]:
                yield self._melody_note(beat, length, self._degree(bar) + step)
                beat += length

    def _melody_note(self, beat: float, length: float, degree: int) -> Note:
        midi = self._near(degree, self.cues.register_midi + 1.2 * (degree % 7 - 3))
        return self._note(beat, length * self.cues.articulation, midi, 0.75, self.plan.melody)

    def _motif(self) -> list[tuple[float, int]]:
        """One bar as (beats, scale steps above the root of the chord)."""
        level = min(4, int(self.cues.density * 5))
        rhythm = _RHYTHMS[level][int(self.rng.integers(len(_RHYTHMS[level])))]
        rising = 0.5 + 0.3 * self.recipe.valence  # happy lines rise, sad ones fall
        step, motif, left = int(self.rng.choice([0, 2, 4])), [], float(self.plan.beats)
        for length in rhythm:
            if left <= 0.0:
                break
            motif.append((min(length, left), step))
            left -= length
            jump = int(self.rng.choice([1, 1, 2])) * (1 if self.rng.random() < rising else -1)
            step = int(np.clip(step + jump, -3, 7))
        return motif

    def _triad(self, bar: int) -> list[float]:
        root = self._degree(bar)
        centre = self.cues.register_midi - 12.0
        chord: list[float] = sorted(self._near(root + step, centre) for step in (0, 2, 4))
        if self.plan.chords == "overdrive":  # distorted thirds are mud
            low = float(self._near(root, centre - 8.0))
            chord = [low, low + 7.0, low + 12.0]
        if self.cues.roughness > 0.25:
            chord.append(chord[0] + (1.0 if self.cues.roughness > 0.5 else 6.0))
        return chord

    def _chords(self) -> Iterator[Note]:
        beats = self.plan.beats
        for bar in range(self.bars):
            start, triad = float(bar * beats), self._triad(bar)
            for offset, length, tones, velocity in self._figure(triad):
                for tone in tones:
                    yield self._note(
                        start + offset, length, tone, velocity / len(tones) ** 0.5, self.plan.chords
                    )

            if self.plan.halo:
                for tone in triad:
                    yield self._note(start, float(beats), tone, 0.18, self.plan.halo)

    def _figure(self, triad: list[float]) -> Iterator[tuple[float, float, list[float], float]]:
        """Offset and length in beats, tones, velocity."""
        beats, short = self.plan.beats, self.cues.articulation
        if self.plan.figure in {"pad", "wall"}:
            yield 0.0, float(beats), triad, 0.6
        elif self.plan.figure == "tremolo":
            for index in range(4 * beats):
                yield index / 4, 0.4, triad, 0.4
        elif self.plan.figure == "waltz":
            yield 0.0, float(beats), triad[:1], 0.5
            for beat in range(1, beats):
                yield float(beat), 1.0, triad[1:], 0.35
        elif self.plan.figure == "strum":
            triad = [*triad, *(tone + 12.0 for tone in triad)]
            for index in range(2 * beats):
                velocity = (0.65, 0.3, 0.5, 0.4)[index % 4]
                yield index / 2, 0.5 * short + 0.2, triad, velocity
        elif self.plan.figure == "arpeggio":
            tones = [*triad, triad[0] + 12.0]
            order = (0, 1, 2, 3, 2, 1, 2, 1)
            for index in range(2 * beats):
                yield index / 2, 1.0, [tones[order[index % 8] % len(tones)]], 0.5
        else:  # pulse
            step = 0.25 if self.cues.density > 0.85 else 0.5
            for index in range(int(beats / step)):
                accent = 0.7 if index % int(1 / step) == 0 else 0.45
                yield index * step, step * short, triad, accent

    def _bass(self) -> Iterator[Note]:
        beats = self.plan.beats
        for bar in range(self.bars):
            low = float(self._near(self._degree(bar), 40.0 + 3.0 * self.recipe.valence))
            start = float(bar * beats)
            for offset, length, above in self._bass_figure(bar):
                yield self._note(start + offset, length, low + above, 0.75, self.plan.bass)

    def _bass_figure(self, bar: int) -> Iterator[tuple[float, float, float]]:
        beats, short = self.plan.beats, self.cues.articulation
        if self.plan.bass_figure == "long":
            yield 0.0, float(beats), 0.0
        elif self.plan.bass_figure == "roots":
            yield 0.0, 2.0 * short, 0.0
            yield 2.0, 2.0 * short, 7.0 if bar % 2 else 0.0
        elif self.plan.bass_figure == "walk":
            for beat, above in enumerate((0.0, 3.0, 7.0, 5.0)[:beats]):
                yield float(beat), 0.9, above
        else:  # eighths
            for index in range(2 * beats):
                yield index / 2, 0.5 * short + 0.1, 12.0 if index % 8 == 7 else 0.0

    def _weather(self) -> Iterator[Note]:
        """Gusts of noise under what is tense."""
        gust = 2.0 * self.plan.beats
        for index in range(self.bars // 2 if self.cues.roughness > 0.1 else 0):
            yield self._note(index * gust, 1.5 * gust, 48.0, self.cues.roughness, "storm")

    def _drums(self) -> Iterator[Stroke]:
        if self.cues.percussion < 0.15:
            return
        for bar in range(self.bars):
            for drum, pattern in _GROOVES[self.plan.groove].items():
                for beat, velocity in pattern:
                    at_s = (bar * self.plan.beats + beat) * self.beat_s
                    at_s += abs(float(self.rng.normal(0.0, 0.003)))
                    yield Stroke(at_s, velocity * self.cues.percussion, drum)
            if bar % 8 == 0 and self.cues.percussion > 0.7:
                yield Stroke(bar * self.plan.beats * self.beat_s, 0.5, "crash")

    def _ending(self) -> Iterator[Note]:
        beat, beats = float(self.bars * self.plan.beats), _TAIL_S * 0.6 / self.beat_s
        chord = [float(self._near(step, self.cues.register_midi - 12.0)) for step in (0, 2, 4)]
        for tone in chord:
            yield self._note(beat, beats, tone, 0.4, self.plan.chords)
        yield self._note(beat, beats, float(self._near(0, 40.0)), 0.6, self.plan.bass)
