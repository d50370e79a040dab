"""Renders the demo catalogue into a folder of tagged FLAC files with covers."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from mutagen import MutagenError
from mutagen.flac import FLAC
from numpy.typing import NDArray

from app.demo.compose import Note, Score, compose
from app.demo.recipes import RECIPES, PieceRecipe
from app.demo.sleeves import write_sleeve
from app.demo.synth import INSTRUMENTS, SAMPLE_RATE_HZ, Sound, Touch, drum, reverberate, to_level

RENDERING = "circumplex demo 2"  # raise it when the sound changes: files of another one are redone
_PANS = {"kick": 0.0, "snare": 0.05, "hat": 0.3, "shaker": -0.35, "tom": -0.15, "crash": 0.2}


@dataclass(frozen=True)
class Piece:
    """A rendered file and the recipe it was made from."""

    path: Path
    recipe: PieceRecipe


def render(folder: Path, progress: Callable[[Piece], None] | None = None) -> list[Piece]:
    """Write the whole catalogue; pieces that are there already are left alone.

    Args:
        folder: Where the files go, one folder an artist with a cover; created if missing.
        progress: Called with each piece as soon as it stands there.

    Returns:
        All pieces, in the order of `RECIPES`; the files are the same on every machine with the
        same libraries.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def produce(recipe: PieceRecipe) -> Piece:
        piece = Piece(folder / recipe.artist / f"{recipe.slug}.flac", recipe)
        if not _is_rendered(piece.path):
            write_piece(piece)
        if progress is not None:
            progress(piece)
        return piece

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as workers:
        pieces = list(workers.map(produce, RECIPES))
    for artist in dict.fromkeys(recipe.artist for recipe in RECIPES):
        write_sleeve(folder / artist, [recipe for recipe in RECIPES if recipe.artist == artist])
    return pieces


def write_piece(piece: Piece) -> None:
    """Compose, synthesise, encode and tag one piece; written aside and renamed."""
    piece.path.parent.mkdir(parents=True, exist_ok=True)
    aside = piece.path.with_suffix(".part.flac")
    try:
        _encode(aside, sound_of(piece.recipe))
        _tag(aside, piece.recipe)
        aside.replace(piece.path)
    finally:
        aside.unlink(missing_ok=True)


def sound_of(recipe: PieceRecipe) -> NDArray[np.float32]:
    """The finished piece, [2, M] at `SAMPLE_RATE_HZ`, at the level of its cues."""
    score, cues = compose(recipe), recipe.cues
    mix = np.zeros((2, int(score.duration_s * SAMPLE_RATE_HZ)), dtype=np.float32)
    _play_notes(mix, score, recipe)
    for stroke in score.strokes:
        sound = drum(stroke.drum, round(cues.brightness, 1))
        _add(mix, sound, stroke.start_s, 0.8 * stroke.velocity, _PANS[stroke.drum])
    room = reverberate(mix, cues.reverb, 0.6 + 3.0 * cues.reverb)
    fade = np.clip((mix.shape[1] - np.arange(mix.shape[1])) / (0.5 * SAMPLE_RATE_HZ), 0.0, 1.0)
    return to_level(room * fade.astype(np.float32), cues.level_dbfs)


def _play_notes(mix: NDArray[np.float32], score: Score, recipe: PieceRecipe) -> None:
    cues = recipe.cues
    touch = Touch(cues.brightness, cues.roughness, cues.softness)
    tones: dict[tuple[str, float, float], Sound] = {}
    pans: dict[str, float] = {}
    for note in score.notes:
        key = (note.instrument, note.midi, round(note.duration_s, 2))
        if key not in tones:
            tones[key] = INSTRUMENTS[note.instrument].tone(_frequency_hz(note), key[2], touch)
        pan = pans.setdefault(note.instrument, (0.0, 0.3, -0.25, 0.15)[len(pans) % 4])
        _add(mix, tones[key], note.start_s, 0.5 * note.velocity, pan)


def _frequency_hz(note: Note) -> float:
    return float(440.0 * 2.0 ** ((note.midi - 69.0) / 12.0))


def _add(
    mix: NDArray[np.float32], sound: Sound, start_s: float, velocity: float, pan: float
) -> None:
    start = int(start_s * SAMPLE_RATE_HZ)
    sound = sound[: max(0, mix.shape[1] - start)]
    for channel, share in ((0, 1.0 - pan), (1, 1.0 + pan)):
        mix[channel, start : start + len(sound)] += (
            np.float32(velocity * (share / 2.0) ** 0.5) * sound
        )


def _is_rendered(path: Path) -> bool:
    try:
        return path.is_file() and _tags_of(path).get("encoder-settings") == [RENDERING]
    except MutagenError:
        return False


def _encode(path: Path, sound: NDArray[np.float32]) -> None:
    samples = np.round(sound * 32767.0).astype(np.int16)  # [2, M]
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE_HZ, layout="stereo")
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)  # [1, 2 M], interleaved
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def _tag(path: Path, recipe: PieceRecipe) -> None:
    tags = _tags_of(path)
    tags["title"], tags["artist"] = recipe.title, recipe.artist
    tags["album"], tags["genre"] = "Circumplex demo", recipe.genre
    tags["date"], tags["encoder-settings"] = str(recipe.year), RENDERING
    tags.save()


def _tags_of(path: Path) -> Any:
    return FLAC(path)  # type: ignore[no-untyped-call]
