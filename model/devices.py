"""Where torch computes."""

from __future__ import annotations

import torch

from model.errors import CheckpointError


def resolve_device(name: str) -> torch.device:
    """`auto` as the GPU where there is one and the CPU elsewhere; other names as they are.

    Raises:
        CheckpointError: A GPU is asked for that torch does not see.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as exc:
        raise CheckpointError(f"no device {name!r}: use auto, cpu, cuda or cuda:N") from exc
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise CheckpointError(
            f"device {name!r} is not there (torch sees {torch.cuda.device_count()} GPUs): "
            "use auto or cpu"
        )
    return device
