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
    subsonic: Annotated[
        bool,
        typer.Option(
            "--subsonic",
            help="For players that send a token and a salt: the key itself is stored, readable by "
            "this user alone. May write too, unless --scope says otherwise.",
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it, this once: only its hash is kept (but see --subsonic)."""
    scopes = scope or (["read", "write"] if subsonic else ["read"])
    key, token = _ring(data_dir).create(name, scopes, readable=subsonic)
    if subsonic:
        notes.print(
            "This key is stored readable in keys.json (mode 600): whoever reads that file has it. "
            f"User name: {plain(name)} or {key.id}; password: the key."
        )
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
    key_id: Annotated[str, typer.Argument(help="Id of the key.")],
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete its listener's own plane too.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key useless, at once."""
    if not _ring(data_dir).revoke(key_id):
        raise InvalidRequestError(f"no key {key_id}; `circumplex key list` shows them")
    notes.print(f"Key {plain(key_id)} is revoked.")
    if forget:
        from app.opening import opened_catalog  # the database is opened for nothing else

        with opened_catalog(make_settings(data_dir=data_dir)) as catalog:
            gone = catalog.delete_profile(key_id)
        notes.print(f"Its listener's plane is deleted: {gone} answers.")
