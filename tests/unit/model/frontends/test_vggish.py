from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.analysis import analyse
from model.errors import CheckpointError, CheckpointMismatchError
from model.frontends import frontend_id, get_frontend
from model.frontends.vggish import (
    PATCH_S,
    PCA_URL,
    RATE_HZ,
    WEIGHTS_URL,
    Pca,
    Vggish,
    VggishNetwork,
    kept_path,
    log_mel_patches,
)
from tests.unit.encoded_audio import wav
from tests.unit.music import music

PUBLISHED = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}
"""Layers and weight shapes of the public state dict; each has a bias as well."""


@pytest.fixture(scope="module")
def stand_in() -> dict[str, Tensor]:
    """Random weights under the published names, in the published shapes."""
    random = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}
    for name, shape in PUBLISHED.items():
        fan_in = int(np.prod(shape[1:]))
        tensors[f"{name}.weight"] = torch.randn(shape, generator=random) * (2 / fan_in) ** 0.5
        tensors[f"{name}.bias"] = 0.01 * torch.randn(shape[0], generator=random)
    return tensors


@pytest.fixture(scope="module")
def weights(
    stand_in: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("vggish") / "stand-in.pth"
    torch.save(stand_in, path)
    yield path
    path.unlink()  # 290 MB


@pytest.fixture(scope="module")
def frontend(weights: Path) -> Vggish:
    return Vggish.load(weights, weights_sha256=None)


def _log_mel(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The published definition once more, in plain numpy loops, [F, 64]."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 400 * np.arange(400))
    n_frames = 1 + (len(samples) - 400) // 160
    spectrogram = np.array(
        [
            np.abs(np.fft.rfft(samples[160 * i : 160 * i + 400] * window, 512))
            for i in range(n_frames)
        ]
    )

    def mel(hz: float) -> float:
        return 1127.0 * np.log(1.0 + hz / 700.0)

    edges = np.linspace(mel(125.0), mel(7500.0), 66)
    bank = np.zeros((257, 64))
    for k in range(1, 257):
        place = mel(k * 16_000 / 512)
        for band in range(64):
            low, centre, high = edges[band : band + 3]
            bank[k, band] = max(
                0.0, min((place - low) / (centre - low), (high - place) / (high - centre))
            )
    return np.log(spectrogram @ bank + 0.01)


def test_log_mel_equals_an_independent_one() -> None:
    """Patches are 96 frames each of the plainly computed spectrogram."""
    samples = music(4.0, RATE_HZ, 0, highest_hz=7_000.0)

    patches = log_mel_patches(torch.from_numpy(samples)).numpy()

    assert patches.shape == (4, 96, 64)
    expected = _log_mel(samples.astype(np.float64))[: 4 * 96].reshape(4, 96, 64)
    np.testing.assert_allclose(patches, expected, atol=2e-3)


def test_a_short_clip_makes_one_patch() -> None:
    """Half a second is filled up with silence: log(0.01) in every band."""
    patches = log_mel_patches(torch.rand(8_000) - 0.5)

    assert patches.shape == (1, 96, 64)
    torch.testing.assert_close(patches[0, -1], torch.full((64,), float(np.log(0.01))))


def test_the_network_has_the_published_names_and_shapes() -> None:
    """A state dict of the public port fits exactly."""
    state = VggishNetwork().state_dict()

    weights = {name: tuple(t.shape) for name, t in state.items() if name.endswith("weight")}
    biases = {name: tuple(t.shape) for name, t in state.items() if name.endswith("bias")}
    assert weights == {f"{name}.weight": shape for name, shape in PUBLISHED.items()}
    assert biases == {f"{name}.bias": shape[:1] for name, shape in PUBLISHED.items()}


def test_the_network_flattens_like_tensorflow(stand_in: dict[str, Tensor]) -> None:
    """Channels come last before the first dense layer."""
    network = VggishNetwork()
    network.load_state_dict(stand_in)
    patches = torch.randn(2, 96, 64)

    maps = network.features(patches[:, None])
    expected = torch.empty(2, 12288)
    for row in range(6):
        for column in range(4):
            at = (row * 4 + column) * 512
            expected[:, at : at + 512] = maps[:, :, row, column]
    torch.testing.assert_close(network(patches), network.embeddings(expected))


def test_a_window_is_the_mean_of_its_patches(frontend: Vggish) -> None:
    """Patches centred inside the window count, and each window has at least one."""
    samples = torch.from_numpy(music(6.0, 44_100, 1))
    patches = frontend.sequence(samples, 44_100)

    windows = torch.tensor([[0.0, 6.0], [0.0, 2 * PATCH_S], [1.0, 1.1]], dtype=torch.float64)
    features = frontend.describe(samples, 44_100, windows)

    assert patches.shape == (6, 128)
    expected = torch.stack([patches.mean(0), patches[:2].mean(0), patches[1]])
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-4)


def test_files_are_analysed_alike_in_blocks(frontend: Vggish) -> None:
    """Block boundaries do not show in the features."""
    content = wav(music(60.0, 16_000, 2)[None], 16_000)

    whole = analyse(content, frontend)
    pieces = analyse(content, frontend, block_s=35.0)

    assert whole.frontend_id == "vggish-1"
    np.testing.assert_allclose(whole.window_features, pieces.window_features, atol=1e-4)
    np.testing.assert_allclose(whole.segment_features, pieces.segment_features, atol=1e-4)


def test_post_processing_equals_the_published_rule(weights: Path, tmp_path: Path) -> None:
    """Rotate, clip to +-2, and round to 8 bits; the frontend then has another name."""
    random = np.random.default_rng(0)
    vectors, means = random.normal(0, 0.2, (128, 128)), random.normal(0.5, 0.1, (128, 1))
    parameters = {
        "pca_eigen_vectors": torch.tensor(vectors, dtype=torch.float32),
        "pca_means": torch.tensor(means, dtype=torch.float32),
    }
    path = tmp_path / "pca.pth"
    torch.save(parameters, path)
    features = random.uniform(0, 1, (5, 128))

    frontend = Vggish.load(weights, path, weights_sha256=None, pca_sha256=None)
    ours = Pca.of(parameters).apply(torch.tensor(features, dtype=torch.float32)).numpy()

    expected = np.round((np.clip((vectors @ (features.T - means)).T, -2, 2) + 2) * 255 / 4)
    assert frontend_id(frontend) == "vggish-pca-1"
    assert (np.abs(ours - expected) <= 1).all()
    assert (ours == expected).mean() > 0.99
    assert frontend.sequence(torch.rand(32_000), 16_000).max() <= 255


def test_absent_weights_say_what_to_do(tmp_path: Path) -> None:
    """Nothing is fetched unasked; the message names the address."""
    with pytest.raises(CheckpointError, match=r"no VGGish weights at .*fetch https://"):
        Vggish.load(tmp_path / "absent.pth")


def test_weights_are_kept_under_their_published_name() -> None:
    """A fetched file is looked for where torch's hub would put it."""
    assert kept_path(WEIGHTS_URL).name == "vggish-10086976.pth"
    assert kept_path(PCA_URL).name == "vggish_pca_params-970ea276.pth"


@pytest.mark.parametrize("name", ["vggish", "vggish-pca"])
def test_the_frontend_by_name_needs_fetched_weights(name: str) -> None:
    """By name, the frontend loads kept weights, or says that there are none."""
    if kept_path(WEIGHTS_URL).is_file():
        pytest.skip("the public weights are on this machine")
    with pytest.raises(CheckpointError, match="no VGGish weights"):
        get_frontend(name)


def test_the_hash_is_checked(weights: Path) -> None:
    """A file other than the published one is refused; the right digits are accepted."""
    with pytest.raises(CheckpointMismatchError, match="expected 10086976"):
        Vggish.load(weights)
    digits = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert Vggish.load(weights, weights_sha256=digits[:8].upper()).name == "vggish"


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all"])
def test_files_that_are_no_weights_are_refused(tmp_path: Path, content: bytes) -> None:
    """Damaged files are checkpoint errors, not the unpickler's."""
    path = tmp_path / "broken.pth"
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=r"broken\.pth is no file of weights"):
        Vggish.load(path, weights_sha256=None)


def test_other_networks_are_refused(tmp_path: Path, stand_in: dict[str, Tensor]) -> None:
    """A missing layer and a wrong shape are named."""
    path = tmp_path / "other.pth"
    small = {n: t for n, t in stand_in.items() if t.numel() < 10_000}
    big = {
        n: t[:1, :1].expand_as(t) for n, t in stand_in.items() if n not in small and t.dim() == 2
    }
    rest = {n: t for n, t in stand_in.items() if n not in small and n not in big}
    torch.save({**rest, **big, **small, "embeddings.4.bias": torch.zeros(64)}, path)
    with pytest.raises(
        CheckpointMismatchError, match=r"embeddings\.4\.bias is \(64,\), expected \(128,\)"
    ):
        Vggish.load(path, weights_sha256=None)
    torch.save({"features.0.bias": torch.zeros(64)}, path)
    with pytest.raises(CheckpointMismatchError, match=r"features\.0\.weight is missing"):
        Vggish.load(path, weights_sha256=None)
    torch.save(torch.zeros(3), path)
    with pytest.raises(CheckpointError, match="holds a Tensor"):
        Vggish.load(path, weights_sha256=None)


def test_a_failed_fetch_is_a_checkpoint_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network the message says to fetch the file by hand."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"cannot fetch https://localhost:9/w\.pth"):
        Vggish.load("https://localhost:9/w.pth", weights_sha256=None)
    assert not list(tmp_path.rglob("*.pth"))


def test_googles_smoke_test() -> None:
    """With the public weights, three seconds of 1 kHz give Google's published figures."""
    weights = os.environ.get("CIRCUMPLEX_VGGISH_WEIGHTS")
    pca = os.environ.get("CIRCUMPLEX_VGGISH_PCA")
    if not weights:
        pytest.skip("set CIRCUMPLEX_VGGISH_WEIGHTS (and CIRCUMPLEX_VGGISH_PCA) to the public files")
    sine = torch.sin(2 * torch.pi * 1_000 * torch.arange(3 * 44_100) / 44_100)

    features = Vggish.load(weights).sequence(sine, 44_100)
    assert features.mean().item() == pytest.approx(0.131, rel=0.1)
    assert features.std().item() == pytest.approx(0.238, rel=0.1)
    if pca:
        processed = Vggish.load(weights, pca).sequence(sine, 44_100)
        assert processed.mean().item() == pytest.approx(123.0, rel=0.1)
        assert processed.std().item() == pytest.approx(75.0, rel=0.1)
