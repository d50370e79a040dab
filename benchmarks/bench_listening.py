"""How well music is heard, by what listeners of two studies say of it.

Prints the figures as JSON, writes `listening.json` and `listening.md`. Analyses of the studies'
files are kept in `--cache`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.listening.measures import MOODS, emotify_figures, lifts, muse_figures, spearman
from benchmarks.listening.page import markdown
from benchmarks.listening.places import lists, place_figures, placed
from benchmarks.listening.studies import (
    EMOTIFY_S,
    Doubles,
    Emotify,
    Muse,
    analysed,
    load_emotify,
    load_muse,
)
from benchmarks.shared_data import data_folder
from indexer.runs.embed import stretches
from model.checkpoint import LoadedCheckpoint
from model.curves.curve import QuantileScale
from model.emotion_model import EmotionModel
from model.experts import Experts
from model.frontends.musicnn import is_installed
from model.shipped import FAST_CHECKPOINT, FULL_CHECKPOINT

REPOSITORY = Path(__file__).resolve().parent.parent
TRUSTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the precision that a checkpoint gives an expert: what is chosen by the other study."""

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """A model and the rows of whole tracks that it embeds, of both studies."""

    model: EmotionModel
    emotify: Rows
    muse: Rows

    def emotion(self, rows: Rows) -> Doubles:
        """(arousal, valence) of rows, [N, 2]."""
        return self.model.mean_emotion(self.model.embed_analyses(rows)).astype(np.float64)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="holds both studies")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "build" / "bench-listening")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks")
    options = parser.parse_args()
    studies = load_emotify(options.data), load_muse(options.data)
    found = figures(studies, options.data, options.cache)
    text = json.dumps(found, indent=1) + "\n"
    (options.out / "listening.json").write_text(text, encoding="utf-8")
    (options.out / "listening.md").write_text(markdown(found), encoding="utf-8")
    print(text, end="")


def figures(studies: tuple[Emotify, Muse], data: Path, cache: Path) -> dict[str, Any]:
    """Everything that `listening.json` holds."""
    emotify, muse = studies
    heard = _heard(studies, data, cache)
    found: dict[str, Any] = {"agreement": {}, "lifts": {}, "nested": {}, "models": {}, "places": {}}
    for name, one in heard.items():
        found["models"][name] = one.model.model_id
        for variant, model in _variants(name, one.model):
            own = replace(one, model=model)
            found["agreement"][variant] = _agreement(own, emotify, muse)
            found["lifts"][variant] = {
                "nearest": lifts(emotify, _nearest(own)),
                "ranked": lifts(emotify, _ranked(own)),
            }
        found["nested"][name] = _nested(one, emotify, muse)
        found["places"][name] = _places(one, emotify, muse)
        plain = replace(one, model=_with(one.model, emphasis=None))
        found["places"][f"{name}, valence by its likelihood alone"] = _places(plain, emotify, muse)
    found["lifts"]["people's own criteria"] = {"nearest": lifts(emotify, _by_people(emotify))}
    found["mode alone"] = _mode_alone(heard["fast"], emotify, muse)
    return found


def _heard(studies: tuple[Emotify, Muse], data: Path, cache: Path) -> dict[str, Heard]:
    """The shipped checkpoints with the rows they read; `full` only where its frontend is there."""
    models = {"fast": EmotionModel.load(FAST_CHECKPOINT, "cpu")}
    if is_installed():
        models["full"] = EmotionModel.load(FULL_CHECKPOINT, "cpu")
    else:
        print("musicnn is not installed: `full` is left out", file=sys.stderr)
    listener = list(models.values())[-1]
    wholes = []
    for study in studies:
        analyses = analysed(study.paths, listener, cache, data)
        wholes.append(np.concatenate([stretches(one)[1][-1:] for one in analyses]))
    found = {}
    for name, model in models.items():  # the columns of `fast` are the first of those of `full`
        width = len(model.row_names)
        found[name] = Heard(model, wholes[0][:, :width], wholes[1][:, :width])
    return found


def _variants(name: str, model: EmotionModel) -> Iterator[tuple[str, EmotionModel]]:
    """A model, and what is left of it without each of its experts."""
    yield name, model
    experts = model.checkpoint.experts
    if experts is None:
        return
    kinds = sorted({_kind(cue) for cue in experts.names})
    for kind in kinds if len(kinds) > 1 else ():
        rest = experts.only([cue for cue in experts.names if _kind(cue) != kind])
        yield f"{name} without {kind}", _with(model, experts=rest)
    if name == "fast":
        yield "descriptors alone", _with(model, experts=None)


def _kind(cue: str) -> str:
    return cue.split()[0]


def _with(model: EmotionModel, **changes: Experts | Doubles | None) -> EmotionModel:
    changed = replace(model.checkpoint, **changes)  # type: ignore[arg-type]
    return EmotionModel(LoadedCheckpoint(changed, model.model_id), model.frontend, model.device)


def _agreement(heard: Heard, emotify: Emotify, muse: Muse) -> dict[str, dict[str, float]]:
    return {
        "emotify": emotify_figures(emotify, heard.emotion(heard.emotify)),
        "muse": muse_figures(muse, heard.emotion(heard.muse)),
    }


def _nested(heard: Heard, emotify: Emotify, muse: Muse) -> dict[str, Any]:
    """Figures of each study with the experts' trusts that the other study likes best."""
    experts = heard.model.checkpoint.experts
    if experts is None:
        return {}
    kinds = sorted({_kind(cue) for cue in experts.names})
    tried = {}
    for trusts in product(TRUSTS, repeat=len(kinds)):
        by_kind = dict(zip(kinds, trusts, strict=True))
        tried[trusts] = (
            emotify_figures(emotify, _trusting(heard.model, heard.emotify, by_kind)),
            muse_figures(muse, _trusting(heard.model, heard.muse, by_kind)),
        )
    by_emotify = max(tried, key=lambda each: _worth(tried[each][0]))
    by_muse = max(tried, key=lambda each: _worth(tried[each][1]))
    return {
        "emotify": tried[by_muse][0],
        "muse": tried[by_emotify][1],
        "trusts by emotify": dict(zip(kinds, by_emotify, strict=True)),
        "trusts by muse": dict(zip(kinds, by_muse, strict=True)),
    }


def _worth(found: Mapping[str, float]) -> float:
    """Mean of arousal's and valence's figures of a study, the latter beyond arousal."""
    judged = ("arousal", "valence beyond arousal")
    return float(np.mean([value for name, value in found.items() if name.startswith(judged)]))


def _trusting(model: EmotionModel, rows: Rows, trusts: Mapping[str, float]) -> Doubles:
    """Mean emotion where each kind of expert has so many times its precision."""
    experts = model.checkpoint.experts
    assert experts is not None
    embedding = model.embed_analyses(rows)
    own, cues, var = model.late.parted(embedding)
    precision = np.array([max(trusts[_kind(cue)], 1e-6) for cue in experts.names])
    head = model.checkpoint.mean_head.predict(own).astype(np.float64)
    return experts.updated(head, cues, var / precision)


def _nearest(heard: Heard) -> dict[str, Sequence[int]]:
    """Tracks by their distance to a mood on the relative plane of the study."""
    emotion = heard.emotion(heard.emotify)
    places = QuantileScale.fit(emotion).to_relative(emotion)
    return {
        word: np.argsort(np.linalg.norm(places - np.array(place), axis=1)).tolist()
        for word, (_, place) in MOODS.items()
    }


def _by_people(emotify: Emotify) -> dict[str, Sequence[int]]:
    """Tracks by the distance of what people say of them."""
    places = placed(np.stack([emotify.arousal, emotify.valence], axis=1))
    return {
        word: np.argsort(np.linalg.norm(places - np.array(place), axis=1)).tolist()
        for word, (_, place) in MOODS.items()
    }


def _ranked(heard: Heard) -> dict[str, Sequence[int]]:
    """Tracks as the service ranks them: indexed, balanced and searched."""
    places = [place for _, place in MOODS.values()]
    found = lists(heard.model, heard.emotify, places, EMOTIFY_S)
    return dict(zip(MOODS, found, strict=True))


def _places(heard: Heard, emotify: Emotify, muse: Muse) -> dict[str, float]:
    return place_figures(heard.model, (emotify, heard.emotify), (muse, heard.muse))


def _mode_alone(heard: Heard, emotify: Emotify, muse: Muse) -> dict[str, float]:
    """Rank correlations of the cue itself."""
    column = heard.model.row_names.index("mode")
    own, other = (rows[:, column].astype(np.float64) for rows in (heard.emotify, heard.muse))
    return {
        "emotify valence": spearman(own, emotify.valence),
        "emotify joy": spearman(own, emotify.feelings["joyful_activation"]),
        "muse valence": spearman(other, muse.emotion[:, 1]),
    }


if __name__ == "__main__":
    main()
