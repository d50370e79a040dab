"""`circumplex emotion`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    emit,
    make_settings,
    notes,
    open_library,
    plain,
)
from app.commands.remote import KeyOption, ServerOption, asked_client
from app.errors import InvalidRequestError
from app.settings import Settings
from app.wire.responses import EmotionResponse
from app.wire.schemas import Scale


def emotion(
    file: Annotated[Path, typer.Argument(help="An audio file.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole curve as JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png or .svg.")] = None,
    scale: Annotated[
        Literal["relative", "absolute"] | None,
        typer.Option(help="relative where there is an index."),
    ] = None,
    similar: Annotated[int, typer.Option(help="How many similar tracks, 0 to 50.")] = 5,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """The emotion of an audio file over time."""
    if not file.is_file():
        raise InvalidRequestError(f"{file} is no file")
    if server is not None:
        with asked_client(server, key, data_dir, checkpoint, device) as client:
            answer = client.emotion(file, scale=scale, similar=similar)
    else:
        settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
        answer = _heard(file, settings, scale, similar)
    if plot is not None:
        from app.figures.png import save_plot

        save_plot(answer, plot, title=file.name)
        notes.print(f"Drawn into {plain(plot)}")
    if as_json:
        emit(answer.model_dump_json(indent=2))
    else:
        _show_emotion(file, answer)


def _heard(file: Path, settings: Settings, scale: Scale | None, similar: int) -> EmotionResponse:
    from app.clips.clips import Clip, clip_emotion

    with open_library(settings) as library:
        live = library.live.current_or_none()
        analysis = library.model.analyse(file)
        return clip_emotion(Clip(analysis, scale, similar), library.model, live)


def _show_emotion(file: Path, answer: EmotionResponse) -> None:
    notes.print(
        f"{plain(file.name)}: {answer.duration_s:.1f} s, valence {answer.mean.valence:+.2f}, "
        f"arousal {answer.mean.arousal:+.2f} ({answer.scale} scale, {answer.model_id})"
    )
    if answer.note is not None:
        notes.print(f"  {plain(answer.note)}")
    for item in answer.similar:
        title = item.track.title or item.track.path
        artist = item.track.artist or "unknown artist"
        notes.print(f"  similar: {plain(title)} ({plain(artist)})")
