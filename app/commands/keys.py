"""`circumplex key`: API keys."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app.commands.common import DataDir, emit, make_settings, notes, plain
from app.errors import InvalidRequestError
from app.http.keys import SCOPES, KeyRing

keys = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")


def _ring(data_dir: DataDir) -> KeyRing:
    return KeyRing(make_settings(data_dir=data_dir).data_dir / "keys.json")


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(SCOPES)}; may be repeated. \\[default: read]"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    key, token = _ring(data_dir).create(name, scope or ["read"])
    notes.print(f"Key {key.id} ({', '.join(key.scopes)}); keep it, it is not shown again:")
    emit(token)


@keys.command("list")
def show(data_dir: DataDir = None) -> None:
    """The keys in use, as JSON, without their secrets."""
    listed = [
        {"id": key.id, "name": key.name, "scopes": key.scopes, "created_at": key.created_at}
        for key in _ring(data_dir).all()
    ]
    emit(json.dumps(listed, indent=2))


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")], data_dir: DataDir = None
) -> None:
    """Make a key useless, at once."""
    if not _ring(data_dir).revoke(key_id):
        raise InvalidRequestError(f"no key {key_id}; `circumplex key list` shows them")
    notes.print(f"Key {plain(key_id)} is revoked.")
