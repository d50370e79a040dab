"""The paper's frontend: VGGish, 128 numbers for every 0.96 s (Hershey et al. 2017).

The network has the names and shapes of the public PyTorch port's state dict. Its weights are not
part of this project: give a path to them, or their address.

N samples at `RATE_HZ`, F spectrogram frames, P patches, W windows.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import urllib.request
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from model.arrays import Floats
from model.errors import CheckpointError, CheckpointMismatchError
from model.frontends import Frontend
from model.frontends.resampling import resample
from model.frontends.windows import FrameSpans, RunningSums

RATE_HZ = 16_000
PATCH_S = 0.96
"""Length of a patch, and the distance from one to the next."""

N_BANDS = 64
N_FEATURES = 128

WEIGHTS_URL = (
    "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
)
WEIGHTS_SHA256 = "10086976"
PCA_URL = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish_pca_params-970ea276.pth"
PCA_SHA256 = "970ea276"
"""The first digits of the files' SHA-256, as their publisher states them in the names."""

_WINDOW, _HOP, _N_FFT = 400, 160, 512
_PATCH_FRAMES = 96
_LOW_HZ, _HIGH_HZ = 125.0, 7500.0
_LOG_OFFSET = 0.01
_PCA_RANGE = 2.0
_CHANNELS = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0)  # 0 is a pooling layer
_BATCH_PATCHES = 32


class Vggish:
    """Frontend `vggish` (or `vggish-pca`); see `model.frontends.Frontend`.

    A window's features are the mean over the patches centred in it.
    """

    version = 1
    feature_names: tuple[str, ...] = tuple(f"vggish_{i}" for i in range(1, N_FEATURES + 1))
    context_s = 0.6
    grid_s = PATCH_S
    listens_at_lufs = None
    cues: tuple[Frontend, ...] = ()

    def __init__(
        self, network: VggishNetwork, pca: Pca | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self.name = "vggish" if pca is None else "vggish-pca"
        self.device = torch.device(device)
        self._network = network.to(self.device).eval()
        self._pca = None if pca is None else pca.to(self.device)

    @classmethod
    def load(
        cls,
        weights: Path | str | None = None,
        pca: Path | str | None = None,
        *,
        device: torch.device | str = "cpu",
        weights_sha256: str | None = WEIGHTS_SHA256,
        pca_sha256: str | None = PCA_SHA256,
    ) -> Vggish:
        """Build the frontend from stored weights.

        Args:
            weights: File of the network's state dict, or its https address (fetched once, kept in
                torch's hub folder). None: the file that an earlier fetch left there.
            pca: Likewise for the post-processing; None leaves it out.
            device: Where it computes.
            weights_sha256: First digits of the file's SHA-256; None accepts any file.
            pca_sha256: Likewise for `pca`.

        Raises:
            CheckpointError: A file is missing, cannot be fetched or is no state dict.
            CheckpointMismatchError: A file has another hash, or other names or shapes.
        """
        network = VggishNetwork()
        _fill(network, _tensors(weights or kept_path(WEIGHTS_URL), weights_sha256))
        transform = None if pca is None else Pca.of(_tensors(pca, pca_sha256))
        return cls(network, transform, device)

    @torch.inference_mode()
    def sequence(self, samples: Tensor, sample_rate_hz: int) -> Tensor:
        """The features of every patch in turn, [P, 128]; what sequence encoders read.

        Args:
            samples: Mono waveform at its native rate, [N] float32.
            sample_rate_hz: Its samples per second.
        """
        patches = log_mel_patches(resample(samples.to(self.device), sample_rate_hz, RATE_HZ))
        parts = torch.split(patches, _BATCH_PATCHES)
        features: Tensor = torch.cat([self._network(part) for part in parts])  # [P, 128]
        return features if self._pca is None else self._pca.apply(features)

    @torch.inference_mode()
    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """See `Frontend.describe`; [W, 128]."""
        features = self.sequence(samples, sample_rate_hz)
        places = windows_s.to(self.device, torch.float64) / PATCH_S - 0.5
        spans = FrameSpans.between(places[:, 0], places[:, 1], len(features))
        return (RunningSums(features).over(spans) / spans.count[:, None]).float()

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """See `Frontend.within_file`: rows as they are."""
        return segments, windows


def log_mel_patches(samples: Tensor) -> Tensor:
    """Logarithmic mel spectrograms of 0.96 s each; what is left over at the end is dropped.

    Args:
        samples: [N] at `RATE_HZ`; shorter ones are filled up with silence to one patch.

    Returns:
        [P, 96, 64].
    """
    least = (_PATCH_FRAMES - 1) * _HOP + _WINDOW
    samples = pad(samples, (0, max(0, least - len(samples))))
    window = torch.hann_window(_WINDOW, device=samples.device)
    frames = samples.unfold(0, _WINDOW, _HOP) * window  # [F, _WINDOW]
    magnitude = torch.fft.rfft(frames, n=_N_FFT).abs()  # [F, bins]
    log_mel: Tensor = (magnitude @ mel_bank().to(samples.device) + _LOG_OFFSET).log()
    n_patches = len(log_mel) // _PATCH_FRAMES
    return log_mel[: n_patches * _PATCH_FRAMES].reshape(n_patches, _PATCH_FRAMES, N_BANDS)


@lru_cache(maxsize=1)
def mel_bank() -> Tensor:
    """Triangular filters of unit height, evenly spaced on the HTK mel scale, [bins, 64]."""
    edges = torch.linspace(_mel(_LOW_HZ), _mel(_HIGH_HZ), N_BANDS + 2, dtype=torch.float64)
    bins = torch.linspace(0, RATE_HZ / 2, _N_FFT // 2 + 1, dtype=torch.float64)
    mel = 1127 * (1 + bins / 700).log()
    place = (mel[:, None] - edges[1:-1]) / (edges[1] - edges[0])  # in band widths
    bank = (1 - place.abs()).clamp(min=0)
    bank[0] = 0  # the bin at 0 Hz is left out
    return bank.float()


def _mel(hz: float) -> float:
    return 1127 * math.log(1 + hz / 700)


class VggishNetwork(nn.Module):
    """The CNN, with the parameter names of the public port (`features.*`, `embeddings.*`)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for width in _CHANNELS:
            if width == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 4 * 6, 4096),
            nn.ReLU(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, N_FEATURES),
            nn.ReLU(),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Features of each patch, [P, 128], >= 0.

        Args:
            patches: Result of `log_mel_patches`, [P, 96, 64].
        """
        maps = self.features(patches[:, None])  # [P, 512, 6, 4]
        # The original network is in TensorFlow, where channels come last.
        flat = maps.permute(0, 2, 3, 1).flatten(1)  # [P, 6 * 4 * 512]
        features: Tensor = self.embeddings(flat)
        return features


class Pca:
    """VGGish's post-processing: whitening, clipping, and rounding to 8 bits."""

    def __init__(self, vectors: Tensor, means: Tensor) -> None:
        """Keep the rotation [128, 128] and the mean features [128]."""
        self._vectors = vectors
        self._means = means

    @classmethod
    def of(cls, tensors: dict[str, Tensor]) -> Pca:
        """From the published file's `pca_eigen_vectors` and `pca_means`.

        Raises:
            CheckpointMismatchError: A tensor is missing or of another shape.
        """
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        vectors, means = tensors.get("pca_eigen_vectors"), tensors.get("pca_means")
        if vectors is None or means is None or means.numel() != N_FEATURES:
            raise CheckpointMismatchError(f"these are no VGGish PCA parameters: {shapes}")
        if vectors.shape != (N_FEATURES, N_FEATURES):
            raise CheckpointMismatchError(f"VGGish's PCA is 128 x 128, not as in {shapes}")
        return cls(vectors.float(), means.float().reshape(-1))

    def to(self, device: torch.device) -> Pca:
        """The same on another device."""
        return Pca(self._vectors.to(device), self._means.to(device))

    def apply(self, features: Tensor) -> Tensor:
        """Post-processed features [P, 128], whole numbers from 0 to 255."""
        whitened = ((features - self._means) @ self._vectors.T).clamp(-_PCA_RANGE, _PCA_RANGE)
        return ((whitened + _PCA_RANGE) * (255 / (2 * _PCA_RANGE))).round()


def kept_path(url: str) -> Path:
    """Where a fetched file is kept."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def _tensors(source: Path | str, sha256: str | None) -> dict[str, Tensor]:
    """Read a state dict from a file or an address, and check its hash."""
    path = _fetched(source, sha256) if str(source).startswith("https://") else Path(source)
    if not path.is_file():
        raise CheckpointError(
            f"no VGGish weights at {path}: fetch {WEIGHTS_URL} and give the path to the file, "
            "or give that address"
        )
    _check_hash(path.name, path.read_bytes(), sha256)
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # torch raises whatever the unpickler meets
        raise CheckpointError(f"{path.name} is no file of weights: {exc}") from exc
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name} holds a {type(content).__name__}, no state dict")
    return {str(name): torch.as_tensor(value) for name, value in content.items()}


def _fetched(source: Path | str, sha256: str | None) -> Path:
    """Download once; the file appears under its name only when it is whole and right."""
    url = str(source)
    path = kept_path(url)
    if path.is_file():
        return path
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            content: bytes = response.read()
    except (OSError, ValueError) as exc:
        raise CheckpointError(
            f"cannot fetch {url}: {exc}; fetch it by hand and give its path"
        ) from exc
    _check_hash(path.name, content, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)  # noqa: PTH105
    return path


def _check_hash(name: str, content: bytes, sha256: str | None) -> None:
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and not found.startswith(sha256.lower()):
        raise CheckpointMismatchError(
            f"{name} has SHA-256 {found[:16]}…, expected {sha256}…: it is damaged or another file"
        )


def _fill(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load the network's own tensors (the published file may hold the PCA's beside them)."""
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = [
        f"{name} is {found.get(name, 'missing')}, expected {shape}"
        for name, shape in wanted.items()
        if found.get(name) != shape
    ]
    if wrong:
        raise CheckpointMismatchError(f"these are no VGGish weights: {'; '.join(wrong[:3])}")
    network.load_state_dict({name: tensors[name].float() for name in wanted})
