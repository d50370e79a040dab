"""The environment as operators write it: secrets in files, and names that are no setting."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

PREFIX = "CIRCUMPLEX_"
FILE = "_FILE"
SECRETS = ("database_url", "database_password", "admin_token", "server_password")
"""Settings that may lie in a file, which `…_FILE` names."""
DATA_SETS = "CIRCUMPLEX_SHARED_DATA"  # read by `circumplex train` and `evaluate`
MOST_SECRET_BYTES = 64 * 1024


def variable(field: str) -> str:
    """The variable of a setting: `port` is `CIRCUMPLEX_PORT`."""
    return PREFIX + field.upper()


class SecretFiles(PydanticBaseSettingsSource):
    """Settings read from the files that `CIRCUMPLEX_…_FILE` name; the last line break is no part.

    Raises:
        SettingsError: A file cannot be read, or the variable itself is set too.
    """

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str] = os.environ):
        super().__init__(settings_cls)
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the setting's file; None where none is named."""
        named = self._environ.get(variable(field_name) + FILE)
        if field_name not in SECRETS or not named:
            return None, field_name, False
        if self._environ.get(variable(field_name)):
            raise SettingsError(
                f"{variable(field_name)} and {variable(field_name)}{FILE} are both set: keep one"
            )
        try:
            with Path(named).open(encoding="utf-8") as file:
                content = file.read(MOST_SECRET_BYTES).rstrip("\r\n")
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or "it is no text"
            raise SettingsError(
                f"{variable(field_name)}{FILE}: {named} cannot be read: {reason}"
            ) from exc
        if not content:
            raise SettingsError(f"{variable(field_name)}{FILE}: {named} is empty")
        return content, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The settings that files hold."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def unknown_variables(fields: Collection[str], environ: Mapping[str, str]) -> list[str]:
    """One line for each variable that looks like a setting and is none, with the nearest name.

    Args:
        fields: Names of the settings.
        environ: The environment. Letter case does not matter, as for the settings themselves.
    """
    known = [variable(field) for field in fields]
    known += [variable(field) + FILE for field in SECRETS if field in fields]
    lines = []
    for name in sorted(environ):
        upper = name.upper()
        if upper in known or upper == DATA_SETS:
            continue
        near = _nearest(upper, known)
        if upper.startswith(PREFIX) or (near and upper.startswith("CIRC")):
            hint = f"did you mean {near}?" if near else "docs/settings.md lists them"
            lines.append(f"{name} is no setting and has no effect: {hint}")
    return lines


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """The setting that is spelt most like a name; None where none is."""
    if name.startswith(PREFIX):  # what all have in common tells nothing
        ends = [one.removeprefix(PREFIX) for one in known]
        found = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1)
        return PREFIX + found[0] if found else None
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.9)), None)
