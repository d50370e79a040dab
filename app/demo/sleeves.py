"""Covers of the demo's artists, drawn from where their pieces lie on the plane."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from app.demo.recipes import PieceRecipe

SIDE_PX = 600
NAME = "cover.png"
_FINER = 2  # drawn larger and made smaller, for smooth edges
_LEAST_REACH = 0.6  # of the plane that is shown, from the middle of the artist's pieces
# Colours of the corners, [arousal low to high, valence low to high, RGB].
_CORNERS = np.array(
    [[[92, 88, 178], [48, 158, 142]], [[206, 74, 92], [232, 178, 58]]], dtype=np.float64
)
_INK = (255, 252, 244)


def write_sleeve(folder: Path, recipes: Sequence[PieceRecipe]) -> None:
    """Put the cover of an artist into their folder unless one is there; renamed when whole.

    Args:
        folder: Of the artist.
        recipes: Their pieces, at least one.

    Raises:
        OSError: The folder cannot be written.
    """
    path = folder / NAME
    if path.is_file():
        return
    aside = folder / f".{NAME}"
    try:
        aside.write_bytes(sleeve(recipes))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def sleeve(recipes: Sequence[PieceRecipe]) -> bytes:
    """A PNG: the colours of the artist's part of the plane, and a disc for each piece in it."""
    places = np.array([(recipe.arousal, recipe.valence) for recipe in recipes])  # [N, 2]
    middle = (places.min(axis=0) + places.max(axis=0)) / 2.0
    reach = max(_LEAST_REACH, 1.4 * float(np.abs(places - middle).max()))
    side = SIDE_PX * _FINER
    picture = Image.fromarray(_ground(middle, reach, side))
    ink = Image.new("L", (side, side))
    pen = ImageDraw.Draw(ink)
    for arousal, valence in (places - middle) / (2.0 * reach):
        x, y, radius = side * (0.5 + valence), side * (0.5 - arousal), 0.08 * side
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=225)
    glow = ink.filter(ImageFilter.GaussianBlur(0.05 * side)).point(lambda value: value // 2)
    for layer in (glow, ink):
        picture.paste(Image.new("RGB", picture.size, _INK), mask=layer)
    file = io.BytesIO()
    picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def _ground(middle: NDArray[np.float64], reach: float, side: int) -> NDArray[np.uint8]:
    """The plane's colours around `middle`, (arousal, valence); [side, side, 3]."""
    steps = np.linspace(-reach, reach, side)
    up = np.clip((middle[0] - steps + 1.0) / 2.0, 0.0, 1.0)[:, None, None]  # [side, 1, 1]
    right = np.clip((middle[1] + steps + 1.0) / 2.0, 0.0, 1.0)[None, :, None]  # [1, side, 1]
    low = _CORNERS[0, 0] * (1.0 - right) + _CORNERS[0, 1] * right
    high = _CORNERS[1, 0] * (1.0 - right) + _CORNERS[1, 1] * right
    return np.asarray((low * (1.0 - up) + high * up).round(), dtype=np.uint8)
