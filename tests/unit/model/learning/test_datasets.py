"""Dataset tables as aligned arrays, on the real files where they are, on small ones elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.errors import DatasetError
from model.frontends.descriptors import at_reference
from model.frontends.loudness import LEVELS, MEAN
from model.frontends.spectral import OF_THE_ENCODER
from model.learning.datasets import load, load_deam, load_emomusic, load_pmemo


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def small_pmemo(folder: Path) -> Path:
    """Two songs, rows out of order, one too short a clip, one DEAM row among the features."""
    write(
        folder / "pmemo" / "dynamic_annotations.csv",
        [
            "musicId,frameTime,Arousal(mean),Valence(mean)",
            "7,15.5,0.6,0.9",
            "7,15.0,0.5,1.0",
            "9,15.0,0.1,0.2",
        ],
    )
    write(
        folder / "pmemo" / "dynamic_annotations_std.csv",
        ["musicId,frameTime,Arousal(std),Valence(std)", "7,15.0,0.1,0.2", "7,15.5,0.1,0.2"],
    )
    write(
        folder / "pmemo" / "metadata.csv",
        ["musicId,fileName,duration", "7,7.mp3,30.0", "9,9.mp3,22.4"],
    )
    for name in ("gemaps62", "essentia66"):
        rows = ["song_id,a,b", "deam_7,5,6", "pmemo_7,1,2", "pmemo_9,3,4"]
        write(folder / f"{name}_deam_pmemo.csv", rows)
    return folder


def test_pmemo_is_scaled_sorted_and_filtered(tmp_path: Path) -> None:
    """[0, 1] becomes [-1, 1] (spread doubles), times are in order, short clips are left out."""
    data = load_pmemo(small_pmemo(tmp_path))

    assert data.song_ids.tolist() == [7]
    np.testing.assert_allclose(data.curves[0], [[0.0, 1.0], [0.2, 0.8]], atol=1e-6)
    assert data.features.tolist() == [[1, 2, 1, 2]]
    assert data.annotator_std is not None
    np.testing.assert_allclose(data.annotator_std[0, 0], [0.2, 0.4], atol=1e-6)


def test_the_mean_emotion_ignores_padding(tmp_path: Path) -> None:
    """A short curve beside a long one keeps its own mean."""
    folder = small_pmemo(tmp_path)
    write(
        folder / "pmemo" / "metadata.csv",
        ["musicId,fileName,duration", "7,7.mp3,30.0", "9,9.mp3,30.0"],
    )
    stds = (folder / "pmemo" / "dynamic_annotations_std.csv").read_text().splitlines()
    write(folder / "pmemo" / "dynamic_annotations_std.csv", [*stds, "9,15.0,0.1,0.1"])

    means = load_pmemo(folder).mean_emotion

    np.testing.assert_allclose(means, [[0.1, 0.9], [-0.8, -0.6]], atol=1e-6)


def test_cutting_drops_shorter_songs(tmp_path: Path) -> None:
    """One common length for all: the rest is gone, the annotators' spread is cut alike."""
    data = load_pmemo(small_pmemo(tmp_path))

    assert data.cut(1).curves.shape == (1, 1, 2)
    assert len(data.cut(3)) == 0


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    """The message says which file, and what to do."""
    with pytest.raises(
        DatasetError, match=r"librosa_mfcc13_contrast7.csv is missing: point --data"
    ):
        load_deam(tmp_path)


def test_an_unknown_dataset_is_refused(tmp_path: Path) -> None:
    """The message lists the known ones."""
    with pytest.raises(DatasetError, match="unknown dataset 'million'; known: deam"):
        load("million", tmp_path)


def test_deam_has_its_1744_complete_songs(shared_data: Path) -> None:
    """27 frontend columns, 60 frames each, everything finite and in range."""
    data = load_deam(shared_data, "descriptors")

    assert data.features.shape == (1744, 27)
    assert data.curves.shape == (1744, 60, 2)
    assert np.isfinite(data.features).all()
    assert np.abs(data.curves).max() <= 1.0
    assert data.feature_names[0] == "mfcc_1"
    assert data.feature_names[-1] == "loudnessPeaksPerSec"


def test_descriptors33_are_the_same_and_two_more(shared_data: Path) -> None:
    """Onset rate and key strength stand after the columns of `descriptors`, for the same songs."""
    data, fewer = load_deam(shared_data), load_deam(shared_data, "descriptors")

    np.testing.assert_array_equal(data.features[:, :27], fewer.features)
    np.testing.assert_array_equal(data.song_ids, fewer.song_ids)
    assert data.feature_names[27:] == ("onset_rate", "key_strength")
    assert 3.0 < data.features[:, 27].mean() < 4.0  # onsets a second
    assert 0.6 < data.features[:, 28].mean() < 0.7  # a correlation


def test_all_columns_are_147(shared_data: Path) -> None:
    """Librosa 20, GeMAPS 62, Essentia 66, less the mean loudness."""
    assert load_deam(shared_data, "all").features.shape == (1744, 147)


def test_levels_are_taken_out_of_the_table(shared_data: Path) -> None:
    """Songs amplified at random have the columns that they had: their level is not to be seen."""
    as_it_is = load_deam(shared_data, "descriptors33_level")
    free = load_deam(shared_data, "descriptors33")
    names, level = as_it_is.feature_names, as_it_is.feature_names.index(MEAN)
    gain_db = np.random.default_rng(0).normal(0.0, 6.0, len(as_it_is))
    louder = as_it_is.features.astype(np.float64)
    ratio = 10 ** (0.033 * gain_db)
    for column in LEVELS:
        louder[:, names.index(column)] *= ratio
    louder[:, 0] += gain_db * np.sqrt(128)

    amplified = at_reference(louder.astype(np.float32), names, louder[:, level])

    kept = [i for i, name in enumerate(names) if i != level and name not in OF_THE_ENCODER]
    assert free.feature_names == tuple(names[i] for i in kept)
    np.testing.assert_allclose(amplified[:, kept], free.features, rtol=1e-3, atol=1e-3)


def test_no_network_reads_what_tells_of_the_encoder(shared_data: Path) -> None:
    """The contrasts of the high bands are in no set of frontend columns, but in that of all."""
    assert not set(OF_THE_ENCODER) & set(load_deam(shared_data).feature_names)
    assert set(OF_THE_ENCODER) <= set(load_deam(shared_data, "all").feature_names)


def test_emomusic_and_deam_agree_on_common_songs(shared_data: Path) -> None:
    """Two sources of the same annotations, in different scales and layouts, give equal means.

    An exchange of arousal and valence, a shifted frame or a wrong scale would show here.
    """
    deam, emomusic = load_deam(shared_data), load_emomusic(shared_data)
    common, left, right = np.intersect1d(deam.song_ids, emomusic.song_ids, return_indices=True)

    assert len(common) > 700
    for axis in range(2):
        pair = deam.mean_emotion[left, axis], emomusic.mean_emotion[right, axis]
        assert np.corrcoef(*pair)[0, 1] > 0.95
        assert np.abs(pair[0] - pair[1]).mean() < 0.05


def test_pmemo_has_the_papers_701_songs(shared_data: Path) -> None:
    """Those with 7 s of annotation or more, on 127 columns."""
    data = load_pmemo(shared_data)

    assert data.features.shape == (701, 127)
    assert data.lengths.min() >= 14
