"""The wires of AudioMuse-AI and of Spotify's closed endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.compat.links import LinkStore, learn
from app.http.keys import KeyRing
from app.sharing.companion import Companion
from app.sharing.subsonic_server import ServerAwayError, SubsonicServer
from indexer.catalog.catalog import open_catalog
from tests.listeners import Keyed, keyed_service
from tests.running import Running


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """A service under required keys with both wires, linked to the ids of another server."""
    folder = tmp_path_factory.mktemp("wired")
    with keyed_service(folder, compat=("audiomuse", "spotify")) as keyed:
        catalog = open_catalog(keyed.running.settings.resolved_database_url)
        ids = {track.id: f"song-{track.id}" for track in catalog.published_tracks()}
        catalog.close()
        LinkStore(keyed.running.settings.data_dir).write("http://some.where", ids)
        yield keyed


def ask(keyed: Keyed, path: str, status: int = 200, **params: Any) -> Any:
    """The JSON of an answer with the key that reads."""
    answer = keyed.running.client.get(path, params=params, headers=keyed.headers())
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_wires_are_off_by_default(keyed: Keyed) -> None:
    """Nothing is there unless the setting names it."""
    for path in ("/api/health", "/compat/spotify/v1/recommendations"):
        ask(keyed, path, 404)


def test_health_needs_no_key(wired: Keyed) -> None:
    """The rest does."""
    client = wired.running.client

    assert client.get("/api/health").json() == {"status": "ok"}
    assert client.get("/api/search_tracks", params={"title": "song"}).status_code == 401


def test_similar_tracks_by_the_other_servers_ids(wired: Keyed) -> None:
    """Nearest first, distances from 0 to 1, the song itself not among them."""
    found = ask(wired, "/api/similar_tracks", item_id="song-3", n=5)

    assert len(found) == 5
    assert set(found[0]) == {"item_id", "title", "author", "album", "distance"}
    assert all(song["item_id"].startswith("song-") for song in found)
    assert "song-3" not in {song["item_id"] for song in found}
    distances = [song["distance"] for song in found]
    assert distances == sorted(distances)
    assert 0.0 <= distances[0] <= distances[-1] <= 1.0


def test_similar_tracks_by_title_and_artist(wired: Keyed) -> None:
    """The same answer as by id; with the mood, the same songs or nearer ones on the plane."""
    song = ask(wired, "/api/search_tracks", title="Song 2")[0]
    by_id = ask(wired, "/api/similar_tracks", item_id=song["item_id"])
    by_name = ask(wired, "/api/similar_tracks", title=song["title"], artist=song["author"])
    by_mood = ask(
        wired, "/api/similar_tracks", item_id=song["item_id"], n=3, mood_similarity="true"
    )

    assert by_name == by_id
    assert len(by_mood) == 3


def test_a_path_begins_and_ends_with_its_songs(wired: Keyed) -> None:
    """Its distance is the sum of its steps."""
    answer = ask(
        wired, "/api/find_path", start_song_id="song-1", end_song_id="song-10", max_steps=5
    )

    ids = [song["item_id"] for song in answer["path"]]
    assert (ids[0], ids[-1], len(set(ids))) == ("song-1", "song-10", 5)
    assert 0.0 < answer["total_distance"] <= 4.0


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/api/similar_tracks", {}, 400),
        ("/api/similar_tracks", {"item_id": "nothing"}, 404),
        ("/api/similar_tracks", {"title": "None", "artist": "Nobody"}, 404),
        ("/api/find_path", {"start_song_id": "song-1"}, 400),
        ("/api/find_path", {"start_song_id": "song-1", "end_song_id": "song-1"}, 400),
        ("/api/find_path", {"start_song_id": "song-1", "end_song_id": "x"}, 404),
        ("/api/search_tracks", {}, 400),
    ],
)
def test_what_cannot_be_answered_is_an_error(
    wired: Keyed, path: str, params: dict[str, str], status: int
) -> None:
    """With one member, `error`."""
    assert set(ask(wired, path, status, **params)) == {"error"}


def test_audio_features_are_the_place_on_the_plane(wired: Keyed) -> None:
    """Valence and energy are the relative scale moved to 0..1."""
    place = ask(wired, "/v1/tracks/4")
    features = ask(wired, "/compat/spotify/v1/audio-features/4")

    assert features["valence"] == pytest.approx((place["valence"] + 1) / 2, abs=1e-3)
    assert features["energy"] == pytest.approx((place["arousal"] + 1) / 2, abs=1e-3)
    assert "error" in ask(wired, "/compat/spotify/v1/audio-features/999", 404)


def test_recommendations_keep_their_bounds(wired: Keyed) -> None:
    """By seeds and by targets; every track lies within min and max."""
    address = "/compat/spotify/v1/recommendations"
    seeded = ask(wired, address, seed_tracks="1,2", min_energy=0.5, limit=5)
    aimed = ask(wired, address, target_energy=0.9, target_valence=0.5, max_energy=0.95)

    assert seeded["tracks"]
    assert {"1", "2"}.isdisjoint({track["id"] for track in seeded["tracks"]})
    for track, low, high in (
        *((t, 0.5, 1.0) for t in seeded["tracks"]),
        *((t, 0.0, 0.95) for t in aimed["tracks"]),
    ):
        features = ask(wired, f"/compat/spotify/v1/audio-features/{track['id']}")
        assert low - 1e-4 <= features["energy"] <= high + 1e-4
    assert set(ask(wired, address, 400)["error"]) == {"status", "message"}


def test_ids_are_learned_from_a_server(wired: Keyed, service: Running, tmp_path: Path) -> None:
    """From another service of this kind over the same music; strangers are not linked."""
    ring = KeyRing(wired.running.settings.data_dir / "keys.json")
    _, key = ring.create("link", ["read"], readable=True)
    catalog = open_catalog(wired.running.settings.resolved_database_url)
    store = LinkStore(tmp_path)
    with SubsonicServer(wired.running.url, "link", key) as same:
        found = learn(same, catalog, store)
    links = store.current()
    with SubsonicServer(service.url, "x", "y") as other:
        strangers = learn(other, catalog, LinkStore(tmp_path / "other"))
    catalog.close()

    assert found == (10, 10)
    assert links.song_of == {track: str(track) for track in range(1, 11)}
    assert strangers == (0, 10)


class _Live:
    """A live index whose snapshot a test exchanges."""

    id = "one"

    def current_or_none(self) -> Any:
        return self


def test_the_other_server_is_kept_in_step() -> None:
    """Once for each snapshot; a server that is away is tried again."""
    live, done = _Live(), []

    def work(current: Any) -> None:
        done.append(current.id)
        if len(done) == 1:
            raise ServerAwayError("away")

    companion = Companion(live, work)  # type: ignore[arg-type]
    looks = [companion.look(), companion.look(), companion.look()]
    live.id = "two"
    looks.append(companion.look())

    assert looks == [False, True, False, True]
    assert done == ["one", "one", "two"]
