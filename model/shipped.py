"""The checkpoints that are shipped, and which of them is the default.

`fast` reads descriptors and mode. `full` has musicnn beside them: it hears better, takes longer,
needs the package `musicnn` and has another licence (`docs/model-card.md`, ADR 96).
"""

from __future__ import annotations

from pathlib import Path

from model.frontends.musicnn import is_installed

FAST_CHECKPOINT = Path(__file__).parent / "pretrained" / "deam.safetensors"
FULL_CHECKPOINT = FAST_CHECKPOINT.with_name("full.safetensors")

SHIPPED = {"fast": FAST_CHECKPOINT, "full": FULL_CHECKPOINT}


def chosen_checkpoint(checkpoint: Path | None, *, musicnn: bool | None = None) -> Path:
    """The file of a checkpoint.

    Args:
        checkpoint: The file, or a name of `SHIPPED`; None: `full` where musicnn is installed and
            `fast` elsewhere.
        musicnn: Whether it is installed; None: look.
    """
    if checkpoint is not None:
        return SHIPPED.get(str(checkpoint), checkpoint)
    installed = is_installed() if musicnn is None else musicnn
    return FULL_CHECKPOINT if installed else FAST_CHECKPOINT
