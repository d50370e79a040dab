"""The emotion curve as a picture: what is on it, and its form as SVG.

A pure function of the answer `/v1/emotions` and `/v1/tracks/{id}/emotion` give. `emotion_figure`
says what is drawn; SVG (here) and PNG (`png`) only write it down: both show the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from app.wire.printable import printable_line
from app.wire.responses import CurvePoint, EmotionResponse

WIDTH, HEIGHT = 900, 300  # CSS pixels
LEFT, RIGHT, TOP, BOTTOM = 44, 84, 44, 34
MAX_POINTS = 2000  # more do not show at this width
BAND_SDS = (1.645, 0.674)  # half-widths that hold 90 % and 50 % of a Gaussian
BAND_OPACITY = 0.14
COLOURS = {"valence": "#2f7048", "arousal": "#ad4a20"}
PAPER, INK, QUIET, GRID = "#fffefc", "#26232d", "#5d5866", "#e4dfd8"
TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
MIN_LABEL_PX = 70.0
DASH = (2.0, 4.0)  # drawn, left out, pixels
STYLE = (
    "text{font:12px -apple-system,'Segoe UI','Helvetica Neue','Liberation Sans',Arial,sans-serif}"
    ".title{font:17px Palatino,Georgia,'Liberation Serif',serif}"
    f".band{{fill-opacity:{BAND_OPACITY}}}"
    ".line{fill:none;stroke-linejoin:round;stroke-linecap:round}"
)

Place = Callable[[float], float]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Line:
    """A line through points, pixels from the top left."""

    points: Points
    colour: str
    width: float
    dashed: bool = False


@dataclass(frozen=True)
class Area:
    """A transparent area, closed by itself."""

    points: Points
    colour: str


@dataclass(frozen=True)
class Text:
    """Words on a baseline; `anchor` is `start`, `middle` or `end`."""

    x: float
    y: float
    text: str
    colour: str = QUIET
    anchor: str = "start"
    title: bool = False


Mark = Line | Area | Text


def emotion_figure(answer: EmotionResponse, title: str) -> list[Mark]:
    """Valence and arousal over time, with bands that hold 50 % and 90 %.

    Args:
        answer: The curve, on any scale; seconds and [-1, 1].
        title: Above the picture.

    Returns:
        What is drawn on `WIDTH` x `HEIGHT` pixels, the lowest first.
    """
    curve = _thinned(answer.curve)
    duration_s = max(answer.duration_s, curve[-1].t if curve else 0.0, 1e-3)

    def x(t: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * t / duration_s

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value) / 2.0

    return [
        Text(LEFT, 26, printable_line(title), INK, title=True),
        Text(WIDTH - RIGHT, 26, f"{answer.scale} scale", anchor="end"),
        *_grid(duration_s, x, y),
        *(band for axis in COLOURS for band in _bands(curve, axis, x, y)),
        *(_line(curve, axis, x, y) for axis in COLOURS),
        *_names(curve, y),
    ]


def emotion_svg(answer: EmotionResponse, title: str) -> str:
    """The figure as a whole SVG document, as text; it loads nothing.

    Args:
        answer: The curve.
        title: Above the picture, and its accessible name.
    """
    name = quoteattr(f"Emotion curve of {printable_line(title)}: valence and arousal over time")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label={name}>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        *map(_element, emotion_figure(answer, title)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _element(mark: Mark) -> str:
    if isinstance(mark, Text):
        kind = ' class="title"' if mark.title else ""
        anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
        return (
            f'<text{kind} x="{mark.x:.1f}" y="{mark.y:.1f}"{anchor} fill="{mark.colour}">'
            f"{escape(mark.text)}</text>"
        )
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in mark.points)
    if isinstance(mark, Area):
        return f'<polygon class="band" fill="{mark.colour}" points="{points}"/>'
    dash = f' stroke-dasharray="{DASH[0]:g} {DASH[1]:g}"' if mark.dashed else ""
    stroke = f'stroke="{mark.colour}" stroke-width="{mark.width:g}"'
    return f'<polyline class="line" {stroke}{dash} points="{points}"/>'


def _thinned(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    """At most `MAX_POINTS` moments, evenly, the last one kept."""
    step = -(-len(curve) // MAX_POINTS) or 1
    kept = list(curve[::step])
    if curve and kept[-1] is not curve[-1]:
        kept.append(curve[-1])
    return kept


def _grid(duration_s: float, x: Place, y: Place) -> Iterable[Mark]:
    left, right = x(0.0), x(duration_s)
    for value, label in ((1, "+1"), (0, "0"), (-1, "\N{MINUS SIGN}1")):
        at = y(value)
        yield Line(((left, at), (right, at)), GRID, 1.0, dashed=value == 0)
        yield Text(left - 8, at + 4, label, anchor="end")
    most = (right - left) / MIN_LABEL_PX
    step = next((s for s in TIME_STEPS_S if duration_s / s <= most), TIME_STEPS_S[-1])
    for second in range(0, int(duration_s) + 1, step):
        yield Text(x(second), HEIGHT - 12, _clock(second), anchor="middle")


def _bands(curve: Sequence[CurvePoint], axis: str, x: Place, y: Place) -> Iterable[Mark]:
    for width in BAND_SDS:
        edges = [
            (point.t, getattr(point, axis), width * getattr(point, f"{axis}_sd")) for point in curve
        ]
        up = [(x(t), y(min(1.0, mean + half))) for t, mean, half in edges]
        down = [(x(t), y(max(-1.0, mean - half))) for t, mean, half in reversed(edges)]
        yield Area(tuple(up + down), COLOURS[axis])


def _line(curve: Sequence[CurvePoint], axis: str, x: Place, y: Place) -> Line:
    points = tuple((x(point.t), y(getattr(point, axis))) for point in curve)
    return Line(points, COLOURS[axis], 2.0)


def _names(curve: Sequence[CurvePoint], y: Place) -> list[Mark]:
    """The axes' names at the ends of their lines, a line's height apart at least."""
    if not curve:
        return []
    valence, arousal = y(curve[-1].valence), y(curve[-1].arousal)
    push = max(0.0, 16.0 - abs(valence - arousal)) / 2.0
    sign = 1.0 if valence <= arousal else -1.0
    heights = {"valence": valence - sign * push, "arousal": arousal + sign * push}
    return [
        Text(WIDTH - RIGHT + 10, heights[axis] + 4, axis, colour)
        for axis, colour in COLOURS.items()
    ]


def _clock(second: int) -> str:
    hours, rest = divmod(second, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
