"""The version of the installed project."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("circumplex")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "0+unknown"
