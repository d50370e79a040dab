"""Which checkpoint is taken."""

from __future__ import annotations

from pathlib import Path

from model.shipped import FAST_CHECKPOINT, FULL_CHECKPOINT, chosen_checkpoint


def test_the_default_is_full_where_its_package_is_installed() -> None:
    """Without musicnn it is `fast`, which needs nothing further."""
    assert chosen_checkpoint(None, musicnn=True) == FULL_CHECKPOINT
    assert chosen_checkpoint(None, musicnn=False) == FAST_CHECKPOINT


def test_names_and_files_are_taken_as_given() -> None:
    """A name stands for a shipped file, whatever is installed; anything else is a path."""
    assert chosen_checkpoint(Path("fast"), musicnn=True) == FAST_CHECKPOINT
    assert chosen_checkpoint(Path("full"), musicnn=False) == FULL_CHECKPOINT
    assert chosen_checkpoint(Path("my.safetensors")) == Path("my.safetensors")
