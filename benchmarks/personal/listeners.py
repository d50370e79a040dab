"""Listeners made of data: songs as a model hears them, and where some people put them.

Letters: N songs, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.listening.studies import analysed, load_emotify, load_muse
from indexer.runs.embed import stretches
from model.arrays import Doubles
from model.curves.curve import QuantileScale
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import load_deam, load_pmemo
from model.learning.fitting import embed, fit
from model.learning.recipes import recipe
from model.learning.shipping import fit_best_head

FEATURES = "gemaps_essentia"  # the columns that DEAM and PMEmo share


@dataclass(frozen=True)
class Listener:
    """Songs with two opinions on each.

    Attributes:
        name: Of the study.
        heard: (arousal, valence) as the model has it, [N, 2].
        felt: (arousal, valence) as the listener has it, [N, 2].
        embedding: The songs, N rows.
        columns: What a model of this listener's own is trained on, [N, F].
        noise: Standard deviation of a single rating of the listener's kind, [2].
    """

    name: str
    heard: Doubles
    felt: Doubles
    embedding: Embedding
    columns: Doubles
    noise: Doubles


def pmemo(data: Path, cache: Path) -> Listener:
    """PMEmo's annotators as one listener to a model that was trained on DEAM alone."""
    songs = load_pmemo(data, FEATURES)
    kept = cache / "pmemo.npz"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        deam = load_deam(data, FEATURES)
        own = recipe("default", deam.feature_count)
        fitted = fit(deam, own.shape, own.training, own.fit)
        embedded = embed(fitted, songs).music_embedding
        heard = fit_best_head(fitted, deam.mean_emotion).predict(embedded)
        np.savez(kept, heard=heard, phi=embedded.phi, mu=embedded.mu, var=embedded.var)
    with np.load(kept) as stored:
        embedding = Embedding(*(stored[name] for name in ("phi", "mu", "var")))
        heard = stored["heard"].astype(np.float64)
    assert songs.annotator_std is not None
    spread = songs.annotator_std.sum(axis=1) / songs.lengths[:, None]
    return Listener(
        "PMEmo",
        heard,
        songs.mean_emotion.astype(np.float64),
        embedding,
        songs.features.astype(np.float64),
        spread.mean(axis=0).astype(np.float64),
    )


def emotify(data: Path, cache: Path) -> Listener:
    """Emotify's raters: their criteria of arousal and valence, on the spread of the model's."""
    study = load_emotify(data)
    heard, embedding, columns = _heard("emotify", study.paths, data, cache)
    felt = np.stack([study.arousal, study.valence], axis=1)
    return Listener("Emotify", heard, _like(felt, heard), embedding, columns, np.zeros(2))


def muse(data: Path, cache: Path) -> Listener:
    """MuSe's experts, who hear valence apart from arousal."""
    study = load_muse(data)
    heard, embedding, columns = _heard("muse", study.paths, data, cache)
    return Listener("MuSe", heard, study.emotion, embedding, columns, np.zeros(2))


def on_relative_plane(listener: Listener) -> Listener:
    """The same songs and people on the relative plane of these songs, where the service learns."""
    scale = QuantileScale.fit(listener.heard)
    heard, felt = scale.to_relative(listener.heard), scale.to_relative(listener.felt)
    return replace(listener, name=f"{listener.name}, relative", heard=heard, felt=felt)


def _heard(
    name: str, paths: tuple[Path, ...], data: Path, cache: Path
) -> tuple[Doubles, Embedding, Doubles]:
    """Mean emotion, embedding and columns of a study's files by the shipped checkpoint."""
    kept = cache / f"{name}.npz"
    if not kept.is_file():
        model = EmotionModel.load(device="cpu")
        analyses = analysed(paths, model, cache, data)
        rows = np.concatenate([stretches(one)[1][-1:] for one in analyses])
        rows = rows[:, : len(model.row_names)]
        embedding = model.embed_analyses(rows)
        heard = model.mean_emotion(embedding)
        parts = {"phi": embedding.phi, "mu": embedding.mu, "var": embedding.var}
        np.savez(kept, heard=heard, rows=rows, **parts)
    with np.load(kept) as stored:
        embedding = Embedding(*(stored[part] for part in ("phi", "mu", "var")))
        return stored["heard"].astype(np.float64), embedding, stored["rows"].astype(np.float64)


def _like(felt: Doubles, heard: Doubles) -> Doubles:
    """Ratings without a scale of their own, with the mean and the spread of what is heard."""
    standard = (felt - felt.mean(axis=0)) / felt.std(axis=0)
    return np.asarray(standard * heard.std(axis=0) + heard.mean(axis=0))
