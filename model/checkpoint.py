"""Checkpoints: one `.safetensors` file with everything needed to embed and to score.

Tensors: `weights/…` the networks with their input transforms, `cca/…` the fitted CCA, `scoring/…`
correlations and regression lines, `mean_head/…` the regression head, `dynamics/…` what louder parts
add, `novelty/…` the distance from the training songs, `experts/…` late experts, `columns/highest`
how far columns are read. One metadata entry holds the rest as JSON, with a SHA-256 over all of it,
so that damage is noticed even without the sidecar `<file>.sha256` that `save_checkpoint` writes
beside it. Equal checkpoints give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from model.arrays import Floats
from model.audio.dynamics import Dynamics
from model.cca import CcaState
from model.curves.estimation import CurveSettings
from model.emer import Emer, EmerConfig, build_emer
from model.errors import CheckpointError, CheckpointMismatchError
from model.experts import Experts
from model.novelty import Novelty
from model.regression import MeanHead
from model.scoring import ScoringParams

FORMAT_VERSION = 2
METADATA_KEY = "circumplex"
REMEDY = "train one with `circumplex train`, or point CIRCUMPLEX_CHECKPOINT at a good one"


@dataclass(frozen=True)
class Checkpoint:
    """A trained model.

    Attributes:
        name: Short name, the first part of the model's id.
        frontend_id: `<name>-<version>` of the frontend whose features it reads.
        columns: Names of the frontend's columns that its networks read, in their order.
        config: Shape of the networks.
        weights: Their state dict, input transforms included.
        cca: The fitted CCA.
        scoring: Correlations, regression lines, lambdas.
        mean_head: Regression head for mean arousal and valence.
        dynamics: What louder parts of a piece add.
        novelty: How much less is known of music unlike the training songs.
        curve: Settings of the emotion curve.
        experts: Cues that its training table does not have; None: none.
        emphasis: What says valence once more, [2], see `model.late_dimensions`; None in files that
            were made before there was such a dimension.
        highest: Larger values of a column are read as this one, [F], infinite where none are; None
            in files that were made before contrasts had a bound (ADR 102).
        notes: Where it comes from: dataset, seed, figures; plain JSON values.
    """

    name: str
    frontend_id: str
    columns: tuple[str, ...]
    config: EmerConfig
    weights: Mapping[str, Tensor]
    cca: CcaState
    scoring: ScoringParams
    mean_head: MeanHead
    dynamics: Dynamics
    novelty: Novelty
    curve: CurveSettings = field(default_factory=CurveSettings)
    experts: Experts | None = None
    emphasis: NDArray[np.float64] | None = None
    highest: Floats | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Emer:
        """The networks with their weights, in evaluation mode.

        Raises:
            CheckpointError: The weights do not fit the config.
        """
        model = build_emer(self.config)
        try:
            model.load_state_dict(dict(self.weights))
        except RuntimeError as exc:
            reason = " ".join(str(exc).split())
            raise CheckpointError(f"weights do not fit the config ({reason}); {REMEDY}") from exc
        return model.eval()


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A checkpoint, the id that names its exact bytes, and its file; None: made in memory."""

    checkpoint: Checkpoint
    model_id: str
    path: Path | None = None


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """The file's content; equal checkpoints give equal bytes."""
    tensors = _tensors(checkpoint)
    header = _header(checkpoint)
    header["content_sha256"] = _digest(header, tensors)
    # A single metadata key: the order of several is not defined.
    return save_tensors(tensors, metadata={METADATA_KEY: _canonical(header)})


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> str:
    """Write the file and its sidecar `<file>.sha256`, each replaced in one step.

    Returns:
        The model id.
    """
    content = checkpoint_bytes(checkpoint)
    digest = hashlib.sha256(content).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, content)
    _replace(_sidecar(path), f"{digest}  {path.name}\n".encode())
    return _model_id(checkpoint.name, digest)


def load_checkpoint(path: Path) -> LoadedCheckpoint:
    """Read and verify a checkpoint.

    Raises:
        CheckpointError: Missing, unreadable, damaged, or of a newer format.
        CheckpointMismatchError: The content is not what the sidecar's hash names.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise CheckpointError(f"no checkpoint at {path} ({exc.strerror}); {REMEDY}") from exc
    digest = hashlib.sha256(content).hexdigest()
    _check_sidecar(path, digest)
    header, tensors = _parse(path, content)
    try:
        checkpoint = _assemble(header, tensors)
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(f"{path} lacks or misnames {exc}; {REMEDY}") from exc
    return LoadedCheckpoint(checkpoint, _model_id(checkpoint.name, digest), path)


def require_frontend(checkpoint: Checkpoint, frontend_id: str) -> None:
    """Refuse features that the checkpoint was not trained on.

    Raises:
        CheckpointMismatchError: The ids differ; the message names both.
    """
    if checkpoint.frontend_id != frontend_id:
        raise CheckpointMismatchError(
            f"checkpoint {checkpoint.name} reads features of {checkpoint.frontend_id}, not "
            f"{frontend_id}: analyse the audio again with {checkpoint.frontend_id}, or {REMEDY}"
        )


def _header(checkpoint: Checkpoint) -> dict[str, Any]:
    scoring = checkpoint.scoring
    return {
        "format_version": FORMAT_VERSION,
        "name": checkpoint.name,
        "frontend_id": checkpoint.frontend_id,
        "columns": list(checkpoint.columns),
        "config": checkpoint.config.to_dict(),
        "scoring": {
            name: getattr(scoring, name)
            for name in ("kind", "lambda_gaussian", "lambda_paper", "min_rho")
        },
        "mean_head": {"gamma": checkpoint.mean_head.gamma},
        "curve": checkpoint.curve.to_dict(),
        "experts": _experts_header(checkpoint.experts),
        "notes": dict(checkpoint.notes),
    }


def _tensors(checkpoint: Checkpoint) -> dict[str, Tensor]:
    groups: dict[str, Mapping[str, Any]] = {
        "weights": checkpoint.weights,
        "cca": vars(checkpoint.cca),
        "scoring": vars(checkpoint.scoring),
        "mean_head": vars(checkpoint.mean_head),
        "dynamics": vars(checkpoint.dynamics),
        "novelty": vars(checkpoint.novelty),
        "experts": {} if checkpoint.experts is None else vars(checkpoint.experts),
        "emphasis": {} if checkpoint.emphasis is None else {"along": checkpoint.emphasis},
        "columns": {} if checkpoint.highest is None else {"highest": checkpoint.highest},
    }
    return {
        f"{group}/{name}": torch.as_tensor(value).detach().cpu().contiguous().clone()
        for group, values in groups.items()
        for name, value in values.items()
        if isinstance(value, Tensor | np.ndarray)
    }


def _assemble(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Checkpoint:
    def group(prefix: str) -> dict[str, Any]:
        start = f"{prefix}/"
        return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}

    def arrays(prefix: str) -> dict[str, Any]:
        return {name: tensor.numpy() for name, tensor in group(prefix).items()}

    return Checkpoint(
        name=header["name"],
        frontend_id=header["frontend_id"],
        columns=tuple(header["columns"]),
        config=EmerConfig.from_dict(header["config"]),
        weights=group("weights"),
        cca=CcaState(**arrays("cca")),
        scoring=ScoringParams(**header["scoring"], **group("scoring")),
        mean_head=MeanHead(**header["mean_head"], **arrays("mean_head")),
        dynamics=Dynamics(**arrays("dynamics")),
        novelty=Novelty(**arrays("novelty")),
        curve=CurveSettings.from_dict(header["curve"]),
        experts=_experts(header["experts"], arrays("experts")),
        emphasis=arrays("emphasis").get("along"),
        highest=arrays("columns").get("highest"),
        notes=header["notes"],
    )


def _experts_header(experts: Experts | None) -> dict[str, list[str]] | None:
    if experts is None:
        return None
    return {"names": list(experts.names), "columns": list(experts.columns)}


def _experts(header: Mapping[str, Any] | None, arrays: Mapping[str, Any]) -> Experts | None:
    if header is None:
        return None
    return Experts(tuple(header["names"]), tuple(header["columns"]), **arrays)


def _parse(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a verified file."""
    try:
        tensors = load_tensors(content)
        length = int.from_bytes(content[:8], "little")  # of the safetensors header
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        header: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    except (SafetensorError, ValueError, KeyError) as exc:
        raise CheckpointError(f"{path} is no circumplex checkpoint ({exc}); {REMEDY}") from exc
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}; this build reads {FORMAT_VERSION}: "
            "upgrade circumplex, or train again with `circumplex train`"
        )
    if header.pop("content_sha256", None) != _digest(header, tensors):
        raise CheckpointError(f"{path} is damaged: its content hash does not match; {REMEDY}")
    return header, tensors


def _digest(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the header and every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(_canonical(header).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _canonical(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _check_sidecar(path: Path, digest: str) -> None:
    sidecar = _sidecar(path)
    if not sidecar.is_file():
        return
    named = (sidecar.read_text(encoding="utf-8").split() or [""])[0]
    if named != digest:
        raise CheckpointMismatchError(
            f"{path} has SHA-256 {digest[:12]}…, but {sidecar.name} names {named[:12]}…: "
            f"restore the file, or {REMEDY}"
        )


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _replace(path: Path, content: bytes) -> None:
    aside = path.with_name(f"{path.name}.new")
    aside.write_bytes(content)
    aside.replace(path)


def _model_id(name: str, digest: str) -> str:
    return f"{name}-{digest[:12]}"
