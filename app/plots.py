"""The emotion curve as an SVG picture: for notebooks, web pages and terminals that show images.

A pure function of the answer `/v1/emotions` and `/v1/tracks/{id}/emotion` give; no drawing library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape, quoteattr

from app.responses import CurvePoint, EmotionResponse

WIDTH, HEIGHT = 900, 300  # CSS pixels
LEFT, RIGHT, TOP, BOTTOM = 44, 84, 44, 34
MAX_POINTS = 2000  # more do not show at this width
BAND_SDS = (1.645, 0.674)  # half-widths that hold 90 % and 50 % of a Gaussian
COLOURS = {"valence": "#2f7048", "arousal": "#ad4a20"}
TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
MIN_LABEL_PX = 70.0
STYLE = (
    "text{font:12px -apple-system,'Segoe UI','Helvetica Neue','Liberation Sans',Arial,sans-serif;"
    "fill:#5d5866}.title{font:17px Palatino,Georgia,'Liberation Serif',serif;fill:#26232d}"
    ".grid{stroke:#e4dfd8}.band{fill-opacity:.14}.line{fill:none;stroke-width:2;"
    "stroke-linejoin:round;stroke-linecap:round}"
)

Place = Callable[[float], float]


def emotion_svg(answer: EmotionResponse, title: str) -> str:
    """Draw valence and arousal over time, with bands that hold 50 % and 90 %.

    Args:
        answer: The curve, on any scale; seconds and [-1, 1].
        title: Above the picture, and its accessible name.

    Returns:
        A whole SVG document, as text; it loads nothing.
    """
    curve = _thinned(answer.curve)
    duration_s = max(answer.duration_s, curve[-1].t if curve else 0.0, 1e-3)

    def x(t: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * t / duration_s

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value) / 2.0

    name = quoteattr(f"Emotion curve of {title}: valence and arousal over time")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label={name}>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fffefc"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="26" text-anchor="end">{answer.scale} scale</text>',
        *_grid(duration_s, x, y),
        *(band for axis in COLOURS for band in _bands(curve, axis, x, y)),
        *(_line(curve, axis, x, y) for axis in COLOURS),
        *_names(curve, y),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _thinned(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    """At most `MAX_POINTS` moments, evenly, the last one kept."""
    step = -(-len(curve) // MAX_POINTS) or 1
    kept = list(curve[::step])
    if curve and kept[-1] is not curve[-1]:
        kept.append(curve[-1])
    return kept


def _grid(duration_s: float, x: Place, y: Place) -> list[str]:
    left, right = x(0.0), x(duration_s)
    parts = []
    for value, label in ((1, "+1"), (0, "0"), (-1, "\N{MINUS SIGN}1")):
        dash = "" if value else ' stroke-dasharray="2 4"'
        at = y(value)
        parts.append(
            f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{at}" y2="{at}"{dash}/>'
        )
        parts.append(f'<text x="{left - 8:.1f}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    most = (right - left) / MIN_LABEL_PX
    step = next((s for s in TIME_STEPS_S if duration_s / s <= most), TIME_STEPS_S[-1])
    for second in range(0, int(duration_s) + 1, step):
        place = f'x="{x(second):.1f}" y="{HEIGHT - 12}"'
        parts.append(f'<text {place} text-anchor="middle">{_clock(second)}</text>')
    return parts


def _bands(curve: Sequence[CurvePoint], axis: str, x: Place, y: Place) -> list[str]:
    parts = []
    for width in BAND_SDS:
        edges = [
            (point.t, getattr(point, axis), width * getattr(point, f"{axis}_sd")) for point in curve
        ]
        up = [_point(x(t), y(min(1.0, mean + half))) for t, mean, half in edges]
        down = [_point(x(t), y(max(-1.0, mean - half))) for t, mean, half in reversed(edges)]
        points = " ".join(up + down)
        parts.append(f'<polygon class="band" fill="{COLOURS[axis]}" points="{points}"/>')
    return parts


def _line(curve: Sequence[CurvePoint], axis: str, x: Place, y: Place) -> str:
    points = " ".join(_point(x(point.t), y(getattr(point, axis))) for point in curve)
    return f'<polyline class="line" stroke="{COLOURS[axis]}" points="{points}"/>'


def _names(curve: Sequence[CurvePoint], y: Place) -> list[str]:
    """The axes' names at the ends of their lines, a line's height apart at least."""
    if not curve:
        return []
    valence, arousal = y(curve[-1].valence), y(curve[-1].arousal)
    push = max(0.0, 16.0 - abs(valence - arousal)) / 2.0
    sign = 1.0 if valence <= arousal else -1.0
    heights = {"valence": valence - sign * push, "arousal": arousal + sign * push}
    return [
        f'<text x="{WIDTH - RIGHT + 10}" y="{heights[axis] + 4:.1f}" style="fill:{colour}">'
        f"{axis}</text>"
        for axis, colour in COLOURS.items()
    ]


def _point(x: float, y: float) -> str:
    return f"{x:.1f},{y:.1f}"


def _clock(second: int) -> str:
    hours, rest = divmod(second, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
