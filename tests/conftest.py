"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Machines are shared: an example may take its time.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of datasets beside the checkout; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("CIRCUMPLEX_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "PROVENANCE.md").is_file():
        pytest.skip(f"no datasets at {folder}: set CIRCUMPLEX_SHARED_DATA to run this test")
    return folder


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
