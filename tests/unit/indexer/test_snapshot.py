"""Snapshots come back as written, refuse damage by name and keep the published format readable."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import (
    SnapshotDamagedError,
    SnapshotError,
    SnapshotFormatError,
    SnapshotNotFoundError,
    TrackNotFoundError,
)
from indexer.search.searcher import Searcher
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.format import FORMAT, MANIFEST_NAME
from indexer.snapshot.reader import Snapshot, whole_tracks
from model.curves.curve import QuantileScale
from tests import snapshots

FIXTURES = Path(__file__).parents[2] / "fixtures"
PUBLISHED = sorted(path for path in FIXTURES.glob("snapshot-format-*") if path.is_dir())


@pytest.fixture
def data() -> SnapshotContent:
    return snapshots.content(12)


@pytest.fixture
def snapshot(tmp_path: Path, data: SnapshotContent) -> Snapshot:
    return snapshots.written(tmp_path / "one", data)


def test_tracks_come_back_in_order_of_id(snapshot: Snapshot, data: SnapshotContent) -> None:
    """Every tag survives, None included, whatever order the tracks were given in."""
    assert list(snapshot.tracks) == sorted(data.tracks, key=lambda track: track.id)


def test_odd_text_survives(tmp_path: Path, data: SnapshotContent) -> None:
    """Undecodable file names, other scripts and empty tags come back as they were."""
    odd = replace(data.tracks[0], path="caf\udce9.mp3", title="", artist="Сергей 音楽 🎵")
    tracks = [odd, *data.tracks[1:]]

    snapshot = snapshots.written(tmp_path / "odd", replace(data, tracks=tracks))

    assert snapshot.tracks[snapshot.tracks.row_of(odd.id)] == odd


def test_each_track_keeps_its_segments(snapshot: Snapshot, data: SnapshotContent) -> None:
    """Sorting the tracks moves their segments along."""
    for position, track in enumerate(data.tracks):
        rows = np.flatnonzero(data.segment_track == position)
        found = snapshots.embedding_of(snapshot, track.id)
        assert np.array_equal(found.mu, data.embedding.mu[rows])
        assert np.array_equal(found.phi, data.embedding.phi[rows])


def test_each_track_keeps_its_curve(snapshot: Snapshot, data: SnapshotContent) -> None:
    """Times at 2 Hz, means and spreads of the right track."""
    for position, track in enumerate(data.tracks):
        t_s, mean, sd = snapshot.curve(track.id)
        values = data.curve_values[4 * position : 4 * position + 4].astype(np.float32)
        assert t_s.tolist() == [0.0, 0.5, 1.0, 1.5]
        assert np.array_equal(np.concatenate([mean, sd], axis=1), values)


def test_the_scale_comes_back_as_fitted(snapshot: Snapshot, data: SnapshotContent) -> None:
    """The relative scale is fitted to the emotions that stand for whole tracks."""
    by_track = np.argsort([data.tracks[i].id for i in data.segment_track], kind="stable")
    whole = whole_tracks(data.segment_s[by_track], snapshot.track_first)
    expected = QuantileScale.fit(data.segment_emotion[by_track][whole])

    assert np.array_equal(snapshot.scale.quantiles, expected.quantiles)


def test_the_manifest_says_what_it_holds(snapshot: Snapshot) -> None:
    """Format, model, counts, engine, and size and hash of every other file."""
    manifest = snapshot.manifest
    files = {path.name for path in snapshot.folder.iterdir()} - {MANIFEST_NAME}

    assert (manifest.format, manifest.model_id, manifest.engine) == (2, snapshots.MODEL_ID, "exact")
    assert (manifest.tracks, manifest.segments) == (12, 60)
    assert set(manifest.files) == files


def test_an_unknown_track_is_refused_by_name(snapshot: Snapshot) -> None:
    """The message names the id."""
    with pytest.raises(TrackNotFoundError, match="track 11 is not in this snapshot"):
        snapshots.embedding_of(snapshot, 11)


def test_a_missing_snapshot_is_said_to_be_missing(tmp_path: Path) -> None:
    """The remedy is to index first."""
    with pytest.raises(SnapshotNotFoundError, match="circumplex index"):
        Snapshot.open(tmp_path / "none")


def test_an_unknown_format_names_both_versions(snapshot: Snapshot) -> None:
    """A snapshot of a newer build is not guessed at."""
    path = snapshot.folder / MANIFEST_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))

    with pytest.raises(SnapshotFormatError, match=r"format 99; this build reads 2: run"):
        Snapshot.open(snapshot.folder)


def test_every_damaged_file_is_refused_by_name(snapshot: Snapshot, tmp_path: Path) -> None:
    """A flipped bit, a cut end and a missing file are each found, in each file."""
    for name in snapshot.manifest.files:
        for harm in ("flipped", "cut", "missing"):
            copy = tmp_path / f"{name}-{harm}"
            shutil.copytree(snapshot.folder, copy)
            _harm(copy / name, harm)
            with pytest.raises(SnapshotDamagedError, match=name.replace(".", r"\.")):
                Snapshot.open(copy).verify()


def _harm(path: Path, harm: str) -> None:
    content = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(content[:-1])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "x"}', '{"format": 2}'])
def test_a_damaged_manifest_is_refused(snapshot: Snapshot, text: str) -> None:
    """No traceback of a parser: the path and the remedy."""
    (snapshot.folder / MANIFEST_NAME).write_text(text)

    with pytest.raises(SnapshotDamagedError, match=r"manifest\.json.*circumplex index --full"):
        Snapshot.open(snapshot.folder)


def test_a_snapshot_is_never_overwritten(snapshot: Snapshot, data: SnapshotContent) -> None:
    """Writing to an existing name is refused and leaves it intact."""
    with pytest.raises(SnapshotError, match="never changed"):
        snapshots.written(snapshot.folder, data)

    Snapshot.open(snapshot.folder).verify()


def test_a_track_without_segments_is_refused(tmp_path: Path, data: SnapshotContent) -> None:
    """A failed file has no place in a snapshot, and nothing is left on the disk."""
    extra = replace(
        data,
        tracks=[*data.tracks, snapshots.track(9990)],
        curve_offsets=np.append(data.curve_offsets, data.curve_offsets[-1]),
    )

    with pytest.raises(SnapshotError, match="track 9990 has no segment"):
        snapshots.written(tmp_path / "bad", extra)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["phi", "mu", "var"])
def test_non_finite_embeddings_are_refused(
    tmp_path: Path, data: SnapshotContent, part: str
) -> None:
    """NaN would poison every bound."""
    values = getattr(data.embedding, part).copy()
    values[3, 1] = np.nan
    broken = replace(data, embedding=replace(data.embedding, **{part: values}))

    with pytest.raises(SnapshotError, match=f"{part} holds NaN"):
        snapshots.written(tmp_path / "bad", broken)


def test_the_published_format_is_kept() -> None:
    """There is a fixture of the format that this build writes."""
    assert {int(path.name.split("-")[2]) for path in PUBLISHED} == {FORMAT}


def test_format_1_is_refused_by_name(snapshot: Snapshot) -> None:
    """Development wrote it before the first release; the message says what to do."""
    path = snapshot.folder / MANIFEST_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))

    with pytest.raises(SnapshotFormatError, match=r"format 1; this build reads 2: .*--full"):
        Snapshot.open(snapshot.folder)


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda path: path.name)
def test_published_formats_keep_loading_and_answering(folder: Path) -> None:
    """A snapshot that an earlier build wrote verifies and gives the answer recorded with it."""
    snapshot = Snapshot.open(folder)
    snapshot.verify()
    expected = json.loads((folder.parent / f"{folder.name}.json").read_text())

    query = snapshots.embedding(1, 77, d_kl=snapshot.embedding.mu.shape[1])
    result = snapshots.found(Searcher(snapshot, snapshots.scoring()), query, limit=5)

    assert [hit.track_id for hit in result.hits] == expected["track_ids"]
    assert [hit.score for hit in result.hits] == pytest.approx(expected["scores"], abs=1e-9)
    assert result.exact
