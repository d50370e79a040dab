"""The emotion curve as a picture, for terminals and notebooks."""

from __future__ import annotations

from pathlib import Path

from app.errors import InvalidRequestError
from app.plots import emotion_svg
from app.responses import EmotionResponse

COLOURS = {"valence": "#4c6ef5", "arousal": "#f76707"}


def save_plot(answer: EmotionResponse, path: Path, *, title: str) -> None:
    """Draw valence and arousal over time with bands of one standard deviation.

    Args:
        answer: The curve.
        path: Where the picture goes; its suffix chooses the format (.svg, .png, .pdf). An SVG
            needs no drawing library.
        title: Above the picture.

    Raises:
        InvalidRequestError: Another format than SVG without matplotlib, or the file cannot be
            written.
    """
    if path.suffix.lower() == ".svg":
        _write(path, emotion_svg(answer, title))
        return
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise InvalidRequestError(
            "this format needs matplotlib (pip install circumplex[train]); .svg needs nothing"
        ) from exc
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="seconds", ylabel=f"{answer.scale} scale", title=title)
    times = [point.t for point in answer.curve]
    for name, colour in COLOURS.items():
        mean = [getattr(point, name) for point in answer.curve]
        sd = [getattr(point, f"{name}_sd") for point in answer.curve]
        low = [m - s for m, s in zip(mean, sd, strict=True)]
        high = [m + s for m, s in zip(mean, sd, strict=True)]
        axes.fill_between(times, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(times, mean, color=colour, label=name)
    axes.axhline(0.0, color="grey", linewidth=0.5)
    axes.set_ylim(-1.05, 1.05)
    axes.legend(loc="upper right")
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as exc:
        raise InvalidRequestError(f"{path} cannot be written: {exc}") from exc


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise InvalidRequestError(f"{path} cannot be written: {exc}") from exc
