"""Lists for twenty words: by the ratings of Emotify's listeners, and by Wesnoth's titles.

And what variety changes in these lists, and costs.

    make bench-feelings

Both are indexed and asked as the service does it, with the shipped checkpoint. Writes
`feelings.json` and `feelings.md`. The index is kept in `--cache`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.library.live import Live
from app.opening import opened_catalog
from app.playlists.match import make_playlist
from app.services import load_model, make_indexer, opened_library
from app.settings import Settings
from app.wire.responses import PlaylistResponse
from app.wire.schemas import PlaylistRequest
from benchmarks.indexing.music_at_hand import WESNOTH
from benchmarks.listening.studies import Emotify, load_emotify
from benchmarks.shared_data import data_folder
from model.emotion_model import EmotionModel
from model.feelings.moods import plane_words

REPOSITORY = Path(__file__).resolve().parent.parent
WORDS = {
    "joyful": "joyful_activation",
    "happy": "joyful_activation",
    "calm": "calmness",
    "relaxed": "calmness",
    "sad": "sadness",
    "melancholic": "sadness",
    "heartbroken": "sadness",
    "tense": "tension",
    "anxious": "tension",
    "angry": "tension",
    "tender": "tenderness",
    "romantic": "tenderness",
    "nostalgic": "nostalgia",
    "wistful": "nostalgia",
    "powerful": "power",
    "triumphant": "power",
    "energetic": "power",
    "solemn": "solemnity",
    "spiritual": "solemnity",
    "awe": "amazement",
}
BETWEEN = ("sad", "sad but hopeful", "hopeful", "not sad")
LIST, FIRST, MOST = 20, 10, 500
SHARE = 0.4  # of a library: forty of a hundred
TITLES = 5
VARIETY, SEEDS = (0.1, 0.3, 1.0), 10


@dataclass(frozen=True)
class Library:
    """An indexed folder that can be asked."""

    model: EmotionModel
    live: Live

    def answer(self, words: str, limit: int, **terms: float) -> PlaylistResponse:
        """The playlist of a phrase."""
        body = {"emotion": {"text": words}, "limit": limit, "max_per_artist": None, **terms}
        return make_playlist(PlaylistRequest.model_validate(body), self.model, self.live)

    def ask(self, words: str, limit: int) -> list[int]:
        """Ids of the tracks that a phrase finds, best first."""
        return ids_of(self.answer(words, limit))

    def places(self, ids: Sequence[int]) -> list[float]:
        """Mean (valence, arousal) of tracks on the relative scale."""
        places = np.array([self.live.place_of(each, "relative") for each in ids])
        return [round(float(each), 3) for each in places.mean(axis=0)[::-1]]


def ids_of(answer: PlaylistResponse) -> list[int]:
    """Ids of a playlist's tracks."""
    return [item.track.id for item in answer.items]


def main() -> None:
    """Index, ask, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="holds Emotify")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "build" / "bench-feelings")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks")
    options = parser.parse_args()
    emotify = load_emotify(options.data)
    found = {
        "emotify": asked(options.cache / "emotify", options.data / "emotify_dev", emotify),
        "wesnoth": asked(options.cache / "wesnoth", WESNOTH, None),
    }
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (options.out / "feelings.json").write_text(text, encoding="utf-8")
    (options.out / "feelings.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found), end="")


def asked(folder: Path, music: Path, emotify: Emotify | None) -> dict[str, Any]:
    """What a folder of music answers to the words."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(data_dir=folder, music_roots=(music,), device="cpu")
    with opened_catalog(settings) as catalog:
        make_indexer(settings, catalog, load_model(settings)).run([music])
    with opened_library(settings) as opened:
        library = Library(opened.model, opened.live.current())
        found: dict[str, Any] = {"model": opened.model.model_id, "between": _between(library)}
        if emotify is None:
            found["titles"] = {word: _titles(library, word) for word in WORDS}
        else:
            found |= _rated(library, emotify)
        return found


def _between(library: Library) -> dict[str, Any]:
    """Where phrases about sadness lead, and what "not sad" shares with "sad"; likewise others."""
    first = round(SHARE * len(library.ask("sad", MOST)))
    words = dict.fromkeys([*plane_words(), *WORDS])
    return {
        "places": {words: library.places(library.ask(words, FIRST)) for words in BETWEEN},
        "first": first,
        "shared": {word: _shared(library, word, first) for word in words},
    }


def _shared(library: Library, word: str, first: int) -> int:
    """How many tracks the first ones of a word share with half as many of "not" the word."""
    return len({*library.ask(word, first)} & {*library.ask(f"not {word}", first // 2)})


def _titles(library: Library, word: str) -> list[str]:
    tracks = library.live.snapshot.tracks
    return [tracks[tracks.row_of(each)].title for each in library.ask(word, TITLES)]


def _rated(library: Library, emotify: Emotify) -> dict[str, Any]:
    """Ratings of what the words find, over the mean of all tracks."""
    row_of = {f"{path.parent.name}/{path.name}": row for row, path in enumerate(emotify.paths)}
    tracks = {track.id: Path(track.path) for track in library.live.snapshot.tracks}
    rows = {key: row_of[f"{path.parent.name}/{path.name}"] for key, path in tracks.items()}

    def rated(ids: Sequence[int], feeling: str) -> float:
        return float(emotify.feelings[feeling][[rows[each] for each in ids]].mean())

    def rating(words: str, feeling: str) -> float:
        return rated(library.ask(words, LIST), feeling)

    means = {name: float(values.mean()) for name, values in emotify.feelings.items()}
    return {
        "ratios": {w: round(rating(w, name) / means[name], 3) for w, name in WORDS.items()},
        "sadness": {words: round(rating(words, "sadness"), 3) for words in BETWEEN},
        "all": round(means["sadness"], 3),
        "variety": {str(amount): _varied(library, amount, rated) for amount in VARIETY},
    }


def _varied(
    library: Library, amount: float, rated: Callable[[Sequence[int], str], float]
) -> dict[str, float]:
    """Means over words and seeds: how much of a list changes, and what is lost."""
    found: list[tuple[float, float, float]] = []
    for word, feeling in WORDS.items():
        best = library.answer(word, LIST)
        ids = set(ids_of(best))
        for seed in range(SEEDS):
            other = library.answer(word, LIST, variety=amount, seed=seed)
            others = ids_of(other)
            lost = np.mean([i.score for i in best.items]) - np.mean([i.score for i in other.items])
            kept = rated(others, feeling) / rated(list(ids), feeling)
            found.append((1.0 - len(ids & {*others}) / len(ids), float(lost), kept))
    changed, lost, kept = np.mean(found, axis=0).tolist()
    return {"changed": round(changed, 3), "lost": round(lost, 3), "rating": round(kept, 3)}


def markdown(found: dict[str, Any]) -> str:
    """The page."""
    emotify, wesnoth = found["emotify"], found["wesnoth"]
    better = sum(ratio > 1.0 for ratio in emotify["ratios"].values())
    lines = [
        "# Lists for twenty words",
        "",
        "Written by `make bench-feelings` (`benchmarks/bench_feelings.py`) with the checkpoint",
        f"`{emotify['model']}`.",
        "",
        "## By human ratings",
        "",
        f"Mean rating of the {LIST} tracks that a word finds among Emotify's 100 tracks for",
        "development, over the mean of all of them.",
        f"{better} of {len(WORDS)} words are above 1.",
        "",
        "| word | rated feeling | ratio |",
        "|---|---|---|",
        *(f"| {w} | {WORDS[w]} | {ratio:.2f} |" for w, ratio in emotify["ratios"].items()),
        "",
        f"Rated sadness of the {LIST}: "
        + ", ".join(f'"{words}" {value:.3f}' for words, value in emotify["sadness"].items())
        + f"; all tracks {emotify['all']:.3f}.",
        "",
        *_between_lines("Emotify", emotify["between"]),
        "",
        *_variety_lines(emotify["variety"]),
        "",
        "## By title",
        "",
        f"The first {TITLES} of the music of Battle for Wesnoth.",
        "",
        "| word | titles |",
        "|---|---|",
        *(f"| {word} | {', '.join(titles)} |" for word, titles in wesnoth["titles"].items()),
        "",
        *_between_lines("Wesnoth", wesnoth["between"]),
    ]
    return "\n".join(lines) + "\n"


def _variety_lines(variety: dict[str, dict[str, float]]) -> list[str]:
    return [
        "## Variety",
        "",
        f"Means over the {len(WORDS)} words and {SEEDS} seeds, lists of {LIST} of Emotify's 100",
        "tracks, against the best list: how much of it changes, by how many nats the mean score",
        "falls, and what is left of the rating.",
        "",
        "| variety | changed | nats lost | rating |",
        "|---|---|---|---|",
        *(
            f"| {amount} | {each['changed']:.2f} | {each['lost']:.2f} | {each['rating']:.3f} |"
            for amount, each in variety.items()
        ),
    ]


def _between_lines(name: str, between: dict[str, Any]) -> list[str]:
    places = [f'"{words}" ({v:.2f}, {a:.2f})' for words, (v, a) in between["places"].items()]
    first, shared = between["first"], between["shared"]
    none = sum(count == 0 for count in shared.values())
    some = ", ".join(f'"{word}" {count}' for word, count in shared.items() if count)
    return [
        f"Mean (valence, arousal) of the first {FIRST} on {name}: {', '.join(places)}.",
        "",
        f"Negation, {len(shared)} words: the first {first} of the word and the first {first // 2}",
        f'of "not" the word. Those of "sad" share {shared["sad"]} tracks; {none} words share none'
        + (f", the others: {some}." if some else "."),
    ]


if __name__ == "__main__":
    main()
