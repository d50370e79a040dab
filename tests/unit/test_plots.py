"""The emotion curve as SVG."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.errors import InvalidRequestError
from app.plots import HEIGHT, MAX_POINTS, WIDTH, emotion_svg
from app.plotting import save_plot
from app.responses import CurvePoint, EmotionResponse, MeanOut

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

    valence, _ = (points_of(line) for line in picture.iter(f"{SVG}polyline"))

    assert [x for x, _ in valence] == sorted(x for x, _ in valence)
    assert [y for _, y in valence] == sorted((y for _, y in valence), reverse=True)
    grid = sorted(float(line.attrib["y1"]) for line in picture.iter(f"{SVG}line"))
    assert valence[0][1] == pytest.approx(grid[-1])
    assert valence[-1][1] == pytest.approx(grid[0])


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
    for text in picture.iter(f"{SVG}text"):
        assert 0 < float(text.attrib["y"]) < HEIGHT


def test_a_title_is_text_and_not_markup() -> None:
    """Whatever a tag holds, the picture is well-formed and says it."""
    title = 'Up <script>alert("1")</script> & "away"'

    picture = ElementTree.fromstring(emotion_svg(answer(3), title))

    assert title in [text.text for text in picture.iter(f"{SVG}text")]
    assert title in picture.attrib["aria-label"]
    assert not list(picture.iter(f"{SVG}script"))


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


def test_a_plot_named_svg_needs_no_drawing_library(tmp_path: Path) -> None:
    """The suffix chooses, and a folder that is not there is named in the error."""
    save_plot(answer(21), tmp_path / "curve.svg", title="A piece")

    assert (tmp_path / "curve.svg").read_text(encoding="utf-8") == emotion_svg(
        answer(21), "A piece"
    )
    with pytest.raises(InvalidRequestError, match=r"missing/curve\.svg cannot be written"):
        save_plot(answer(21), tmp_path / "missing" / "curve.svg", title="A piece")
