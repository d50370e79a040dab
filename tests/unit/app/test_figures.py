"""The emotion curve as SVG and as PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageFont

from app.errors import InvalidRequestError
from app.figures.figure import COLOURS, HEIGHT, MAX_POINTS, WIDTH, Line, emotion_figure, emotion_svg
from app.figures.fonts import lettered
from app.figures.png import SCALE, emotion_png, save_plot
from app.wire.responses import CurvePoint, EmotionResponse, MeanOut

CYRILLIC = "\u0414\u0440\u0443\u0436\u0431\u0430"
SVG = "{http://www.w3.org/2000/svg}"


def answer(points: int, duration_s: float | None = None) -> EmotionResponse:
    """A curve of `points` moments, half a second apart; valence rises from -1 to 1."""
    curve = [
        CurvePoint(
            t=i / 2,
            valence=-1 + 2 * i / max(1, points - 1),
            arousal=math.sin(i / 5),
            valence_sd=0.2,
            arousal_sd=0.1,
        )
        for i in range(points)
    ]
    return EmotionResponse(
        model_id="m",
        snapshot_id=None,
        scale="absolute",
        duration_s=points / 2 if duration_s is None else duration_s,
        curve=curve,
        mean=MeanOut(valence=0.0, arousal=0.0),
        similar=[],
    )


def points_of(shape: ElementTree.Element) -> list[tuple[float, float]]:
    """The points of a line or an area."""
    pairs = (pair.split(",") for pair in shape.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_a_rising_valence_rises_on_the_picture() -> None:
    """Later is further right and more is higher, over the whole height of the grid."""
    picture = ElementTree.fromstring(emotion_svg(answer(21), "A piece"))

    *grid, valence, _ = (points_of(line) for line in picture.iter(f"{SVG}polyline"))

    assert [x for x, _ in valence] == sorted(x for x, _ in valence)
    assert [y for _, y in valence] == sorted((y for _, y in valence), reverse=True)
    levels = sorted(line[0][1] for line in grid)
    assert valence[0][1] == pytest.approx(levels[-1])
    assert valence[-1][1] == pytest.approx(levels[0])


def test_bands_hold_their_part_of_a_gaussian() -> None:
    """Where no edge is cut off, the wider band is 1.645 / 0.674 times the narrower one."""
    picture = ElementTree.fromstring(emotion_svg(answer(21), "A piece"))
    arousal = [points_of(area) for area in picture.iter(f"{SVG}polygon")][2:]

    heights = [band[-1][1] - band[0][1] for band in arousal]

    assert heights[0] / heights[1] == pytest.approx(1.645 / 0.674, rel=0.02)


@pytest.mark.parametrize("points", [0, 1, 2, 21, 5 * MAX_POINTS])
def test_nothing_lies_outside_the_picture(points: int) -> None:
    """However long or short the curve is; and a long one is thinned, its end kept."""
    given = answer(points, duration_s=max(points / 2, 0.5))
    picture = ElementTree.fromstring(emotion_svg(given, "A piece"))

    for line in picture.iter(f"{SVG}polyline"):
        drawn = points_of(line) if line.attrib["points"] else []
        assert len(drawn) <= MAX_POINTS + 1
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in drawn)
        if points > 20:
            assert drawn[-1][0] > WIDTH * 0.85
    assert emotion_png(given, "A piece").startswith(b"\x89PNG")
    for text in picture.iter(f"{SVG}text"):
        assert 0 < float(text.attrib["y"]) < HEIGHT


def test_a_title_is_text_and_not_markup() -> None:
    """Whatever a tag holds, the picture is well-formed and says it."""
    title = 'Up <script>alert("1")</script> & "away"'

    picture = ElementTree.fromstring(emotion_svg(answer(3), title))

    assert title in [text.text for text in picture.iter(f"{SVG}text")]
    assert title in picture.attrib["aria-label"]
    assert not list(picture.iter(f"{SVG}script"))


@pytest.mark.parametrize("title", ["a\x1bb", "a\0b", "a\ufffeb", "a\udcffb", "a\nb"])
def test_a_title_with_what_xml_may_not_hold_is_drawn_without_it(title: str, tmp_path: Path) -> None:
    """A control character of a tag, a byte of a name that is no UTF-8: still a picture."""
    for ending in ("svg", "png"):
        save_plot(answer(3), tmp_path / f"plot.{ending}", title=title)

    picture = ElementTree.parse(tmp_path / "plot.svg")

    assert "a b" in [text.text for text in picture.iter(f"{SVG}text")]


def test_the_names_of_the_axes_do_not_cover_each_other() -> None:
    """Also where both lines end at the same height."""
    given = answer(3)
    same = given.curve[-1].model_copy(update={"arousal": given.curve[-1].valence})
    given = given.model_copy(update={"curve": [*given.curve[:-1], same]})
    picture = ElementTree.fromstring(emotion_svg(given, "A piece"))

    heights = {
        text.text: float(text.attrib["y"])
        for text in picture.iter(f"{SVG}text")
        if text.text in {"valence", "arousal"}
    }

    assert abs(heights["valence"] - heights["arousal"]) >= 14


def pixels_of(content: bytes) -> np.ndarray:
    """A PNG as [height, width, 3]."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"), dtype=int)


def test_the_png_shows_the_curve_of_the_svg() -> None:
    """On the points of the lines the SVG holds, the PNG has their colours; elsewhere it has not."""
    given = answer(41)
    pixels = pixels_of(emotion_png(given, "A piece"))
    lines = [mark for mark in emotion_figure(given, "A piece") if isinstance(mark, Line)]

    assert pixels.shape == (HEIGHT * SCALE, WIDTH * SCALE, 3)
    for line in lines[-2:]:
        colour = np.array([int(line.colour[i : i + 2], 16) for i in (1, 3, 5)])
        on = [pixels[round(y * SCALE) - 1, round(x * SCALE) - 1] for x, y in line.points[1:-1]]
        away = [abs(pixel - colour).sum() for pixel in on]
        assert float(np.median(away)) < 30, line.colour
        below = pixels[HEIGHT * SCALE - 10, :, :]
        assert abs(below - colour).sum(axis=1).min() > 100
    assert {line.colour for line in lines[-2:]} == set(COLOURS.values())


def heading(title: str, fonts: Sequence[str]) -> np.ndarray:
    """The pixels of a picture's title."""
    drawn = pixels_of(emotion_png(answer(5), title, fonts))
    assert drawn.shape == (HEIGHT * SCALE, WIDTH * SCALE, 3)
    return drawn[: 36 * SCALE]


@pytest.mark.parametrize("title", ["", "A piece", "x" * 500])
def test_a_plain_title_needs_no_font_of_the_system(title: str) -> None:
    """Long or empty: it is drawn as it is."""
    assert lettered(title, 34, ())[0] == title
    assert (heading(title, ()) != heading("", ())).any() == bool(title)


@pytest.mark.parametrize("title", ["夜に駆ける", CYRILLIC, "\U0010ffff", "。。。"])
def test_a_title_without_a_font_is_left_out(title: str) -> None:
    """No row of boxes stands for it, and none of question marks."""
    assert (heading(title, ()) == heading("", ())).all()


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("歌 no 歌", "? no ?"),
        ("\uff21\uff22 2", "AB 2"),
        ("\u0416e\u0301 e\u200bt\u00e9", "?e ete"),
        ("Ærøskøbing \u2013 Łódź", "AEroskobing - Lodz"),
    ],
)
def test_letters_without_a_font_are_replaced(title: str, shown: str) -> None:
    """By plain letters where there are some, else by a question mark, never by a box."""
    assert lettered(title, 34, ())[0] == shown
    assert (heading(title, ()) == heading(shown, ())).all()


def test_a_font_that_has_the_letters_is_used() -> None:
    """The first that has all of them; files that are not there or no fonts are passed over."""
    dejavu = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    fonts = ("no-such-font.ttf", __file__, dejavu)

    text, font = lettered(CYRILLIC, 34, fonts)

    assert text == CYRILLIC
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert font.getname()[0] == "DejaVu Sans"
    assert (heading(CYRILLIC, fonts) != heading("", fonts)).any()
    assert lettered(CYRILLIC + " 歌", 34, fonts)[0] == CYRILLIC + " ?"


def test_the_ending_chooses_the_kind_of_picture(tmp_path: Path) -> None:
    """SVG or PNG whatever the case; another ending and a missing folder are named in the error."""
    for name in ("curve.svg", "curve.png", "CURVE.PNG"):
        save_plot(answer(21), tmp_path / name, title="A piece")

    assert (tmp_path / "curve.svg").read_text(encoding="utf-8") == emotion_svg(
        answer(21), "A piece"
    )
    assert (tmp_path / "curve.png").read_bytes() == emotion_png(answer(21), "A piece")
    assert (tmp_path / "CURVE.PNG").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InvalidRequestError, match=r"curve\.pdf: a picture ends in \.png or \.svg"):
        save_plot(answer(21), tmp_path / "curve.pdf", title="A piece")
    with pytest.raises(InvalidRequestError, match=r"missing/curve\.svg cannot be written"):
        save_plot(answer(21), tmp_path / "missing" / "curve.svg", title="A piece")
