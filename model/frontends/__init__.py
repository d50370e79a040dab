"""Frontends: waveform to one row of features for each window of it.

Shapes: N samples, W windows, Dx features of the frontend.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

DESCRIPTOR_NAMES = ("descriptors", "descriptors33")
VGGISH_NAMES = ("vggish", "vggish-pca")


class Frontend(Protocol):
    """What turns a waveform into features.

    Attributes:
        name: Name that checkpoints refer to.
        version: Raised whenever the numbers change.
        feature_names: The Dx columns, in order.
        context_s: How far beyond a window, in seconds, its features may look.
        grid_s: Cutting a waveform at multiples of this many seconds leaves the frames where they
            were, so that windows come out alike from the piece and from the whole.
    """

    name: str
    version: int
    feature_names: tuple[str, ...]
    context_s: float
    grid_s: float

    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """Features of each window.

        Args:
            samples: Mono waveform at its native rate, [N] float32.
            sample_rate_hz: Its samples per second.
            windows_s: Start and end of each window in seconds, [W, 2].

        Returns:
            [W, Dx] float32, finite.
        """
        ...


def frontend_id(frontend: Frontend) -> str:
    """Name and version in one word, as analyses and checkpoints store it."""
    return f"{frontend.name}-{frontend.version}"


def get_frontend(name: str, device: torch.device | str = "cpu") -> Frontend:
    """The frontend called `name`.

    Args:
        name: `descriptors`, `descriptors33`, `vggish` or `vggish-pca`. The latter two read
            weights that `Vggish.load` fetched before; to give a path, call it directly.
        device: Where it computes.

    Returns:
        A frontend, ready to describe.

    Raises:
        ValueError: There is none of that name.
        CheckpointError: Its weights are missing or damaged.
    """
    if name in DESCRIPTOR_NAMES:
        from model.frontends.descriptors import Descriptors, Descriptors33

        return (Descriptors33 if name == Descriptors33.name else Descriptors)(device)
    if name in VGGISH_NAMES:
        from model.frontends.vggish import PCA_URL, Vggish, kept_path

        return Vggish.load(pca=kept_path(PCA_URL) if name == "vggish-pca" else None, device=device)
    known = ", ".join(DESCRIPTOR_NAMES + VGGISH_NAMES)
    raise ValueError(f"no frontend is called {name!r}; there are {known}")
