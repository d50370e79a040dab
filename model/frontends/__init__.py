"""Frontends: waveform to one row of features for each window of it.

Shapes: N samples, W windows, Dx features of the frontend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from model.arrays import Floats

DESCRIPTOR_NAMES = ("descriptors", "descriptors33", "descriptors34")
VGGISH_NAMES = ("vggish", "vggish-pca")
JOINT = "+"  # between the names of a frontend and its cues

LISTENING_LUFS = -16.0
"""Integrated loudness at which the descriptors hear every file (ITU-R BS.1770-4, mono mix)."""


class Frontend(Protocol):
    """What turns a waveform into features.

    Attributes:
        name: Name that checkpoints refer to.
        version: Raised whenever the numbers change.
        feature_names: The Dx columns, in order.
        context_s: How far beyond a window, in seconds, its features may look.
        grid_s: Cutting a waveform at multiples of this many seconds leaves the frames where they
            were, so that windows come out alike from the piece and from the whole.
        listens_at_lufs: Integrated loudness to which one gain brings a file before it is described;
            None: it is described as loud as it comes.
        cues: Further frontends that describe the segments beside this one, not the windows.
    """

    name: str
    version: int
    feature_names: tuple[str, ...]
    context_s: float
    grid_s: float

    @property
    def listens_at_lufs(self) -> float | None:
        """See the class."""
        ...

    @property
    def cues(self) -> tuple[Frontend, ...]:
        """See the class."""
        ...

    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """Features of each window.

        Args:
            samples: Mono waveform at its native rate, times `gain_of` the frontend, [N] float32.
            sample_rate_hz: Its samples per second.
            windows_s: Start and end of each window in seconds, [W, 2].

        Returns:
            [W, Dx] float32, finite.
        """
        ...

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """The rows of a whole file, read relative to the file where that is how they are meant.

        Args:
            segments: Described segments, [S, Dx].
            windows: Described windows, [W, Dx].

        Returns:
            The same shapes.
        """
        ...


class WithCues:
    """A frontend and the cues that describe its segments too; called `descriptors33+musicnn`."""

    def __init__(self, main: Frontend, cues: Sequence[Frontend]) -> None:
        self._main = main
        self.cues = tuple(cues)
        self.name = JOINT.join(one.name for one in (main, *cues))
        self.version = main.version
        self.feature_names = main.feature_names
        self.context_s = main.context_s
        self.grid_s = main.grid_s
        self.listens_at_lufs = main.listens_at_lufs

    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """What the main frontend makes of the windows."""
        return self._main.describe(samples, sample_rate_hz, windows_s)

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """What the main frontend makes of its rows."""
        return self._main.within_file(segments, windows)


def gain_of(frontend: Frontend, loudness_lufs: float) -> float:
    """What the samples of a file of this integrated loudness are multiplied by for a frontend."""
    if frontend.listens_at_lufs is None:
        return 1.0
    return float(10 ** ((frontend.listens_at_lufs - loudness_lufs) / 20))


def frontend_id(frontend: Frontend) -> str:
    """Name and version in one word, and of its cues, as analyses and checkpoints store it."""
    names = frontend.name.split(JOINT)
    versions = (frontend.version, *(cue.version for cue in frontend.cues))
    return JOINT.join(f"{name}-{version}" for name, version in zip(names, versions, strict=True))


def row_names(frontend: Frontend) -> tuple[str, ...]:
    """Columns of `model.rows.segment_rows`: the frontend's, then those of its cues by name."""
    cues = sorted(frontend.cues, key=frontend_id)
    return (*frontend.feature_names, *(name for cue in cues for name in cue.feature_names))


def frontend_name(identifier: str) -> str:
    """The name in a `frontend_id`, which `get_frontend` knows."""
    return JOINT.join(part.rpartition("-")[0] for part in identifier.split(JOINT))


def get_frontend(name: str, device: torch.device | str = "cpu") -> Frontend:
    """The frontend called `name`.

    Args:
        name: `descriptors`, `descriptors33`, `descriptors34`, `musicnn`, `vggish` or `vggish-pca`,
            or several of them joined by `+`: the first describes segments and windows, the others
            are its cues. The last two read weights that `Vggish.load` fetched before; to give a
            path, call it directly.
        device: Where it computes.

    Returns:
        A frontend, ready to describe.

    Raises:
        ValueError: There is none of that name.
        CheckpointError: Its weights are missing or damaged.
    """
    if JOINT in name:
        main, *cues = (get_frontend(part, device) for part in name.split(JOINT))
        return WithCues(main, cues)
    if name in DESCRIPTOR_NAMES:
        from model.frontends.descriptors import Descriptors, Descriptors33, Descriptors34

        kinds = (Descriptors, Descriptors33, Descriptors34)
        return next(kind for kind in kinds if kind.name == name)(device)
    if name == "musicnn":
        from model.frontends.musicnn import Musicnn

        return Musicnn.load(device=device)
    if name in VGGISH_NAMES:
        from model.frontends.vggish import PCA_URL, Vggish, kept_path

        return Vggish.load(pca=kept_path(PCA_URL) if name == "vggish-pca" else None, device=device)
    known = ", ".join(DESCRIPTOR_NAMES + VGGISH_NAMES)
    raise ValueError(f"no frontend is called {name!r}; there are {known}")
