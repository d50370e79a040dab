"""`circumplex feel`: where a listener feels tracks."""

from __future__ import annotations

from typing import Annotated

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    active,
    emit,
    make_settings,
    notes,
    open_library,
)
from app.errors import InvalidRequestError
from app.http.keys import KeyRing

Coordinate = Annotated[float | None, typer.Option(min=-1.0, max=1.0, help="-1 to 1.")]


def feel(
    track: Annotated[int | None, typer.Argument(help="Id of a track.")] = None,
    valence: Coordinate = None,
    arousal: Coordinate = None,
    scale: Annotated[str, typer.Option(help="relative or absolute.")] = "relative",
    skip: Annotated[bool, typer.Option("--skip", help="Do not ask about it again.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget what was said of the track; without one, all.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--list", help="What was said and learned, as JSON.")
    ] = False,
    ask: Annotated[
        int | None, typer.Option("--next", min=1, max=20, help="Tracks to ask about, as JSON.")
    ] = None,
    weight: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="How much of what was learned counts."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Id of a key whose profile it is. \\[default: the machine's]")
    ] = None,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
) -> None:
    """Say where you feel a track, and see what is learned from it."""
    placing = valence is not None or arousal is not None or skip
    wanted = [placing, forget, show, ask is not None, weight is not None]
    if sum(wanted) != 1 or (placing and track is None):
        raise typer.BadParameter(
            "give TRACK with --valence and --arousal (or --skip), or one of --forget, --list, "
            "--next and --weight"
        )
    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    if key is not None and not KeyRing(settings.data_dir / "keys.json").named(key):
        raise InvalidRequestError(f"no key {key}; `circumplex key list` shows them")
    from app.personal import profile
    from app.personal.planes import Planes

    owner = profile.owner_called(key)
    with open_library(settings) as library:
        live = active(library, settings)
        planes = Planes(library.catalog, lambda _: library.model)
        if placing and track is not None:
            said = profile.said_of(valence, arousal, scale, skipped=skip)
            library.catalog.place(owner, *profile.spoken_of(track, said, live, planes))
        elif forget and track is not None:
            library.catalog.unplace(owner, profile.forgotten(track, owner, live, planes))
        elif forget:
            gone = library.catalog.forget_listener(owner)
            notes.print(f"{gone} answers are forgotten.")
        elif weight is not None:
            library.catalog.weigh_profile(owner, weight)
        if ask is not None:
            emit(profile.next_tracks(owner, live, planes, ask).model_dump_json(indent=2))
        elif track is not None:
            emit(profile.answer_of(track, owner, live, planes).model_dump_json(indent=2))
        else:
            emit(profile.profile_out(owner, live, planes).model_dump_json(indent=2))
