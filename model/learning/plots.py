"""Figures of training, drawn with matplotlib (extra `train`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def save_loss_plot(path: Path, losses: Sequence[float], members: int) -> None:
    """The mean loss of each epoch, one line an ensemble member, as PNG.

    Args:
        path: The file to write.
        losses: Losses of all members, one after the other.
        members: How many members `losses` holds.
    """
    from matplotlib.figure import Figure  # slow to import, and only needed here

    figure = Figure(figsize=(6.0, 3.5), layout="constrained")
    axes = figure.add_subplot()
    for number, curve in enumerate(np.array_split(np.asarray(losses), members), start=1):
        axes.plot(np.arange(1, len(curve) + 1), curve, label=f"member {number}")
    axes.set(xlabel="epoch", ylabel="training loss")
    if members > 1:
        axes.legend()
    figure.savefig(path, dpi=120)
