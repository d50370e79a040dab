"""A playlist as a file that players read: what both ways of asking for one answer with."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request, Response

from app.playlists.formats import FormatName, Listing, fits_m3u, path_on_disk, render
from app.routes.signing import signed_url
from app.wire.responses import TrackOut
from app.wire.schemas import Locations
from indexer.errors import TrackNotFoundError
from indexer.snapshot.tracks import TrackTable


def file_response(
    request: Request,
    playlist: Listing,
    name: FormatName,
    title: str,
    locations: Locations,
    tracks: TrackTable,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The playlist as an attachment.

    Args:
        request: Whose host stands in addresses.
        playlist: What to write.
        name: Any format but `json`.
        title: Title of the playlist.
        locations: Name tracks by their path below the music root, or by this service's address. A
            track whose path does not tell it from others, or does not fit, has its address.
        tracks: The snapshot's tracks.
        headers: More headers.
    """

    def has_namesake(track: TrackOut) -> bool:
        try:
            return tracks.has_namesake(tracks.row_of(track.id))
        except TrackNotFoundError:  # another snapshot went live in this moment
            return True

    def locate(track: TrackOut) -> str:
        path = path_on_disk(track)
        is_named = not has_namesake(track)
        if locations == "path" and is_named and (name != "m3u8" or fits_m3u(path)):
            return path
        return signed_url(request, "get_track_audio", track_id=track.id)

    file = render(playlist, name, title, locate)
    disposition = {"Content-Disposition": f'attachment; filename="{file.file_name}"'}
    return Response(
        file.content, media_type=file.media_type, headers={**(headers or {}), **disposition}
    )
