"""Playlists as files that players read: M3U8, XSPF, JSPF, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote
from xml.sax.saxutils import escape

import pydantic_core

from app.errors import NotAcceptableError
from app.wire.printable import printable_line, spreadsheet_cell, spreadsheet_path
from app.wire.responses import (
    IdentifiersOut,
    PlaylistItem,
    PlaylistResponse,
    SegmentOut,
    TrackOut,
)
from indexer.folders.files import file_path

FormatName = Literal["json", "m3u8", "xspf", "jspf", "csv"]
Locate = Callable[[TrackOut], str]

MEDIA_TYPES: dict[FormatName, str] = {
    "json": "application/json",
    "m3u8": "application/vnd.apple.mpegurl",
    "xspf": "application/xspf+xml",
    "jspf": "application/jspf+json",
    "csv": "text/csv",
}
DOCUMENTED = {
    media_type: {"schema": {"type": "object" if name == "jspf" else "string"}}
    for name, media_type in MEDIA_TYPES.items()
    if name != "json"
}
MUSICBRAINZ = "https://musicbrainz.org"
TRACK_EXTENSION = f"{MUSICBRAINZ}/doc/jspf#track"  # as ListenBrainz defines it
NO_IDENTIFIERS = IdentifiersOut.model_validate({})
ALIASES = {
    "application/x-mpegurl": "m3u8",
    "audio/mpegurl": "m3u8",
    "audio/x-mpegurl": "m3u8",
    "application/mpegurl": "m3u8",
    "application/xml": "xspf",
    "text/xml": "xspf",
    "*/*": "json",
    "application/*": "json",
    "text/*": "csv",
    "audio/*": "m3u8",
} | {media_type: name for name, media_type in MEDIA_TYPES.items()}


@dataclass(frozen=True)
class ArrangedPlace:
    """One place of a list that its listener arranged; scores are None where it was not ranked."""

    rank: int
    track: TrackOut
    segment: SegmentOut
    score: float | None
    rho_sim: float | None
    neg_kl: float | None
    valence: float
    arousal: float


@dataclass(frozen=True)
class ArrangedList:
    """A list that its listener arranged."""

    snapshot_id: str
    model_id: str
    scale: str
    items: Sequence[ArrangedPlace]


Listing = PlaylistResponse | ArrangedList


@dataclass(frozen=True)
class Rendered:
    """A playlist as a file.

    Attributes:
        content: The file.
        media_type: Its media type.
        file_name: A name for it.
        left_out: Paths of tracks that the format cannot name.
    """

    content: bytes
    media_type: str
    file_name: str
    left_out: tuple[str, ...] = ()


def negotiate(asked: FormatName | None, accept: str | None) -> FormatName:
    """The format to answer in: `?format=` first, then the `Accept` header, then JSON.

    Raises:
        NotAcceptableError: `Accept` names only formats that do not exist.
    """
    if asked is not None:
        return asked
    if accept is None or not accept.strip():
        return "json"
    for media_type in _preferred(accept):
        name = ALIASES.get(media_type)
        if name is not None:
            return name  # type: ignore[return-value]
    raise NotAcceptableError(
        f"playlists come as {', '.join(MEDIA_TYPES.values())}; none of them is in Accept: {accept}"
    )


def _preferred(accept: str) -> list[str]:
    """Media types of an `Accept` header, the most wanted first; those with q=0 are left out."""
    weighted = []
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights = [piece[2:] for piece in parameters if piece.startswith("q=")]
        try:
            weight = float(weights[0]) if weights else 1.0
        except ValueError:
            weight = 1.0
        if weight > 0:
            weighted.append((-weight, media_type))
    return [media_type for _, media_type in sorted(weighted, key=lambda pair: pair[0])]


def render(playlist: Listing, name: FormatName, title: str, locate: Locate) -> Rendered:
    """The playlist as a file of the format `name`.

    Args:
        playlist: What to write.
        name: Any format but `json`.
        title: Title of the playlist.
        locate: Gives the URI reference or the path of a track.

    Returns:
        The file, UTF-8 but for the bytes of file names that are not. A track that the format cannot
        name is left out: another name would be another file's.
    """
    left_out: tuple[str, ...] = ()
    if name == "m3u8":
        left_out = tuple(i.track.path for i in playlist.items if not fits_m3u(locate(i.track)))
    content = _RENDERERS[name](playlist, printable_line(title), locate)
    stem = re.sub(r"[^\w-]+", "-", title.lower(), flags=re.ASCII).strip("-") or "playlist"
    suffix = "jspf" if name == "jspf" else name
    media_type = MEDIA_TYPES[name]
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    written = content.encode("utf-8", "surrogateescape")
    return Rendered(written, media_type, f"{stem[:60]}.{suffix}", left_out)


def _m3u8(playlist: Listing, title: str, locate: Locate) -> str:
    lines = ["#EXTM3U", f"#PLAYLIST:{title}"]
    for item in playlist.items:
        location = locate(item.track)
        if not fits_m3u(location):
            lines.append(f"# left out, a line cannot name it: {printable_line(item.track.path)}")
            continue
        seconds = -1 if item.track.duration_s is None else round(item.track.duration_s)
        lines.append(f"#EXTINF:{seconds},{printable_line(_display(item.track))}")
        lines.append(_m3u_location(location))
    return "\n".join(lines) + "\n"


def fits_m3u(location: str) -> bool:
    """Whether a line of an M3U file can hold the location: it cannot hold a line break."""
    return "\n" not in location and "\r" not in location


def _m3u_location(location: str) -> str:
    """A location that no reader takes for a comment, a protocol, or a folder of another machine.

    Players drop blanks before they look, and some read a leading backslash as a slash.
    """
    is_url = re.match(r"https?://", location) is not None
    looks_other = re.match(r"[#\\\s]", location) is not None or ":" in location.split("/")[0]
    return f"./{location}" if looks_other and not is_url else location


def _xspf(playlist: Listing, title: str, locate: Locate) -> str:
    head = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<playlist version="1" xmlns="http://xspf.org/ns/0/">',
        f"  <title>{escape(title)}</title>",
        f"  <annotation>{escape(_annotation(playlist))}</annotation>",
        "  <trackList>",
    ]
    tracks = [_xspf_track(item, locate) for item in playlist.items]
    return "\n".join([*head, *tracks, "  </trackList>", "</playlist>"]) + "\n"


def _xspf_track(item: PlaylistItem | ArrangedPlace, locate: Locate) -> str:
    track = item.track
    duration_ms = None if track.duration_s is None else str(round(track.duration_s * 1000))
    fields = [
        ("location", quote_location(locate(track))),
        ("identifier", recording_page(track)),
        ("title", track.title),
        ("creator", track.artist),
        ("annotation", _item_annotation(item)),
        ("album", track.album),
        ("trackNum", _track_number(track)),
        ("duration", duration_ms),
    ]
    inner = [f"      <{tag}>{escape(printable_line(text))}</{tag}>" for tag, text in fields if text]
    return "\n".join(["    <track>", *inner, "    </track>"])


def _jspf(playlist: Listing, title: str, locate: Locate) -> str:
    tracks = [
        {
            "location": [quote_location(locate(item.track))],
            "identifier": _as_list(recording_page(item.track)),
            "title": item.track.title,
            "creator": item.track.artist,
            "album": item.track.album,
            "annotation": _item_annotation(item),
            "duration": None
            if item.track.duration_s is None
            else round(item.track.duration_s * 1000),
            "trackNum": _place(item.track).track_number,
            "extension": _listenbrainz(item.track),
        }
        for item in playlist.items
    ]
    document = {
        "playlist": {
            "title": title,
            "annotation": _annotation(playlist),
            "track": [{k: v for k, v in track.items() if v is not None} for track in tracks],
        }
    }
    return pydantic_core.to_json(document, indent=2).decode() + "\n"


def recording_page(track: TrackOut) -> str | None:
    """The page of the recording at MusicBrainz, where its id is known."""
    mbid = _place(track).recording_mbid
    return f"{MUSICBRAINZ}/recording/{mbid}" if mbid else None


def _listenbrainz(track: TrackOut) -> dict[str, Any] | None:
    """What ListenBrainz says of a track in JSPF, as far as it is known here."""
    known = _place(track)
    said = {
        "artist_identifiers": [f"{MUSICBRAINZ}/artist/{mbid}" for mbid in known.artist_mbids],
        "release_identifier": f"{MUSICBRAINZ}/release/{known.release_mbid}"
        if known.release_mbid
        else None,
        "additional_metadata": {"isrcs": known.isrcs} if known.isrcs else None,
    }
    found = {name: value for name, value in said.items() if value}
    return {TRACK_EXTENSION: found} if found else None


def _place(track: TrackOut) -> IdentifiersOut:
    return track.identifiers or NO_IDENTIFIERS


def _track_number(track: TrackOut) -> str | None:
    number = _place(track).track_number
    return None if number is None else str(number)


def _as_list(value: str | None) -> list[str] | None:
    return None if value is None else [value]


CSV_COLUMNS: Sequence[str] = (
    "rank",
    "track_id",
    "title",
    "artist",
    "album",
    "genre",
    "year",
    "duration_s",
    "path",
    "start_s",
    "end_s",
    "score",
    "rho_sim",
    "neg_kl",
    "valence",
    "arousal",
    "album_artist",
    "track_number",
    "disc_number",
    "recording_mbid",
    "release_mbid",
    "artist_mbids",
    "isrcs",
)


def _csv(playlist: Listing, title: str, locate: Locate) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(CSV_COLUMNS)
    for item in playlist.items:
        track, segment = item.track, item.segment
        writer.writerow(
            [
                item.rank,
                track.id,
                *(spreadsheet_cell(text or "") for text in _texts(track)),
                track.year,
                track.duration_s,
                _path_cell(locate(track), track.path),
                segment.start_s,
                segment.end_s,
                item.score,
                item.rho_sim,
                item.neg_kl,
                item.valence,
                item.arousal,
                *_csv_identifiers(_place(track)),
            ]
        )
    return text.getvalue()


def _texts(track: TrackOut) -> tuple[str | None, ...]:
    return track.title, track.artist, track.album, track.genre


def _csv_identifiers(known: IdentifiersOut) -> list[str | int | None]:
    return [
        spreadsheet_cell(known.album_artist or ""),
        known.track_number,
        known.disc_number,
        known.recording_mbid,
        known.release_mbid,
        ";".join(known.artist_mbids),
        ";".join(known.isrcs),
    ]


def _path_cell(location: str, stored: str) -> str:
    """A path that no spreadsheet takes for a formula, and that is still the file's."""
    try:
        location.encode()
    except UnicodeEncodeError:  # CSV is UTF-8: the catalogue's way to write odd bytes
        location = stored
    return spreadsheet_path(location)


def quote_location(location: str) -> str:
    """A URI as it is; a path as a relative URI reference."""
    if re.match(r"https?://", location):
        return location
    reference = quote(location, safe="/", errors="surrogateescape")
    return reference if ":" not in reference.split("/")[0] else "./" + reference


def path_on_disk(track: TrackOut) -> str:
    """The path below the music root as the disk has it, not as the catalogue writes odd bytes."""
    return str(file_path(track.path))


def _display(track: TrackOut) -> str:
    title = track.title or track.path.rpartition("/")[2]
    return f"{track.artist} - {title}" if track.artist else title


def _annotation(playlist: Listing) -> str:
    return f"snapshot {playlist.snapshot_id}, model {playlist.model_id}, {playlist.scale} scale"


def _item_annotation(item: PlaylistItem | ArrangedPlace) -> str:
    score = "" if item.score is None else f"score {item.score:.3f}, "
    return (
        f"{score}valence {item.valence:+.2f}, arousal {item.arousal:+.2f}, "
        f"best from {item.segment.start_s:.0f} s to {item.segment.end_s:.0f} s"
    )


_RENDERERS: dict[str, Callable[[Listing, str, Locate], str]] = {
    "m3u8": _m3u8,
    "xspf": _xspf,
    "jspf": _jspf,
    "csv": _csv,
}
