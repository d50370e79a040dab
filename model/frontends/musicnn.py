"""A second ear: musicnn, a network that learned the tags listeners gave to songs (Pons 2019).

Its weights are those that the Python package `musicnn` ships (ISC licence; trained on the Million
Song Dataset). Nothing else of the package is used, so that it is installed without what it demands.
The network follows `musicnn/models.py` of version 0.1.0 (`build_musicnn`).

N samples at `RATE_HZ`, P patches, T frames of a patch, M mel bands, C channels, W windows.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from model.arrays import Floats
from model.errors import CheckpointError, CheckpointMismatchError
from model.frontends import LISTENING_LUFS, Frontend
from model.frontends.resampling import resample
from model.frontends.spectral import slaney_bank
from model.frontends.tf_checkpoint import read_tensors
from model.frontends.windows import FrameSpans, RunningSums

RATE_HZ = 16_000
N_FFT = 512
HOP = 256
N_BANDS = 96
PATCH_FRAMES = 187
PATCH_S = PATCH_FRAMES * HOP / RATE_HZ
SPACING_S = 10.24
"""From the start of a patch to that of the next; closer ones tell hardly more (ADR 81)."""

SHORT_S, SHORT_SPACING_S = 20.48, 1.28
"""Music shorter than the former has patches as close as the latter."""

N_EMBEDDING = 200
TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s"),
    *("alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists"),
    *("classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s"),
    *("chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic"),
    *("experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock"),
    *("60s", "rnb", "indie pop", "sad", "House", "happy"),
)
"""In the order of the network's outputs."""

PACKAGE = "musicnn"
REMEDY = (
    "install it with `pip install --no-deps musicnn==0.1.0`, or name a folder that holds its "
    "files `.index` and `.data-00000-of-00001`"
)
INDEX, DATA = ".index", ".data-00000-of-00001"
SHA256 = {
    INDEX: "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8",
    DATA: "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
}
"""Of `musicnn/MSD_musicnn/` in the wheel of version 0.1.0."""

_LOG_GAIN = 10_000.0
_TIMBRAL = (38, 67)  # bands that a filter of the first layer spans, over seven frames
_TIMBRAL_CHANNELS, _TIMBRAL_FRAMES = 204, 7
_TEMPORAL = (128, 64, 32)  # frames that a filter of one band spans
_TEMPORAL_CHANNELS = 51
_MIDDLE_CHANNELS, _MIDDLE_FRAMES = 64, 7
_FRONT_CHANNELS = 2 * _TIMBRAL_CHANNELS + 3 * _TEMPORAL_CHANNELS
_POOLED = _FRONT_CHANNELS + 3 * _MIDDLE_CHANNELS
_EPSILON = 1e-3  # TensorFlow's, of batch normalisation
_BATCH_PATCHES = 8


class Musicnn:
    """Frontend `musicnn`; see `model.frontends.Frontend`.

    A window's features are means over the patches centred in it: the last layer before the tags,
    and the tags as logits.
    """

    name = "musicnn"
    version = 1
    feature_names: tuple[str, ...] = (
        *(f"musicnn_{i}" for i in range(1, N_EMBEDDING + 1)),
        *(f"tag_{tag}" for tag in TAGS),
    )
    context_s = 7.0
    grid_s = SPACING_S
    listens_at_lufs: float | None = LISTENING_LUFS
    cues: tuple[Frontend, ...] = ()

    def __init__(self, network: MusicnnNetwork, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self._network = network.to(self.device).eval()

    @classmethod
    def load(cls, folder: Path | None = None, device: torch.device | str = "cpu") -> Musicnn:
        """Build the frontend from the package's weights.

        Args:
            folder: Holds the weights' two files. None: that of the installed package.
            device: Where it computes.

        Raises:
            CheckpointError: The package is not installed, or a file is missing.
            CheckpointMismatchError: A file is not that of version 0.1.0.
        """
        place = folder or installed_folder()
        content = {name: _content(place, name) for name in (INDEX, DATA)}
        try:
            tensors = read_tensors(content[INDEX], content[DATA])
        except ValueError as exc:
            raise CheckpointError(f"{place} holds no weights of musicnn: {exc}") from exc
        network = MusicnnNetwork()
        network.load(tensors)
        return cls(network, device)

    @torch.inference_mode()
    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """See `Frontend.describe`; [W, 250]."""
        described, spacing_s = self._patches(samples, sample_rate_hz)
        places = (windows_s.to(self.device, torch.float64) - PATCH_S / 2) / spacing_s
        spans = FrameSpans.between(places[:, 0], places[:, 1], len(described))
        return (RunningSums(described).over(spans) / spans.count[:, None]).float()

    @torch.inference_mode()
    def patches(self, samples: Tensor, sample_rate_hz: int) -> Tensor:
        """Features of every patch in turn, [P, 250]; arguments as for `describe`."""
        return self._patches(samples, sample_rate_hz)[0]

    def _patches(self, samples: Tensor, sample_rate_hz: int) -> tuple[Tensor, float]:
        """Features of every patch, and how far they are apart in seconds."""
        at_rate = resample(samples.to(self.device, torch.float32), sample_rate_hz, RATE_HZ)
        spacing_s = SHORT_SPACING_S if len(at_rate) < SHORT_S * RATE_HZ else SPACING_S
        patches = patches_of(at_rate, round(spacing_s * RATE_HZ))  # [P, samples]
        parts = torch.split(patches, _BATCH_PATCHES)
        return torch.cat([self._network(part) for part in parts]), spacing_s

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """See `Frontend.within_file`: rows as they are."""
        return segments, windows


class MusicnnNetwork(nn.Module):
    """Samples of patches to (last layer, logits of tags)."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = nn.Buffer(slaney_bank(RATE_HZ, N_FFT, N_BANDS))
        self.window = nn.Buffer(torch.hann_window(N_FFT))
        self.input = _Norm(1)
        self.timbral = nn.ModuleList(
            nn.Conv2d(1, _TIMBRAL_CHANNELS, (_TIMBRAL_FRAMES, bands)) for bands in _TIMBRAL
        )
        self.temporal = nn.ModuleList(
            nn.Conv2d(1, _TEMPORAL_CHANNELS, (frames, 1)) for frames in _TEMPORAL
        )
        widths = (_FRONT_CHANNELS, _MIDDLE_CHANNELS, _MIDDLE_CHANNELS)
        self.middle = nn.ModuleList(
            nn.Conv1d(width, _MIDDLE_CHANNELS, _MIDDLE_FRAMES, padding="same") for width in widths
        )
        self.front_norms = nn.ModuleList(
            [_Norm(_TIMBRAL_CHANNELS) for _ in _TIMBRAL]
            + [_Norm(_TEMPORAL_CHANNELS) for _ in _TEMPORAL]
        )
        self.middle_norms = nn.ModuleList(_Norm(_MIDDLE_CHANNELS) for _ in widths)
        self.pooled_norm = _Norm(2 * _POOLED)
        self.dense = nn.Linear(2 * _POOLED, N_EMBEDDING)
        self.dense_norm = _Norm(N_EMBEDDING)
        self.tags = nn.Linear(N_EMBEDDING, len(TAGS))

    def forward(self, patches: Tensor) -> Tensor:
        """Samples of patches, [P, samples], to [P, 250].

        First the layer before the tags, not yet rectified, as Essentia gives it; then the logits.
        """
        front = self._front(self.log_mel(patches))  # [P, C, T]
        layers = [front]
        last: Tensor | None = None
        for convolution, norm in zip(self.middle, self.middle_norms, strict=True):
            here = norm(convolution(layers[-1]).relu())
            last = here if last is None else last + here
            layers.append(last)
        maps = torch.cat(layers, 1)  # [P, C, T]
        # TensorFlow flattens [C, 2]: maximum and mean of each channel stand side by side.
        pooled = torch.stack([maps.amax(2), maps.mean(2)], 2).flatten(1)  # [P, 2 C]
        embedding = self.dense(self.pooled_norm(pooled))
        tags: Tensor = self.tags(self.dense_norm(embedding.relu()))
        return torch.cat([embedding, tags], 1)

    def log_mel(self, patches: Tensor) -> Tensor:
        """Logarithmic mel spectrograms, [P, T, M]."""
        spectrum = torch.fft.rfft(patches.unfold(1, N_FFT, HOP) * self.window)  # [P, T, bins]
        power = spectrum.real.square() + spectrum.imag.square()
        log_mel: Tensor = (_LOG_GAIN * (power @ self.bank) + 1.0).log10()
        return log_mel

    def _front(self, log_mel: Tensor) -> Tensor:
        """The first layer, its largest value over the bands, [P, C, T]."""
        bands = self.input(log_mel[:, None])[:, 0].transpose(1, 2)  # [P, M, T]
        convolutions: list[Any] = [*self.timbral, *self.temporal]
        norms: list[Any] = list(self.front_norms)
        frames = (*(_TIMBRAL_FRAMES for _ in _TIMBRAL), *_TEMPORAL)
        found = [
            _largest(convolution, norm, pad(bands, ((wide - 1) // 2, wide // 2)))
            for wide, convolution, norm in zip(frames, convolutions, norms, strict=True)
        ]
        return torch.cat(found, 1)

    def load(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the weights of a checkpoint of the original network.

        Raises:
            CheckpointMismatchError: A tensor is missing or of another shape.
        """
        convolutions = [*self.timbral, *self.temporal, *self.middle]
        norms = [self.input, *self.front_norms, *self.middle_norms]
        norms += [self.pooled_norm, self.dense_norm]
        try:
            for layer, name in zip(convolutions, _numbered("conv2d"), strict=False):
                _fill(layer.weight, _as_torch(tensors[f"{name}/kernel"], layer.weight.dim()))
                _fill(layer.bias, tensors[f"{name}/bias"])
            for layer, name in zip((self.dense, self.tags), _numbered("dense"), strict=False):
                _fill(layer.weight, tensors[f"{name}/kernel"].T)
                _fill(layer.bias, tensors[f"{name}/bias"])
            for norm, name in zip(norms, _numbered("batch_normalization"), strict=False):
                norm.load({key: tensors[f"{name}/{key}"] for key in _NORM_TENSORS})
        except KeyError as exc:
            raise CheckpointMismatchError(f"the weights of musicnn lack {exc}; {REMEDY}") from exc


_NORM_TENSORS = ("gamma", "beta", "moving_mean", "moving_variance")


class _Norm(nn.Module):
    """Batch normalisation of the second axis, as one factor and one shift a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Buffer(torch.ones(channels))
        self.shift = nn.Buffer(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        shape = (1, -1, *(1 for _ in maps.shape[2:]))
        return maps * self.scale.view(shape) + self.shift.view(shape)

    def load(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take gamma, beta, mean and variance."""
        gamma, beta, mean, variance = (tensors[name].astype(np.float64) for name in _NORM_TENSORS)
        scale = gamma / np.sqrt(variance + _EPSILON)
        _fill(self.scale, scale)
        _fill(self.shift, beta - mean * scale)


def _largest(convolution: nn.Conv2d, norm: _Norm, bands: Tensor) -> Tensor:
    """The largest value over the bands of convolved, rectified and normalised maps, [P, C, T].

    Filters are laid on one band after the other and the largest value kept: maps of all bands at
    once, [P, C, T, M], cost twice the time. Where the norm falls, what grows then shrinks, so the
    least value is looked for by turning the filter's sign.

    Args:
        convolution: Its filters span the frames that `bands` has more than T.
        norm: Of its C channels.
        bands: [P, M, frames].
    """
    sign = torch.where(norm.scale < 0, -1.0, 1.0)[:, None]  # [C, 1]
    filters = (convolution.weight[:, 0] * sign[:, :, None]).transpose(1, 2)  # [C, bands, frames]
    count = filters.shape[1]
    found = conv1d(bands[:, :count], filters)
    for first in range(1, bands.shape[1] - count + 1):
        torch.maximum(found, conv1d(bands[:, first : first + count], filters), out=found)
    assert convolution.bias is not None
    largest: Tensor = norm((found * sign + convolution.bias[:, None]).relu())
    return largest


def patches_of(samples: Tensor, spacing: int) -> Tensor:
    """Samples that the frames of each patch need, every `spacing` samples, [P, samples].

    Patch k's first frame is centred on sample k * `spacing`; beyond its ends the waveform counts as
    silence. What is shorter than a patch is repeated to fill one; a patch that would not fit is
    left out.
    """
    needed = PATCH_FRAMES * HOP
    if len(samples) < needed:
        samples = samples.repeat(-(-needed // len(samples)))[:needed]
    length = (PATCH_FRAMES - 1) * HOP + N_FFT
    return pad(samples, (N_FFT // 2, N_FFT // 2)).unfold(0, length, spacing)


def installed_folder() -> Path:
    """Where the installed package keeps its weights.

    Raises:
        CheckpointError: It is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)  # finds it without importing it
    if found is None or found.origin is None:
        raise CheckpointError(f"the package {PACKAGE} is not installed: {REMEDY}")
    return Path(found.origin).parent / "MSD_musicnn"


def is_installed() -> bool:
    """Whether the package is there; its weights may still be damaged."""
    return importlib.util.find_spec(PACKAGE) is not None


@lru_cache(maxsize=4)
def _content(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise CheckpointError(
            f"no weights of musicnn at {path} ({exc.strerror}): {REMEDY}"
        ) from exc
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise CheckpointMismatchError(
            f"{path} has SHA-256 {found[:16]}…, expected {SHA256[name][:16]}…: it is damaged or of "
            f"another version; {REMEDY}"
        )
    return content


def _numbered(name: str) -> list[str]:
    """Names that TensorFlow gave to layers of a kind, in the order of their making."""
    return [name, *(f"{name}_{number}" for number in range(1, 16))]


def _as_torch(kernel: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """[height, width, in, out] as torch has it; over time alone, bands are channels."""
    if dimensions == 4:
        return kernel.transpose(3, 2, 0, 1)
    return kernel[:, :, 0].transpose(2, 1, 0)


def _fill(target: Tensor, values: NDArray[np.floating]) -> None:
    if tuple(target.shape) != values.shape:
        raise CheckpointMismatchError(
            f"a tensor of musicnn is {values.shape}, expected {tuple(target.shape)}; {REMEDY}"
        )
    with torch.no_grad():
        target.copy_(torch.from_numpy(np.array(values, dtype=np.float32)))
