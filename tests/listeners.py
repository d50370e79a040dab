"""A service under required keys over a small library of albums, for players to speak to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from mutagen.flac import FLAC

from app.http.keys import KeyRing
from tests.pictures import FRONT, RED, embed, picture
from tests.running import RATE_HZ, Running, fake_settings, index_now, running_service, tone

ALBUMS = {
    "Ada": {"Dawn": 3, "Dusk": 2},
    "Ben": {"Rain": 3},
    "Cleo & The Cats": {"Été": 2},
}
CALM = {"emotion": {"curve": [{"t": 0, "valence": 0.0, "arousal": -0.8}]}, "limit": 4}


@dataclass(frozen=True)
class Keyed:
    """A running service, its music folder, and its keys by name."""

    running: Running
    music: Path
    keys: dict[str, str]

    def headers(self, name: str = "reader") -> dict[str, str]:
        """The header that shows a key."""
        return {"Authorization": f"Bearer {self.keys[name]}"}


def write_albums(music: Path, albums: dict[str, dict[str, int]] = ALBUMS) -> list[Path]:
    """FLAC files of tones in folders `Artist/Album`, every tag in them; the first has a cover."""
    paths = []
    for artist, own in albums.items():
        for album, count in own.items():
            for number in range(1, count + 1):
                index = len(paths)
                path = music / artist / album / f"{number:02d} - Song {index}.flac"
                write_song(path, index, artist=artist, album=album, tracknumber=str(number))
                paths.append(path)
    embed(paths[0], (FRONT, picture(RED)))
    return paths


def write_song(path: Path, index: int, **tags: Any) -> Path:
    """Two or three seconds of a tone that no other index has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = tone(0.05 + 0.09 * (index % 10), 200.0 + 97.0 * index, 2.0 + 0.1 * (index % 7))
    soundfile.write(path, np.asarray(samples), RATE_HZ)
    file = FLAC(path)
    file.update(
        {
            "title": f"Song {index}",
            "genre": "Drone" if index % 2 else "Folk",
            "date": str(1990 + index),
            "musicbrainz_trackid": f"{index:08d}-0000-4000-8000-000000000000",
            **tags,
        }
    )
    file.save()
    return path


@contextmanager
def keyed_service(folder: Path, **settings: Any) -> Iterator[Keyed]:
    """A service that asks for keys, its albums indexed."""
    write_albums(folder / "music")
    made = fake_settings(folder, require_key=True, **settings)
    ring = KeyRing(made.data_dir / "keys.json")
    keys = {
        "reader": ring.create("reader", ["read"])[1],
        "writer": ring.create("writer", ["read", "write"])[1],
        "phone": ring.create("phone", ["read", "write"], readable=True)[1],
    }
    with running_service(made) as running:
        assert index_now(running)["state"] == "succeeded"
        yield Keyed(running, folder / "music", keys)
