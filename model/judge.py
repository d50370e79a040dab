"""Is it music? The verdict on a file, from what the cue `material` found in its segments.

S segments, K columns of the cue.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.analysis import Analysis
from model.frontends import frontend_id
from model.frontends.material import BANDS, COLUMNS, material, robust_spread
from model.verdict import LEAST_S, MUSIC, Verdict

SPOKEN_GENRES = frozenset(
    {
        "speech",
        "spoken word",
        "spoken",
        "audiobook",
        "audiobooks",
        "podcast",
        "hörbuch",
        "audio drama",
    }
)
"""Genre tags, casefolded, that say that a file is no music."""


@dataclass(frozen=True)
class Judge:
    """Judges files by their analyses.

    The limits lie between speech and noise on one side and recorded music on the other, as
    `docs/benchmarks/verdict.md` shows; in doubt a file is music (ADR 86).

    Attributes:
        least_s: Shorter files are too short to tell.
        sounding: Share of `least_s` that must be sound, whatever silence the file holds.
        speech: Share of speech that is needed at least, in [0, 1].
        alone: Share of speech that needs no deep pauses where there is no bass (a hall, a crowd),
        alone_pauses_db: but pauses of this, and
        alone_bass_db: less bass than this.
        whispered: Share of speech that is enough for a voice without partials:
        voiceless: less than this of the power in one partial, with deep pauses and little bass.
        spoken: What the share of speech and a fiftieth of the pauses in dB must come to together.
        pauses_db: Pauses that are needed at least.
        bass_db: More bass than this, without deep pauses, is music under a voice.
        deep_db: Pauses that are deep.
        steady_db: A spectrum that moves less is one lasting noise or tone.
        beat_db: More bass than this, in a spectrum that moves by
        beat_steady_db: this, is a beat, which is music however alike its bars are.
        rest_db: One that moves less besides one line is a single sound that comes and goes,
        jump: if it does so at once.
        single: More than this of the power in one partial throughout is a tone.
        brief: Share of a library's median length; shorter pieces are too short beside the others,
        brief_most: if they are shorter than so many times `least_s` as well.
    """

    least_s: float = LEAST_S
    sounding: float = 0.5
    speech: float = 0.5
    alone: float = 0.95
    alone_pauses_db: float = 7.0
    alone_bass_db: float = -25.0
    whispered: float = 0.25
    voiceless: float = 0.14
    spoken: float = 0.95
    pauses_db: float = 15.0
    bass_db: float = -15.0
    deep_db: float = 20.0
    steady_db: float = 0.65
    beat_db: float = -3.0
    beat_steady_db: float = 1.0
    rest_db: float = 0.5
    jump: float = 0.7
    single: float = 0.85
    brief: float = 1 / 6
    brief_most: float = 1.5

    def verdict(self, analysis: Analysis, genres: tuple[str, ...] = ()) -> Verdict:
        """The verdict on a file.

        Args:
            analysis: Of the file; without the cue `material` only its length is judged.
            genres: The genre tags of the file.
        """
        if analysis.duration_s < self.least_s:
            return Verdict(
                "short",
                f"{math.floor(analysis.duration_s * 10) / 10:.1f} s long; "
                f"at least {self.least_s:g} s are needed",
            )
        sound_s = _sound_s(analysis)
        if sound_s < self.sounding * self.least_s:
            return Verdict(
                "short", f"{sound_s:.1f} s of sound in a file of {analysis.duration_s:.1f} s"
            )
        for genre in genres:
            if genre.casefold() in SPOKEN_GENRES:
                return Verdict("speech", f"its genre is {genre}")
        rows = analysis.cues.get(frontend_id(material()))
        return MUSIC if rows is None else self.heard(rows)

    def shortest_s(self, lengths_s: Sequence[float]) -> float:
        """Length that a piece needs in a library of such lengths, seconds (ADR 104).

        Between `least_s` and `brief_most` times that.
        """
        usual_s = float(np.median(lengths_s)) if len(lengths_s) else 0.0
        return max(self.least_s, min(self.brief * usual_s, self.brief_most * self.least_s))

    def heard(self, rows: NDArray[np.float32]) -> Verdict:
        """The verdict by what is heard in the segments, [S, K]."""
        found = summarised(rows)
        if self._is_speech(found):
            share = _speech_of_heard(found)
            return Verdict("speech", f"{share:.0%} of what is heard sounds like speech")
        if found["single"] > self.single:
            return Verdict("noise", "a single tone throughout")
        if found["steady_db"] < self.steady_db:
            return Verdict("noise", "one lasting noise or tone")
        alike = found["rest_db"] < self.rest_db and found["jump"] > self.jump
        beat = found["bass_db"] > self.beat_db and found["steady_db"] > self.beat_steady_db
        if alike and not beat:
            return Verdict("noise", "a single sound that comes and goes")
        return MUSIC

    def _is_speech(self, found: Mapping[str, float]) -> bool:
        speech, pauses_db = _speech_of_heard(found), found["pauses_db"]
        bass_db = found["bass_db"]
        alone = pauses_db >= self.alone_pauses_db and bass_db < self.alone_bass_db
        deep = pauses_db > self.deep_db and bass_db < self.bass_db
        if speech >= self.alone and alone:
            return True
        if speech >= self.whispered and found["single"] < self.voiceless and deep:
            return True
        if speech < self.speech or pauses_db < self.pauses_db:
            return False
        accompanied = bass_db > self.bass_db and pauses_db < self.deep_db
        return not accompanied and speech + min(pauses_db, _MOST_DB) / _FULL_DB >= self.spoken


def _speech_of_heard(found: Mapping[str, float]) -> float:
    """Share of speech in what is not silent: a voice may pause for as long as it speaks."""
    return min(1.0, found["speech"] / max(found["heard"], _LEAST_HEARD))


def _sound_s(analysis: Analysis) -> float:
    """Seconds of a file that are not in long silences: where its segments lie."""
    reached = np.maximum.accumulate(analysis.segments_s[:, 1].astype(np.float64))
    starts = np.maximum(analysis.segments_s[:, 0], np.concatenate([[0.0], reached[:-1]]))
    return float(np.maximum(analysis.segments_s[:, 1] - starts, 0.0).sum())


_LEAST_HEARD = 0.25
_MOST_DB, _FULL_DB = 30.0, 50.0  # pauses count up to the first, by their share of the second


def summarised(rows: NDArray[np.float32]) -> dict[str, float]:
    """A file's columns from those of its segments, [S, K]: means, medians, movement between them.

    Raises:
        ValueError: The rows have other columns.
    """
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS) + BANDS:
        raise ValueError(f"rows of the cue are {rows.shape}: expected [S, {len(COLUMNS) + BANDS}]")
    values = rows.astype(np.float64)
    audible = values[:, COLUMNS.index("heard")] > 0.0
    if audible.any():
        values = values[audible]
    columns = dict(zip(COLUMNS, values[:, : len(COLUMNS)].T, strict=True))
    found = {name: float(np.median(column)) for name, column in columns.items()}
    found |= {name: float(columns[name].mean()) for name in ("speech", "pauses_db")}
    bands = values[:, len(COLUMNS) :]
    between = robust_spread(bands) if len(bands) > 2 else 0.0
    found["steady_db"] = math.hypot(found["steady_db"], between)
    return found
