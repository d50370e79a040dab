"""The emotion curve as a file: SVG, or PNG drawn with Pillow from the same figure (ADR 0060)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from app.errors import InvalidRequestError
from app.figures.figure import (
    BAND_OPACITY,
    DASH,
    HEIGHT,
    PAPER,
    WIDTH,
    Area,
    Line,
    Points,
    Text,
    emotion_figure,
    emotion_svg,
)
from app.figures.fonts import SYSTEM_FONTS, lettered
from app.wire.responses import EmotionResponse
from indexer.storage import replace_file

SCALE = 2  # pixels of the picture for one of the figure: sharp on fine screens
FINER = 2  # Pillow's lines have hard edges: drawn this much larger, then reduced
TEXT_PX, TITLE_PX = 12, 17
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}  # left, middle, right; on the baseline


def save_plot(answer: EmotionResponse, path: Path, *, title: str) -> None:
    """Draw valence and arousal over time with bands that hold 50 % and 90 %.

    Args:
        answer: The curve.
        path: Where the picture goes; it ends in .png or .svg.
        title: Above the picture.

    Raises:
        InvalidRequestError: Another ending, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending == ".svg":
        content = emotion_svg(answer, title).encode()
    elif ending == ".png":
        content = emotion_png(answer, title)
    else:
        raise InvalidRequestError(f"{path.name}: a picture ends in .png or .svg")
    try:
        replace_file(path, content)
    except OSError as exc:
        raise InvalidRequestError(f"{path} cannot be written: {exc}") from exc


def emotion_png(answer: EmotionResponse, title: str, fonts: Sequence[str] = SYSTEM_FONTS) -> bytes:
    """The figure of `emotion_svg` as PNG, `SCALE` times its size in pixels.

    Args:
        answer: The curve, on any scale; seconds and [-1, 1].
        title: Above the picture; see `app.figures.fonts` for letters that no font here has.
        fonts: To look for letters in, after Pillow's own.
    """
    marks = emotion_figure(answer, title)
    size = (WIDTH * SCALE, HEIGHT * SCALE)
    large = Image.new("RGB", (size[0] * FINER, size[1] * FINER), PAPER)
    for mark in marks:
        if isinstance(mark, Area):
            _fill(large, mark)
        elif isinstance(mark, Line):
            _stroke(large, mark)
    picture = large.resize(size, Image.Resampling.BOX)
    words = ImageDraw.Draw(picture)
    for mark in marks:
        if isinstance(mark, Text):
            place = (mark.x * SCALE, mark.y * SCALE)
            text, font = lettered(mark.text, SCALE * (TITLE_PX if mark.title else TEXT_PX), fonts)
            words.text(place, text, mark.colour, font, ANCHORS[mark.anchor])
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _fill(picture: Image.Image, area: Area) -> None:
    if len(area.points) < 3:
        return
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).polygon(_enlarged(area.points), fill=round(255 * BAND_OPACITY))
    picture.paste(area.colour, (0, 0), mask)


def _stroke(picture: Image.Image, line: Line) -> None:
    if len(line.points) < 2:
        return
    draw = ImageDraw.Draw(picture)
    width = round(line.width * SCALE * FINER)
    for part in _dashes(line.points) if line.dashed else [line.points]:
        draw.line(_enlarged(part), line.colour, width, joint="curve")


def _dashes(points: Points) -> Iterable[Points]:
    """The drawn parts of a dashed level line."""
    (x, y), (end, _) = points
    while x < end:
        yield ((x, y), (min(end, x + DASH[0]), y))
        x += sum(DASH)


def _enlarged(points: Points) -> list[tuple[float, float]]:
    return [(x * SCALE * FINER, y * SCALE * FINER) for x, y in points]
