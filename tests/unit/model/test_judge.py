"""Is it music? Verdicts on made-up files and on rows of the cue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.analysis import Analysis, segment_spans
from model.frontends import frontend_id
from model.frontends.material import BANDS, COLUMNS, material
from model.judge import Judge, summarised
from model.verdict import MUSIC
from tests.unit.music import music

RATE_HZ = 22_050


def analysis(samples: NDArray[np.floating] | None = None, duration_s: float = 30.0) -> Analysis:
    """An analysis with the cue alone; without samples, without the cue."""
    cues = {}
    if samples is not None:
        duration_s = len(samples) / RATE_HZ
        waveform = torch.from_numpy(np.asarray(samples, dtype=np.float32))
        spans = torch.from_numpy(segment_spans(duration_s))
        cues = {frontend_id(material()): material().describe(waveform, RATE_HZ, spans).numpy()}
    spans = segment_spans(duration_s).astype(np.float32)
    empty = np.zeros((len(spans), 1), np.float32)
    return Analysis("none-1", duration_s, spans, empty, empty, loudness_lufs=-16.0, cues=cues)


def rows(segments: int = 4, **columns: float) -> NDArray[np.float32]:
    """Rows of the cue with these columns, of music otherwise; the bands move from row to row."""
    usual = {
        "speech": 0.1, "pauses_db": 12.0, "bass_db": -8.0, "single": 0.3,
        "steady_db": 3.0, "rest_db": 2.0, "jump": 1.0, "heard": 1.0,
    } | columns  # fmt: skip
    first = np.tile([usual[name] for name in COLUMNS], (segments, 1))
    return np.concatenate([first, np.zeros((segments, BANDS))], axis=1).astype(np.float32)


def test_made_up_music_is_music() -> None:
    """Chords over a beat."""
    assert Judge().verdict(analysis(music(40.0, RATE_HZ, 3))) == MUSIC


@pytest.mark.parametrize("kind", ["white", "brown", "sine", "sweep", "clicks"])
def test_noises_and_tones_are_not(kind: str) -> None:
    """Each for half a minute."""
    t_s, rng = np.arange(30 * RATE_HZ) / RATE_HZ, np.random.default_rng(0)
    white = rng.standard_normal(len(t_s))
    brown = np.cumsum(white)
    clicks = np.where(np.arange(len(t_s)) % 11_000 < 3, 0.8, 0.0)
    made = {
        "white": 0.1 * white,
        "brown": 0.5 * (brown - brown.mean()) / np.abs(brown).max(),
        "sine": 0.3 * np.sin(2 * np.pi * 300 * t_s),
        "sweep": 0.3 * np.sin(2 * np.pi * (100 + 50 * t_s) * t_s),
        "clicks": clicks,
    }

    assert Judge().verdict(analysis(made[kind])).kind == "noise"


def test_a_short_file_is_too_short_to_tell() -> None:
    """Whatever it sounds like; the least length can be set."""
    short = analysis(music(12.0, RATE_HZ, 3))

    assert Judge().verdict(short).kind == "short"
    assert Judge(least_s=10.0).verdict(short) == MUSIC


@pytest.mark.parametrize(
    ("usual_s", "least_s"), [(25.0, 20.0), (120.0, 20.0), (150.0, 25.0), (240.0, 30.0)]
)
def test_a_library_of_long_music_asks_for_longer_pieces(usual_s: float, least_s: float) -> None:
    """A sixth of the usual length, within bounds; without music there is the least length."""
    assert Judge().shortest_s([15.0, usual_s, 9000.0]) == pytest.approx(least_s)
    assert Judge().shortest_s([]) == 20.0


@pytest.mark.parametrize("genre", ["Speech", "audiobook", "Podcast"])
def test_a_genre_tag_says_that_it_is_speech(genre: str) -> None:
    """Written in any case, beside other genres."""
    found = Judge().verdict(analysis(), ("Humour", genre))

    assert (found.kind, genre in found.reason) == ("speech", True)


def test_without_the_cue_a_long_file_is_music() -> None:
    """An analysis that was made without it says nothing against it."""
    assert Judge().verdict(analysis()) == MUSIC


def test_speech_has_pauses_and_no_bass_beneath() -> None:
    """A voice over a beat, or one that never pauses, is music."""
    spoken = {"speech": 0.9, "pauses_db": 26.0, "bass_db": -28.0}
    judge = Judge()

    assert judge.heard(rows(**spoken)).kind == "speech"
    assert judge.heard(rows(**spoken | {"pauses_db": 9.0})) == MUSIC
    assert judge.heard(rows(**spoken | {"pauses_db": 17.0, "bass_db": -7.0})) == MUSIC


def test_long_pauses_are_no_part_of_speech() -> None:
    """Numbers that are read out one by one; music with as little of a voice stays music."""
    read = {"speech": 0.3, "pauses_db": 50.0, "bass_db": -30.0}

    assert Judge().heard(rows(**read, heard=0.5)).reason.startswith("60% of what is heard")
    assert Judge().heard(rows(**read, heard=1.0)) == MUSIC


def test_a_voice_alone_needs_no_deep_pauses() -> None:
    """In a hall or a crowd they fill up; bass beneath is music."""
    spoken = {"speech": 0.97, "pauses_db": 9.0}

    assert Judge().heard(rows(**spoken, bass_db=-30.0)).kind == "speech"
    assert Judge().heard(rows(**spoken, bass_db=-18.0)) == MUSIC
    assert Judge().heard(rows(**spoken | {"speech": 0.85}, bass_db=-30.0)) == MUSIC


def test_a_whisper_has_no_partials() -> None:
    """Less of it is taken for speech; a song with as much of a voice has partials."""
    whispered = {"speech": 0.3, "pauses_db": 25.0, "bass_db": -30.0}

    assert Judge().heard(rows(**whispered, single=0.1)).kind == "speech"
    assert Judge().heard(rows(**whispered, single=0.2)) == MUSIC


def test_a_beat_whose_bars_are_alike_is_music() -> None:
    """A loop of drums and bass; a beep or a thump without other sounds is not."""
    loop = {"bass_db": -1.8, "steady_db": 2.0, "rest_db": 0.4, "jump": 1.8}

    assert Judge().heard(rows(**loop)) == MUSIC
    assert Judge().heard(rows(**loop | {"bass_db": -40.0})).kind == "noise"
    assert Judge().heard(rows(**loop | {"steady_db": 0.7})).kind == "noise"


def test_what_moves_slowly_along_one_line_is_music() -> None:
    """A drone that swells is not a sound that comes and goes."""
    judge, line = Judge(), {"rest_db": 0.2, "steady_db": 1.5}

    assert judge.heard(rows(**line, jump=1.2)).kind == "noise"
    assert judge.heard(rows(**line, jump=0.4)) == MUSIC


def test_silent_segments_do_not_count() -> None:
    """Where nothing is heard nothing is judged."""
    sound, silence = rows(speech=0.8), rows(speech=0.0, heard=0.0)

    assert summarised(np.concatenate([sound, silence]))["speech"] == pytest.approx(0.8)


def test_rows_of_another_cue_are_refused() -> None:
    """By their width."""
    with pytest.raises(ValueError, match="expected"):
        summarised(np.zeros((2, 3), np.float32))


def test_a_judge_can_be_changed() -> None:
    """Its limits are its fields."""
    assert replace(Judge(), speech=0.05, spoken=0.0, bass_db=0.0).heard(
        rows(pauses_db=20.0)
    ).kind == "speech"  # fmt: skip
