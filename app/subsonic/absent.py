"""What the protocol has and this server does not: told as empty, since there is none.

Players ask for these whether or not a server offers them, and some take a refusal for the failure
of all they were doing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.subsonic.call import SubsonicCall

NOTHING: Mapping[str, Mapping[str, Any]] = {
    "getBookmarks": {"bookmarks": {"bookmark": []}},
    "getChatMessages": {"chatMessages": {"chatMessage": []}},
    "getInternetRadioStations": {"internetRadioStations": {"internetRadioStation": []}},
    "getLyrics": {"lyrics": {"value": ""}},
    "getNewestPodcasts": {"newestPodcasts": {"episode": []}},
    "getNowPlaying": {"nowPlaying": {"entry": []}},
    "getPodcasts": {"podcasts": {"channel": []}},
    "getShares": {"shares": {"share": []}},
    "getVideos": {"videos": {"video": []}},
}


def get_lyrics_by_song_id(call: SubsonicCall) -> dict[str, Any]:
    """No lyrics of a song.

    Raises:
        SubsonicError: There is no such song.
    """
    call.song(call.text("id"))
    return {"lyricsList": {"structuredLyrics": []}}


def answering(answer: Mapping[str, Any]) -> Callable[[SubsonicCall], dict[str, Any]]:
    """What answers every call alike."""

    def answered(_call: SubsonicCall) -> dict[str, Any]:
        return dict(answer)

    return answered
