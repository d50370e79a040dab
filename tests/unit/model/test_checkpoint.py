"""Checkpoint files: nothing is lost, equal gives equal bytes, damage and mismatch are named."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from model.checkpoint import (
    METADATA_KEY,
    Checkpoint,
    checkpoint_bytes,
    load_checkpoint,
    require_frontend,
    save_checkpoint,
)
from model.errors import CheckpointError, CheckpointMismatchError
from tests.unit.checkpoints import FEATURES, small_checkpoint


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return small_checkpoint()


@pytest.fixture
def saved(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, checkpoint)
    return path


def header_of(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    header: dict[str, object] = json.loads(metadata[METADATA_KEY])
    return header


def rewrite(path: Path, header: dict[str, object]) -> None:
    tensors = load(path.read_bytes())
    path.write_bytes(save(tensors, metadata={METADATA_KEY: json.dumps(header)}))
    path.with_name(f"{path.name}.sha256").unlink()


def test_everything_comes_back(saved: Path, checkpoint: Checkpoint) -> None:
    """Config, settings, notes and every array are what was saved."""
    loaded = load_checkpoint(saved).checkpoint

    for name in ("name", "frontend_id", "columns", "config", "curve", "notes"):
        assert getattr(loaded, name) == getattr(checkpoint, name)
    for part in ("cca", "scoring", "mean_head"):
        for name, value in vars(getattr(checkpoint, part)).items():
            actual = vars(getattr(loaded, part))[name]
            assert type(actual) is type(value)
            np.testing.assert_array_equal(actual, value)


def test_bounds_of_columns_come_back(tmp_path: Path, checkpoint: Checkpoint, saved: Path) -> None:
    """Infinite ones too; a file that was made before there were any has none."""
    highest = np.array([1.5, *[np.inf] * (FEATURES - 1)], np.float32)

    save_checkpoint(tmp_path / "b.safetensors", replace(checkpoint, highest=highest))

    bounded = load_checkpoint(tmp_path / "b.safetensors").checkpoint
    np.testing.assert_array_equal(bounded.highest, highest)
    assert load_checkpoint(saved).checkpoint.highest is None


@torch.inference_mode()
def test_built_networks_compute_the_same(tmp_path: Path) -> None:
    """Bit for bit."""
    checkpoint = small_checkpoint()
    save_checkpoint(tmp_path / "m.safetensors", checkpoint)
    rows = torch.randn(4, FEATURES)

    rebuilt = load_checkpoint(tmp_path / "m.safetensors").checkpoint.build()

    assert torch.equal(rebuilt.music(rows).z, checkpoint.build().music(rows).z)
    assert not rebuilt.training


def test_equal_checkpoints_give_equal_bytes(saved: Path) -> None:
    """Also after a round trip and from a second fit with the same seed."""
    content = saved.read_bytes()

    assert checkpoint_bytes(small_checkpoint()) == content
    assert checkpoint_bytes(load_checkpoint(saved).checkpoint) == content


def test_the_id_names_the_exact_bytes(saved: Path, checkpoint: Checkpoint) -> None:
    """The name and the first 12 digits of the SHA-256 that the sidecar holds too."""
    digest = hashlib.sha256(saved.read_bytes()).hexdigest()

    assert load_checkpoint(saved).model_id == f"small-{digest[:12]}"
    assert save_checkpoint(saved, checkpoint) == f"small-{digest[:12]}"
    sidecar = saved.with_name("model.safetensors.sha256").read_text(encoding="utf-8")
    assert sidecar == f"{digest}  model.safetensors\n"


def test_another_model_has_another_id(tmp_path: Path, checkpoint: Checkpoint) -> None:
    """A change of one setting is enough."""
    other = replace(checkpoint, curve=replace(checkpoint.curve, smoothing_s=9.0))

    first = save_checkpoint(tmp_path / "a.safetensors", checkpoint)
    second = save_checkpoint(tmp_path / "b.safetensors", other)

    assert first != second


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """Path and remedy."""
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*none.*circumplex train"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 64])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever they hold."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match="is no circumplex checkpoint"):
        load_checkpoint(path)


def test_safetensors_of_another_program_are_refused(tmp_path: Path) -> None:
    """Well-formed, but without our header."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(save({"a": torch.zeros(2)}))

    with pytest.raises(CheckpointError, match="is no circumplex checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("keep", [0.3, 0.99])
def test_a_truncated_file_is_refused(saved: Path, keep: float) -> None:
    """Even without its sidecar."""
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * keep)])
    saved.with_name("model.safetensors.sha256").unlink()

    with pytest.raises(CheckpointError, match="is no circumplex checkpoint"):
        load_checkpoint(saved)


def test_one_flipped_bit_is_noticed_without_the_sidecar(saved: Path) -> None:
    """The embedded hash covers the tensors."""
    content = bytearray(saved.read_bytes())
    content[-3] ^= 1
    saved.write_bytes(content)
    saved.with_name("model.safetensors.sha256").unlink()

    with pytest.raises(CheckpointError, match="is damaged"):
        load_checkpoint(saved)


def test_a_changed_setting_is_noticed_without_the_sidecar(saved: Path) -> None:
    """The embedded hash covers the header."""
    header = header_of(saved)
    header["name"] = "better"
    rewrite(saved, header)

    with pytest.raises(CheckpointError, match="is damaged"):
        load_checkpoint(saved)


def test_a_sidecar_that_names_another_file_is_a_mismatch(saved: Path) -> None:
    """The message names both hashes."""
    saved.with_name("model.safetensors.sha256").write_text(f"{'0' * 64}  model.safetensors\n")

    with pytest.raises(CheckpointMismatchError, match=r"SHA-256 [0-9a-f]{12}.*names 000000000000"):
        load_checkpoint(saved)


def test_a_newer_format_is_refused(saved: Path) -> None:
    """The message names both versions and the remedy."""
    header = header_of(saved)
    header["format_version"] = 3
    rewrite(saved, header)

    with pytest.raises(CheckpointError, match=r"format 3; this build reads 2: upgrade"):
        load_checkpoint(saved)


def test_weights_that_do_not_fit_the_config_are_refused(checkpoint: Checkpoint) -> None:
    """A tensor of another size does not load silently."""
    weights: dict[str, Tensor] = dict(checkpoint.weights)
    weights.pop("music_side.mu.bias")

    with pytest.raises(CheckpointError, match=r"do not fit the config.*music_side.mu.bias"):
        replace(checkpoint, weights=weights).build()


def test_another_frontend_is_refused_by_name(checkpoint: Checkpoint) -> None:
    """The message names both frontends."""
    require_frontend(checkpoint, "fake-1")

    with pytest.raises(CheckpointMismatchError, match="features of fake-1, not descriptors-2"):
        require_frontend(checkpoint, "descriptors-2")
