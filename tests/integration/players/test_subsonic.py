"""The OpenSubsonic server: logins, playlists, marks, likeness, audio and covers."""

from __future__ import annotations

import hashlib
import io
import json

import av
import pytest
from PIL import Image

from app.http.keys import KeyRing
from indexer.catalog import listening
from tests.listeners import Keyed
from tests.running import Running, running_service
from tests.subsonic_player import Player

SPACE = "{http://subsonic.org/restapi}"


# Logins -------------------------------------------------------------------------------------------


def test_every_way_to_log_in(keyed: Keyed) -> None:
    """API key, password plain and in hexadecimal digits, token and salt."""
    phone, reader = keyed.keys["phone"], keyed.keys["reader"]
    token = hashlib.md5(f"{phone}salt".encode()).hexdigest()
    logins = [
        {"apiKey": reader},
        {"u": "anyone", "p": reader},
        {"u": "anyone", "p": f"enc:{reader.encode().hex()}"},
        {"u": "phone", "t": token, "s": "salt"},
    ]

    names = [
        Player(keyed.running.url, login).ask("tokenInfo")["tokenInfo"]["username"]
        for login in logins
    ]

    assert names == ["reader", "reader", "reader", "phone"]


@pytest.mark.parametrize(
    ("login", "code"),
    [
        ({}, 10),
        ({"u": "reader"}, 10),
        ({"apiKey": "cpx_0_wrong"}, 44),
        ({"u": "reader", "p": "wrong"}, 40),
        ({"u": "reader", "p": "enc:zz"}, 40),
        ({"u": "phone", "t": "0" * 32, "s": "salt"}, 40),
        ({"u": "nobody", "t": "0" * 32, "s": "salt"}, 40),
        ({"u": "reader", "t": "0" * 32, "s": "salt"}, 42),
        ({"apiKey": "x", "u": "reader"}, 43),
        ({"u": "reader", "p": "x", "t": "y", "s": "z"}, 43),
    ],
)
def test_a_wrong_login_is_refused_by_its_code(
    keyed: Keyed, login: dict[str, str], code: int
) -> None:
    """Each kind of mistake has a code of its own; a token needs a key that is stored for it."""
    assert Player(keyed.running.url, login).code("ping") == code


def test_a_reader_may_not_write(keyed: Keyed, ids: dict[str, str]) -> None:
    """Stars, plays and playlists are refused with the code for it."""
    reader = Player(keyed.running.url, {"apiKey": keyed.keys["reader"]})

    codes = [
        reader.code("star", id=ids["song"]),
        reader.code("scrobble", id=ids["song"]),
        reader.code("createPlaylist", name="x"),
    ]

    assert codes == [50, 50, 50]


def test_lists_and_searches_have_bounds(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many words and lists a player sends, the others are answered."""
    monkeypatch.setattr(listening, "MOST_PLAYLISTS_OF_ONE", 0)

    assert player.code("createPlaylist", name="One more") == 0
    assert player.code("search3", query=" ".join(map(str, range(100)))) == 10
    assert player.ask("search3", query="song " * 100)["searchResult3"]["song"]


def test_a_readable_key_is_stored_for_its_owner_alone(keyed: Keyed) -> None:
    """The file has mode 600, and only the key for tokens is in it."""
    path = keyed.running.settings.data_dir / "keys.json"
    text = path.read_text()

    assert path.stat().st_mode & 0o777 == 0o600
    assert keyed.keys["phone"] in text
    assert keyed.keys["writer"] not in text


def test_without_required_keys_anybody_listens(service: Running) -> None:
    """Any user name does; a key that is none is still refused."""
    anybody = Player(service.url, {"u": "me", "p": "whatever"})
    wrong = Player(service.url, {"u": "me", "p": "cpx_0_wrong"})

    assert anybody.ask("tokenInfo")["tokenInfo"]["username"] == "me"
    assert len(anybody.ask("search3", query="")["searchResult3"]["song"]) == 9
    assert wrong.code("ping") == 40


def test_the_server_is_off_with_one_setting(keyed: Keyed) -> None:
    """Nothing is at /rest then."""
    settings = keyed.running.settings.with_changes(subsonic=False)

    with running_service(settings) as running:
        answer = running.client.get("/rest/ping")

    assert answer.status_code == 404


# Calls --------------------------------------------------------------------------------------------


def test_a_form_and_jsonp_and_an_unknown_method(player: Player) -> None:
    """POST with a form; a script for a callback; a method that there is not."""
    form = player.send("POST", "ping", data={**player.login, "f": "json"})
    script = player.get("ping", f="jsonp", callback="done")

    assert form.json()["subsonic-response"]["status"] == "ok"
    assert script.headers["content-type"].startswith("application/javascript")
    assert json.loads(script.text.removeprefix("done(").removesuffix(");"))
    assert player.get("ping", f="jsonp", callback="a b").text.startswith("<?xml")
    assert player.code("jukeboxControl") == 0


def test_stations_come_before_playlists(player: Player, station: str, ids: dict[str, str]) -> None:
    """A station is read-only; a playlist is made, changed and deleted."""
    made = player.ask("createPlaylist", name="A mine", songId=[ids["song"], ids["other"]])
    own = made["playlist"]
    listed = player.ask("getPlaylists")["playlists"]["playlist"]
    player.ask(
        "updatePlaylist", playlistId=own["id"], name="B", songIndexToRemove=0,
        songIdToAdd=ids["song"],
    )  # fmt: skip
    changed = player.ask("getPlaylist", id=own["id"])["playlist"]
    refused = player.code("deletePlaylist", id=station)
    player.ask("deletePlaylist", id=own["id"])

    assert [each["id"] for each in listed] == [station, own["id"]]
    assert (listed[0]["owner"], listed[0]["songCount"]) == ("circumplex", 4)
    assert [song["id"] for song in own["entry"]] == [ids["song"], ids["other"]]
    assert (changed["name"], [s["id"] for s in changed["entry"]]) == (
        "B",
        [ids["other"], ids["song"]],
    )
    assert refused == 50
    assert player.code("getPlaylist", id=own["id"]) == 70


def test_stars_ratings_and_plays_are_kept(player: Player, ids: dict[str, str]) -> None:
    """They show on the song, and go away."""
    player.ask("star", id=ids["other"])
    player.ask("setRating", id=ids["other"], rating="5")
    player.ask("scrobble", id=ids["other"], time="1700000000000")
    player.ask("scrobble", id=ids["other"], submission="false")
    marked = player.ask("getSong", id=ids["other"])["song"]
    player.ask("unstar", id=ids["other"])
    player.ask("setRating", id=ids["other"], rating="0")
    plain = player.ask("getSong", id=ids["other"])["song"]

    assert (marked["userRating"], marked["playCount"]) == (5, 1)
    assert marked["played"] == "2023-11-14T22:13:20.000Z"
    assert "starred" in marked
    assert {"starred", "userRating"}.isdisjoint(plain)


def test_the_way_between_two_songs(player: Player, ids: dict[str, str]) -> None:
    """It begins and ends with them, holds none twice, and starts with likeness 1."""
    path = player.ask("findSonicPath", startSongId=ids["song"], endSongId=ids["other"], count="6")[
        "sonicMatch"
    ]

    songs = [step["entry"]["id"] for step in path]
    assert (songs[0], songs[-1], len(set(songs))) == (ids["song"], ids["other"], 6)
    assert path[0]["similarity"] == 1.0
    assert path[0]["similarity"] > path[-1]["similarity"] >= 0.0


def test_similar_songs_come_most_similar_first(player: Player, ids: dict[str, str]) -> None:
    """In the order of the search, likeness falling from under 1; the song itself is not there."""
    matches = player.ask("getSonicSimilarTracks", id=ids["song"], count="9")["sonicMatch"]
    likeness = [match["similarity"] for match in matches]

    assert ids["song"] not in [match["entry"]["id"] for match in matches]
    assert likeness == sorted(likeness, reverse=True)
    assert 0.0 <= likeness[-1] < likeness[0] <= 1.0


def test_audio_comes_whole_and_in_parts(keyed: Keyed, player: Player, ids: dict[str, str]) -> None:
    """The file's own bytes, a range of them, and its size by HEAD."""
    song = player.ask("getSong", id=ids["song"])["song"]
    content = (keyed.music / song["path"]).read_bytes()
    whole = player.get("stream", id=ids["song"])
    part = player.send(
        "GET",
        "stream",
        params={**player.login, "id": ids["song"]},
        headers={"Range": "bytes=100-199"},
    )
    head = player.send("HEAD", "stream", params={**player.login, "id": ids["song"]})

    assert whole.content == content == player.get("download", id=ids["song"]).content
    assert (part.status_code, part.content) == (206, content[100:200])
    assert int(head.headers["content-length"]) == len(content) == song["size"]
    assert head.content == b""


@pytest.mark.parametrize(("form", "codec"), [("mp3", "mp3float"), ("opus", "opus")])
def test_audio_is_transcoded(player: Player, ids: dict[str, str], form: str, codec: str) -> None:
    """To what the player asks for, as long as the original."""
    song = player.ask("getSong", id=ids["song"])["song"]

    answer = player.get("stream", id=ids["song"], format=form, maxBitRate="96")

    with av.open(io.BytesIO(answer.content)) as file:
        assert file.streams.audio[0].codec_context.name in {codec, form}
        frames = list(file.decode(audio=0))
    seconds = sum(frame.samples / frame.sample_rate for frame in frames)
    assert seconds == pytest.approx(song["duration"], abs=0.6)
    asked = {**player.login, "id": ids["song"], "format": form}
    head = player.send("HEAD", "stream", params=asked)
    assert head.headers["content-type"] == answer.headers["content-type"]
    assert "content-length" not in head.headers  # players take 0 for an empty song


def test_a_format_that_is_not_offered_is_refused(player: Player, ids: dict[str, str]) -> None:
    """By the protocol's generic code."""
    assert player.code("stream", id=ids["song"], format="aac") == 0
    assert player.code("stream", id="nothing") == 70


def test_covers_are_made_small(player: Player, ids: dict[str, str]) -> None:
    """Of a song, and of its album and artist; where there is none, not found."""
    for item in ("song", "album", "artist"):
        answer = player.get("getCoverArt", id=ids[item], size="20")
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert max(picture.size) <= 20
    assert player.code("getCoverArt", id=ids["other"]) == 70


@pytest.mark.parametrize("size", ["0", "-1"])
def test_no_size_of_a_cover_is_its_own(player: Player, ids: dict[str, str], size: str) -> None:
    """And that of a playlist is found by the id that some players make for it."""
    own = player.get("getCoverArt", id=ids["song"])
    made = player.ask("createPlaylist", name="Seen", songId=ids["song"])["playlist"]
    listed = player.get("getCoverArt", id=f"pl-{made['id']}", size=size)
    player.ask("deletePlaylist", id=made["id"])

    assert listed.content == own.content
    assert own.headers["content-type"] == "image/jpeg"


def test_ids_survive_a_move(keyed: Keyed, player: Player, ids: dict[str, str]) -> None:
    """A file that moves within the music keeps song, album and artist."""
    from tests.running import index_now

    song = player.ask("getSong", id=ids["other"])["song"]
    before = keyed.music / song["path"]
    after = keyed.music / "moved" / before.name
    after.parent.mkdir()
    before.rename(after)
    try:
        index_now(keyed.running)
        moved = player.ask("getSong", id=ids["other"])["song"]
    finally:
        after.rename(before)
        after.parent.rmdir()
        index_now(keyed.running)

    assert moved["path"] == f"moved/{before.name}"
    assert [moved[n] for n in ("albumId", "artistId")] == [song[n] for n in ("albumId", "artistId")]


def test_a_readable_key_is_revoked_like_any(keyed: Keyed) -> None:
    """At once."""
    ring = KeyRing(keyed.running.settings.data_dir / "keys.json")
    key, token = ring.create("guest", ["read"], readable=True)
    guest = Player(keyed.running.url, {"apiKey": token})
    before = guest.ask("ping")["status"]

    ring.revoke(key.id)

    assert before == "ok"
    assert guest.code("ping") == 44
