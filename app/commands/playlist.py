"""`circumplex playlist`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer
from pydantic import ValidationError
from rich.table import Table

from app.commands.common import (
    Checkpoint,
    DataDir,
    Device,
    Output,
    emit,
    explain_error,
    make_settings,
    notes,
    open_library,
    own,
    plain,
)
from app.commands.naming import below_root, described, seen_from, track_called
from app.commands.remote import KeyOption, ServerOption, asked_client, track_there
from app.errors import InvalidRequestError
from app.wire.responses import PlaylistResponse
from app.wire.schemas import PlaylistRequest
from app.wire.terms import parsed_terms
from indexer.storage import replace_file

if TYPE_CHECKING:
    from app.library.live import Live
    from app.playlists.formats import FormatName, Locate
    from app.services import Library

Format = Literal["table", "json", "m3u8", "xspf", "jspf", "csv"]
DAY_S = 86_400.0
NotAgain = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=10_000.0,
        help="Leave out what was heard in the last so many days, as far as other music is there.",
    ),
]
FILE_FORMATS = ("json", "m3u8", "xspf", "jspf", "csv")


def playlist(
    mood: Annotated[str | None, typer.Option(help="A mood word, such as calm.")] = None,
    feeling: Annotated[
        str | None,
        typer.Option(help="A feeling in your own words, such as 'sad but hopeful'."),
    ] = None,
    valence: Annotated[
        float | None, typer.Option(min=-1.0, max=1.0, help="-1 unpleasant … 1 pleasant.")
    ] = None,
    arousal: Annotated[
        float | None, typer.Option(min=-1.0, max=1.0, help="-1 sleepy … 1 activated.")
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(help='JSON: a list of {"t", "valence", "arousal"}; - reads standard input.'),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="Music like this: a title, words of its title or artist, or its file; may be "
            "repeated."
        ),
    ] = None,
    track: Annotated[
        list[int] | None, typer.Option(help="Music like the track of this id; may be repeated.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=500, help="Most tracks. \\[default: 20]")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, max=1440.0, help="About how long it should last.")
    ] = None,
    mode: Annotated[
        Literal["match", "journey"] | None,
        typer.Option(
            help="match: all resemble it; journey: follow it through time, as a feeling that is a "
            "sequence does by itself. \\[default: match]"
        ),
    ] = None,
    level: Annotated[
        Literal["track", "segment"],
        typer.Option(help="What resembles it: whole tracks, or single moments of them."),
    ] = "track",
    scale: Annotated[
        Literal["relative", "absolute"], typer.Option(help="Of valence, arousal and curve.")
    ] = "relative",
    genre: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    artist: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    let_in: Annotated[
        list[str] | None,
        typer.Option(
            "--include",
            help="What may appear besides music: speech, noise or short; may be repeated.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--not",
            help="None of these: genre:, artist:, album:, folder:, title:, decade: or length: "
            "with a value, such as title:live or length:0-60 (seconds); may be repeated.",
        ),
    ] = None,
    max_per_artist: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=500,
            help="Most tracks by one artist. \\[default: two in twenty, as far as others are "
            "there]",
        ),
    ] = None,
    any_artist: Annotated[
        bool, typer.Option("--any-artist", help="Any number of tracks by one artist.")
    ] = False,
    variety: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="0: the best list; more: others that fit.")
    ] = 0.0,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="The same seed, the same list.")
    ] = None,
    not_again: NotAgain = None,
    format: Annotated[
        Format | None,
        typer.Option(help="\\[default: by the ending of --output, else table; json in pipes]"),
    ] = None,
    output: Output = None,
    data_dir: DataDir = None,
    checkpoint: Checkpoint = None,
    device: Device = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """Music that feels like a mood, a point of the plane, tracks, or a curve over time."""
    asked = _emotion(mood, feeling, valence, arousal, curve, track, like)
    chosen = _format(format, output)
    values: dict[str, Any] = {
        "level": level,
        "scale": scale,
        "variety": variety,
        "seed": seed,
        "filters": {
            "genre": genre or [],
            "artist": artist or [],
            "exclude": _terms_of(without or []),
            "include": {"verdict": let_in or []},
        },
    }
    if mode is not None:
        values["mode"] = mode
    if any_artist or max_per_artist is not None:
        values["max_per_artist"] = max_per_artist
    if limit is not None:
        values["limit"] = limit
    if minutes is not None:
        values["duration_s"] = 60.0 * minutes
    if not_again is not None:
        values["not_again_s"] = DAY_S * not_again
    if server is not None:
        with asked_client(server, key, data_dir, checkpoint, device) as client:
            found = [track_there(words, client) for words in like or []]
            if like:
                asked = {"tracks": [*(track or []), *(each.id for each in found)]}
            question = request_of({"emotion": asked, **values})
            answer = client.playlist(question)
            tell(answer)
            write_there(answer, chosen, output, lambda form: client.playlist_file(question, form))
        return
    settings = make_settings(data_dir=data_dir, checkpoint=checkpoint, device=device)
    with open_library(settings) as library:
        live, named = own(library, settings), mood or feeling or mode or "match"
        if like:
            meant = [track_called(words, library.catalog) for words in like]
            asked = {"tracks": [*(track or []), *(each.id for each in meant)]}
            named = f"like {' and '.join(map(described, meant))}"
            notes.print(f"Music {plain(named)}")
        question = request_of({"emotion": asked, **values})
        answer = _answer(question, library, live)
        tell(answer)
        tracks = live.snapshot.tracks
        locate = below_root(tracks) if output is None else seen_from(output, tracks)
        write_answer(answer, chosen, output, f"Circumplex {named}", locate)


def _answer(question: PlaylistRequest, library: Library, live: Live) -> PlaylistResponse:
    from app.playlists.match import make_playlist
    from app.playlists.recency import stepping_back

    make = partial(make_playlist, model=library.model, live=live)
    heard = library.catalog.heard_lately(None, question.not_again_s)
    return stepping_back(question, heard, make)[0]


def tell(answer: PlaylistResponse) -> None:
    """What the listener should know of how the question was read."""
    if answer.note:
        notes.print(f"Note: {plain(answer.note)}")
    read = answer.understood
    if read is not None:
        notes.print(f"Understood: {plain(read.words)}")
        for word in read.not_understood:
            near = f"; near: {', '.join(word.near)}" if word.near else ""
            notes.print(f"Not understood: {plain(word.text + near)}")
    if answer.variety is not None and answer.variety.amount:
        told = answer.variety
        notes.print(
            f"Seed {told.seed}: {told.replaced} of {len(answer.items)} tracks are not in the best "
            f"list; mean score {told.below_best:.3f} below it"
        )
    if answer.not_again is not None:
        stepped = answer.not_again
        notes.print(f"Heard lately: {stepped.heard}; left out: {stepped.left_out}")
    for missing in answer.unmatched:
        near = f"; near: {', '.join(missing.near)}" if missing.near else ""
        notes.print(f"No track has {plain(f'{missing.filter} {missing.value}{near}')}")


def _format(asked: Format | None, output: Path | None) -> Format:
    if asked is not None:
        return asked
    if output is None:
        return "table" if sys.stdout.isatty() else "json"
    ending = output.suffix.lower().lstrip(".")
    if ending not in FILE_FORMATS:
        raise typer.BadParameter(
            f"{output} ends in none of {', '.join(FILE_FORMATS)}: name a --format"
        )
    return cast(Format, ending)


def write_answer(
    answer: PlaylistResponse, chosen: str, output: Path | None, title: str, locate: Locate
) -> None:
    """Write a playlist in a format, to standard output or into a file."""
    from app.playlists.formats import render

    if chosen == "table":
        notes.print(playlist_table(answer))
        return
    left_out: tuple[str, ...] = ()
    if chosen == "json":
        content = answer.model_dump_json(by_alias=True, indent=2).encode()
    else:
        file = render(answer, cast("FormatName", chosen), title, locate)
        content, left_out = file.content, file.left_out
    for path in left_out:
        notes.print(f"[yellow]left out[/], {chosen} cannot name it: {plain(path)}")
    deliver(content, output)
    if output is not None:
        written = len(answer.items) - len(left_out)
        notes.print(f"{written} tracks are written into {plain(output)}")


def write_there(
    answer: PlaylistResponse, chosen: str, output: Path | None, file: Callable[[Any], bytes]
) -> None:
    """Write what a service answered; its files name tracks by their addresses there."""
    if chosen in {"table", "json"}:
        write_answer(answer, chosen, output, "", lambda track: track.path)
        return
    deliver(file(chosen), output)
    if output is not None:
        notes.print(f"Written into {plain(output)}")


def deliver(content: bytes, output: Path | None) -> None:
    """Write a file's content to standard output or into a file.

    Raises:
        InvalidRequestError: The file cannot be written.
    """
    content = content.rstrip(b"\n") + b"\n"
    if output is None:
        emit(content)
        return
    try:
        replace_file(output, content)
    except OSError as exc:
        raise InvalidRequestError(f"{output} cannot be written: {exc.strerror}") from exc


def playlist_table(answer: PlaylistResponse) -> Table:
    """A playlist for a person."""
    table = Table(
        title=f"{answer.mode} · {answer.scale} scale · {'exact' if answer.exact else 'approximate'}"
    )
    for heading, justify in (
        ("#", "right"),
        ("title", "left"),
        ("artist", "left"),
        ("from", "right"),
        ("score", "right"),
        ("valence", "right"),
        ("arousal", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for item in answer.items:
        table.add_row(
            str(item.rank),
            plain(item.track.title or item.track.path),
            plain(item.track.artist or ""),
            f"{item.segment.start_s:.0f} s",
            f"{item.score:.2f}",
            f"{item.valence:+.2f}",
            f"{item.arousal:+.2f}",
        )
    return table


def _terms_of(texts: list[str]) -> dict[str, Any]:
    """`genre:rock` and its kind as the terms of a filter."""
    try:
        return parsed_terms(texts).model_dump(exclude_defaults=True)
    except ValueError as exc:
        raise typer.BadParameter(f"--not {exc}") from exc


def _emotion(
    mood: str | None,
    feeling: str | None,
    valence: float | None,
    arousal: float | None,
    curve: Path | None,
    track: list[int] | None,
    like: list[str] | None,
) -> dict[str, Any]:
    given: list[dict[str, Any]] = []
    if mood is not None:
        given.append({"mood": mood})
    if feeling is not None:
        given.append({"text": feeling})
    if valence is not None or arousal is not None:
        point = {"t": 0.0, "valence": valence or 0.0, "arousal": arousal or 0.0}
        given.append({"curve": [point]})
    if curve is not None:
        given.append({"curve": read_curve(curve)})
    if track or like:
        given.append({"tracks": track})
    if len(given) != 1:
        raise typer.BadParameter(
            "give exactly one of --mood, --feeling, --valence with --arousal, --curve, and --like "
            "or --track"
        )
    return given[0]


def read_curve(path: Path) -> Any:
    """The curve of a JSON file; `-` reads standard input.

    Raises:
        InvalidRequestError: It is none.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as exc:
        raise InvalidRequestError(f"{path}: {exc}") from exc
    return document.get("curve") if isinstance(document, dict) else document


def request_of(values: Any) -> PlaylistRequest:
    """A playlist request of plain values.

    Raises:
        InvalidRequestError: A value cannot be used; says which.
    """
    try:
        return PlaylistRequest.model_validate(values)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidRequestError(f"{where}: {explain_error(ValueError(first['msg']))}") from exc
