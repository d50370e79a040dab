"""A playlist as a file that players read: what both ways of asking for one answer with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fastapi import Request, Response

from app.playlists.formats import FormatName, Listing, path_on_disk, render
from app.routes.signing import signed_url
from app.wire.responses import TrackOut

Locations = Literal["path", "url"]


def file_response(
    request: Request,
    playlist: Listing,
    name: FormatName,
    title: str,
    locations: Locations,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The playlist as an attachment.

    Args:
        request: Whose host stands in addresses.
        playlist: What to write.
        name: Any format but `json`.
        title: Title of the playlist.
        locations: Name tracks by their path below the music root, or by this service's address.
        headers: More headers.
    """

    def locate(track: TrackOut) -> str:
        if locations == "path":
            return path_on_disk(track)
        return signed_url(request, "get_track_audio", track_id=track.id)

    file = render(playlist, name, title, locate)
    disposition = {"Content-Disposition": f'attachment; filename="{file.file_name}"'}
    return Response(
        file.content, media_type=file.media_type, headers={**(headers or {}), **disposition}
    )
