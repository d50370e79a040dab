"""The second ear: reading TensorFlow's checkpoints, and the network against stored features."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from model.audio.decoding import decode
from model.errors import CheckpointError, CheckpointMismatchError
from model.frontends import frontend_id, get_frontend, musicnn, row_names
from model.frontends.musicnn import PATCH_S, RATE_HZ, Musicnn, MusicnnNetwork, patches_of
from model.frontends.tf_checkpoint import read_tensors


@pytest.fixture(scope="module")
def ear() -> Musicnn:
    """The frontend, where its package is installed."""
    if not musicnn.is_installed():
        pytest.skip("the package musicnn is not installed")
    return Musicnn.load()


@pytest.fixture(scope="module")
def untrained() -> Musicnn:
    """The network with random weights."""
    torch.manual_seed(0)
    return Musicnn(MusicnnNetwork())


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _block(entries: dict[bytes, bytes]) -> bytes:
    """Entries that share the prefix of the one before, with one restart, uncompressed."""
    content, before = b"", b""
    for key, value in entries.items():
        shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), 0)
        content += b"".join(map(_varint, (shared, len(key) - shared, len(value))))
        content += key[shared:] + value
        before = key
    return content + struct.pack("<II", 0, 1)


def _table(entries: dict[bytes, bytes], kind: int = 0) -> bytes:
    block = _block(entries)
    handle = _varint(0) + _varint(len(block))
    index = _block({b"~": handle})
    start = len(block) + 5
    footer = _varint(0) * 2 + _varint(start) + _varint(len(index))
    content = block + bytes([kind]) + b"crc " + index + b"\0crc "
    return content + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def _entry(shape: tuple[int, ...], offset: int, size: int, shard: int = 0, dtype: int = 1) -> bytes:
    dimensions = b"".join(_field(2, _field(1, size)) for size in shape)
    fields = (_field(1, dtype), _field(2, dimensions), _field(3, shard))
    return b"".join(fields) + _field(4, offset) + _field(5, size) + b"\x35crc "


def test_tensors_are_read_by_name_and_shape() -> None:
    """Names share prefixes; what is no float32 is left out."""
    data = np.arange(7, dtype="<f4").tobytes()
    index = _table(
        {
            b"": _field(1, 1),
            b"conv/bias": _entry((1,), 0, 4),
            b"conv/kernel": _entry((2, 3), 4, 24),
            b"step": _entry((), 0, 8, dtype=9),
        }
    )

    found = read_tensors(index, data)

    assert list(found) == ["conv/bias", "conv/kernel"]
    assert_array_equal(found["conv/kernel"], np.arange(1, 7).reshape(2, 3))


@pytest.mark.parametrize(
    ("index", "why"),
    [
        (b"nothing", "last bytes"),
        (_table({b"a": _entry((1,), 0, 4)}, kind=1), "compressed"),
        (_table({b"a": _entry((1,), 0, 4, shard=1)}), "several data files"),
    ],
)
def test_other_files_are_refused(index: bytes, why: str) -> None:
    """By what they are."""
    with pytest.raises(ValueError, match=why):
        read_tensors(index, b"\0" * 4)


def test_missing_and_damaged_weights_are_named(tmp_path: Path) -> None:
    """With what to do about them."""
    with pytest.raises(CheckpointError, match="--no-deps"):
        Musicnn.load(tmp_path)
    (tmp_path / ".index").write_bytes(b"other")
    with pytest.raises(CheckpointMismatchError, match="SHA-256"):
        Musicnn.load(tmp_path)


def test_hears_what_the_published_network_hears(ear: Musicnn, shared_data: Path) -> None:
    """Embedding and tags of fragments agree with features that were computed elsewhere."""
    stored = np.load(shared_data / "musicnn/dev_features.npz", allow_pickle=False)
    paths = stored["path"].tolist()
    for row in range(100, 264, 55):
        audio = decode(shared_data / paths[row])
        samples = musicnn.resample(torch.from_numpy(audio.samples), audio.sample_rate_hz, RATE_HZ)
        with torch.inference_mode():
            patches = patches_of(samples, round(PATCH_S * RATE_HZ))
            found = ear._network(patches).mean(0).numpy()

        np.testing.assert_allclose(found[:200], stored["embedding"][row], atol=0.05)
        np.testing.assert_allclose(found[200:], stored["tags"][row], atol=0.05)


def test_windows_have_the_mean_of_their_patches(untrained: Musicnn) -> None:
    """Patches start every 10.24 s and belong to the window that holds their middle."""
    samples = torch.randn(round(40 * RATE_HZ)) * 0.1
    patches = untrained.patches(samples, RATE_HZ)
    windows = torch.tensor([[0.0, 30.0], [15.0, 40.0]], dtype=torch.float64)

    found = untrained.describe(samples, RATE_HZ, windows)

    assert patches.shape == (4, 250)
    torch.testing.assert_close(found[0], patches[:3].mean(0), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1], patches[2:4].mean(0), atol=1e-5, rtol=1e-5)


def test_less_than_a_patch_is_repeated(untrained: Musicnn) -> None:
    """A second of sound is heard three times over."""
    second = torch.randn(RATE_HZ) * 0.1
    windows = torch.tensor([[0.0, 1.0]], dtype=torch.float64)

    found = untrained.describe(second, RATE_HZ, windows)

    again = untrained.describe(second.repeat(3)[: 187 * 256], RATE_HZ, windows)
    torch.testing.assert_close(found, again)


def test_is_a_cue_beside_descriptors() -> None:
    """A checkpoint that joins both names both, and rows hold both."""
    if not musicnn.is_installed():
        pytest.skip("the package musicnn is not installed")
    both = get_frontend("descriptors34+musicnn")

    assert frontend_id(both) == "descriptors34-2+musicnn-1"
    assert row_names(both)[33:35] == ("mode", "musicnn_1")
    assert len(row_names(both)) == 34 + 250
