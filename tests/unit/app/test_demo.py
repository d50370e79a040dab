"""The demo catalogue: recipes that cover the plane, music that follows them, files that last."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mutagen.flac import FLAC
from PIL import Image

from app.demo import catalogue
from app.demo.catalogue import Piece, sound_of, write_piece
from app.demo.compose import ARRANGEMENTS, compose
from app.demo.recipes import RECIPES, PieceRecipe
from app.demo.sleeves import sleeve, write_sleeve
from app.demo.synth import INSTRUMENTS, SAMPLE_RATE_HZ, Touch, drum, to_level
from app.library.pictures import small_jpeg
from tests.pictures import size_of

HAPPY = PieceRecipe("Test Fair", "Nobody", "folk", 2020, 0.8, 0.6)
SAD = PieceRecipe("Test Rain", "Nobody", "elegy", 2020, -0.8, -0.6)


def _weighted_level_dbfs(sound: np.ndarray) -> float:
    return float(20.0 * np.log10(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))))


@pytest.mark.parametrize("valence_sign", [-1, 1])
@pytest.mark.parametrize("arousal_sign", [-1, 1])
def test_every_quadrant_has_pieces(valence_sign: int, arousal_sign: int) -> None:
    """The forty recipes spread over the plane."""
    inside = [r for r in RECIPES if r.valence * valence_sign > 0 and r.arousal * arousal_sign > 0]

    assert len(RECIPES) == 40
    assert len(inside) >= 8


def test_valence_and_arousal_of_the_recipes_are_unrelated() -> None:
    """A model that hears only one of the two cannot pass for hearing both."""
    valence, arousal = np.array([(r.valence, r.arousal) for r in RECIPES]).T

    assert abs(np.corrcoef(valence, arousal)[0, 1]) < 0.15


def test_titles_and_file_names_are_unique() -> None:
    """No piece overwrites another one."""
    assert len({r.slug for r in RECIPES}) == len(RECIPES)
    assert all(r.genre in ARRANGEMENTS for r in RECIPES)


@pytest.mark.parametrize(
    "cue", ["tempo_bpm", "level_dbfs", "brightness", "density", "percussion", "register_midi"]
)
def test_arousal_raises_a_cue(cue: str) -> None:
    """Active is faster, louder, brighter, busier, more percussive and higher."""
    calm, active = replace(HAPPY, arousal=-0.6).cues, replace(HAPPY, arousal=0.6).cues

    assert getattr(calm, cue) < getattr(active, cue)


def test_valence_raises_the_third_of_the_mode() -> None:
    """Pleasant is major, unpleasant minor; the most unpleasant has the flat second too."""
    third = [replace(HAPPY, valence=v).cues.scale[2] for v in (0.5, -0.5)]

    assert third == [4, 3]
    assert replace(HAPPY, valence=-0.9).cues.scale[1] == 1


def test_roughness_needs_displeasure_and_activity() -> None:
    """Calm or pleasant pieces are consonant."""
    assert replace(HAPPY, valence=0.5).cues.roughness == 0.0
    assert replace(SAD, arousal=0.9).cues.roughness > 2.0 * SAD.cues.roughness


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.slug)
def test_every_score_is_playable(recipe: PieceRecipe) -> None:
    """Notes lie inside the piece, in an audible range, on instruments that exist."""
    score = compose(recipe)

    assert 20.0 <= score.duration_s <= 40.0
    assert all(0.0 <= note.start_s < score.duration_s for note in score.notes)
    assert all(24 <= note.midi <= 100 for note in score.notes)
    assert {note.instrument for note in score.notes} <= set(INSTRUMENTS)


def test_a_happy_melody_keeps_to_its_major_scale() -> None:
    """Every note of a consonant piece belongs to the mode of its tonic."""
    score, scale = compose(HAPPY), HAPPY.cues.scale
    pitch_classes = {round(note.midi) % 12 for note in score.notes}

    assert any({(tonic + step) % 12 for step in scale} >= pitch_classes for tonic in range(12))


def test_a_score_depends_on_its_recipe_alone() -> None:
    """Composing twice gives the same piece."""
    assert compose(HAPPY) == compose(HAPPY)
    assert compose(HAPPY) != compose(replace(HAPPY, title="Another Fair"))


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_an_instrument_sounds_and_ends(name: str) -> None:
    """A note is finite, audible, and silent at its last sample."""
    tone = INSTRUMENTS[name].tone(220.0, 0.5, Touch(0.6, 0.5, 0.3))

    assert np.isfinite(tone).all()
    assert 0.05 < np.abs(tone).max() < 6.0
    assert abs(tone[-1]) < 0.01


@pytest.mark.parametrize("name", ["harp", "cello", "lead"])
@pytest.mark.parametrize("frequency_hz", [110.0, 440.0])
def test_an_instrument_plays_in_tune(name: str, frequency_hz: float) -> None:
    """The common divisor of a tone's partials is the note that was asked for."""
    tone = INSTRUMENTS[name].tone(frequency_hz, 1.0, Touch())
    spectrum = np.abs(np.fft.rfft(tone[: SAMPLE_RATE_HZ // 1], SAMPLE_RATE_HZ))
    comb = [spectrum[int(frequency_hz * k) + offset].item() for k in (1, 2, 3) for offset in (0,)]
    between = [spectrum[int(frequency_hz * (k + 0.5))].item() for k in (1, 2, 3)]

    assert min(comb[:2]) > 5.0 * max(between)


def test_brightness_lifts_the_upper_partials() -> None:
    """The spectral centroid follows the cue."""
    centroids = []
    for brightness in (0.1, 0.9):
        tone = INSTRUMENTS["cello"].tone(220.0, 1.0, Touch(brightness=brightness))
        power = np.abs(np.fft.rfft(tone)) ** 2
        centroids.append((np.arange(len(power)) * power).sum() / power.sum())

    assert centroids[1] > 1.3 * centroids[0]


def test_softness_delays_the_tone() -> None:
    """A soft note reaches its peak later than a struck one."""
    peaks = [
        int(np.argmax(np.abs(INSTRUMENTS["harp"].tone(220.0, 1.0, Touch(softness=softness)))))
        for softness in (0.0, 1.0)
    ]

    assert peaks[1] > peaks[0] + 0.03 * SAMPLE_RATE_HZ


def test_an_unknown_drum_is_refused() -> None:
    """There is no silent drum."""
    with pytest.raises(KeyError, match="gong"):
        drum("gong", 0.5)


def test_the_level_is_met_below_full_scale() -> None:
    """A tone in the sensitive range gets its level; a level over the top is rounded off."""
    t = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = np.tile(np.sin(2.0 * np.pi * 1000.0 * t), (2, 1)).astype(np.float32)

    assert _weighted_level_dbfs(to_level(tone, -20.0)) == pytest.approx(-20.0, abs=0.5)
    assert np.abs(to_level(tone, 12.0)).max() <= 1.0


def test_an_active_piece_is_louder_than_a_calm_one() -> None:
    """The cue survives the whole way to the samples."""
    loud, quiet = sound_of(HAPPY), sound_of(SAD)

    assert loud.shape[0] == quiet.shape[0] == 2
    assert np.abs(loud).max() <= 1.0
    assert _weighted_level_dbfs(loud) > _weighted_level_dbfs(quiet) + 6.0


def test_a_file_is_the_same_every_time(tmp_path: Path) -> None:
    """Rendering is deterministic to the byte."""
    first, second = Piece(tmp_path / "a.flac", HAPPY), Piece(tmp_path / "b.flac", HAPPY)
    write_piece(first)
    write_piece(second)

    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_file_carries_its_tags(tmp_path: Path) -> None:
    """Title, artist, genre and year of the recipe; the length of the score."""
    piece = Piece(tmp_path / "x" / "piece.flac", SAD)
    write_piece(piece)
    tags = FLAC(piece.path)

    assert (tags["title"], tags["artist"]) == (["Test Rain"], ["Nobody"])
    assert (tags["genre"], tags["date"]) == (["elegy"], ["2020"])
    assert tags.info.length == pytest.approx(compose(SAD).duration_s, abs=0.01)
    assert [path.name for path in piece.path.parent.iterdir()] == ["piece.flac"]


def test_a_catalogue_is_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call leaves the files alone; a damaged or outdated one is made again."""
    monkeypatch.setattr(catalogue, "RECIPES", (HAPPY, SAD))
    seen: list[Piece] = []
    pieces = catalogue.render(tmp_path / "new", seen.append)
    written = [piece.path.stat().st_mtime_ns for piece in pieces]
    pieces[1].path.write_bytes(b"damaged")
    again = catalogue.render(tmp_path / "new")

    assert sorted(piece.recipe.title for piece in seen) == ["Test Fair", "Test Rain"]
    assert again == pieces
    assert again[0].path.stat().st_mtime_ns == written[0]
    assert FLAC(again[1].path)["title"] == ["Test Rain"]
    covers = sorted((tmp_path / "new").rglob("*.png"))
    assert [cover.name for cover in covers] == ["cover.png"] * len({HAPPY.artist, SAD.artist})


def test_a_sleeve_shows_how_its_artist_feels(tmp_path: Path) -> None:
    """The same for the same pieces, a square that covers are made of; one's own stays."""
    quiet, angry = replace(SAD, valence=0.6, arousal=-0.7), replace(SAD, valence=-0.7, arousal=0.8)
    corners = [
        Image.open(io.BytesIO(sleeve([recipe]))).convert("RGB").getpixel((5, 300))
        for recipe in (quiet, angry)
    ]

    assert sleeve([quiet, angry]) == sleeve([quiet, angry])
    assert corners[0][2] > corners[0][0]
    assert corners[1][0] > corners[1][2]
    write_sleeve(tmp_path, [quiet])
    assert size_of(small_jpeg((tmp_path / "cover.png").read_bytes(), 512)) == (512, 512)
    (tmp_path / "cover.png").write_bytes(b"mine")
    write_sleeve(tmp_path, [quiet])
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
        ("cover.png", b"mine")
    ]
