"""Figures of training, drawn with matplotlib (extra `train`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def save_loss_plot(path: Path, losses: Sequence[float]) -> None:
    """The mean loss of each epoch, as PNG."""
    from matplotlib.figure import Figure  # slow to import, and only needed here

    figure = Figure(figsize=(6.0, 3.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(range(1, len(losses) + 1), losses)
    axes.set(xlabel="epoch", ylabel="training loss")
    figure.savefig(path, dpi=120)
