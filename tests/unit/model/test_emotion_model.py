"""The face of the model on synthetic checkpoints, a fake frontend and made-up analyses."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.analysis import CURVE_HOP_S, Analysis, segment_spans
from model.arrays import Floats
from model.checkpoint import Checkpoint, LoadedCheckpoint, load_checkpoint, save_checkpoint
from model.curves.curve import EmotionCurve, Keyframe
from model.curves.estimation import CURVE_HOP_S as ESTIMATED_HOP_S
from model.curves.estimation import CurveSettings
from model.devices import resolve_device
from model.emotion_model import EmotionModel
from model.errors import CheckpointError, CheckpointMismatchError, ShapeError
from model.frontends import frontend_id, get_frontend
from model.scoring import Points, score
from model.shipped import FAST_CHECKPOINT
from tests.unit.checkpoints import FEATURES, small_checkpoint
from tests.unit.encoded_audio import wav
from tests.unit.music import music


class FakeFrontend:
    """Means of FEATURES stretches of each window."""

    name = "fake"
    version = 1
    feature_names = tuple(f"part_{i}" for i in range(FEATURES))
    context_s = 0.0
    grid_s = 1.0
    listens_at_lufs = None
    cues = ()

    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """[N] and [W, 2] -> [W, FEATURES]."""
        rows = []
        for start_s, end_s in windows_s.tolist():
            window = samples[int(start_s * sample_rate_hz) : int(end_s * sample_rate_hz)]
            rows.append(torch.stack([part.mean() for part in window.tensor_split(FEATURES)]))
        return torch.stack(rows)

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """Rows as they are."""
        return segments, windows


def model_of(checkpoint: Checkpoint) -> EmotionModel:
    return EmotionModel(
        LoadedCheckpoint(checkpoint, "small-0123456789ab"), FakeFrontend(), torch.device("cpu")
    )


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    return model_of(small_checkpoint())


def analysis_of(windows: Floats, duration_s: float, frontend_id: str = "fake-1") -> Analysis:
    """An analysis whose segments are the means of the windows inside them."""
    spans = segment_spans(duration_s)
    times = np.arange(len(windows)) * CURVE_HOP_S
    rows = [windows[(times >= a) & (times < b)].mean(axis=0) for a, b in spans]
    return Analysis(
        frontend_id,
        duration_s,
        spans.astype(np.float32),
        np.stack(rows).astype(np.float32),
        windows.astype(np.float32),
        -16.0,
    )


def wandering(frames: int, seed: int = 0) -> Floats:
    """A random walk through feature space."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(1, FEATURES)) + np.cumsum(
        0.15 * rng.normal(size=(frames, FEATURES)), axis=0
    )
    return walk.astype(np.float32)


def test_both_sides_land_in_the_same_spaces(model: EmotionModel) -> None:
    """Music and emotion embeddings have equal columns and positive variances."""
    music = model.embed_analyses(wandering(7))
    emotion = model.embed_emotion([EmotionCurve.constant(0.1, 0.2)] * 3)

    assert (len(music), len(emotion)) == (7, 3)
    assert music.phi.shape[1] == emotion.phi.shape[1] == 4
    assert music.mu.shape[1] == emotion.mu.shape[1] == 3
    assert {music.phi.dtype, music.var.dtype, emotion.mu.dtype} == {np.dtype(np.float32)}
    assert (music.var > 0).all()


def test_batches_do_not_change_embeddings(model: EmotionModel) -> None:
    """More rows than one batch give what single rows give."""
    rows = np.tile(wandering(50), (100, 1))

    whole = model.embed_analyses(rows)

    assert len(whole) == 5000
    np.testing.assert_allclose(
        whole.mu[4097:4100], model.embed_analyses(rows[4097:4100]).mu, atol=1e-5
    )


def test_no_rows_give_an_empty_embedding(model: EmotionModel) -> None:
    """An empty catalogue is not an error."""
    assert model.embed_analyses(np.zeros((0, FEATURES), dtype=np.float32)).mu.shape == (0, 3)


def test_foreign_rows_are_refused(model: EmotionModel) -> None:
    """The message names the shape and the model."""
    with pytest.raises(ShapeError, match=r"\(3, 31\); small-0123456789ab reads \[rows, 5\]"):
        model.embed_analyses(np.zeros((3, 31), dtype=np.float32))


def test_no_more_is_heard_than_the_highest_value() -> None:
    """Larger values of a bounded column count as its highest; other columns and spread stay."""
    rows = wandering(5)
    highest = np.array([-0.1, *[np.inf] * (FEATURES - 1)], "f4")
    bounded = model_of(replace(small_checkpoint(), highest=highest))
    whole = model_of(small_checkpoint())
    cut = np.minimum(rows, highest)
    long = np.full(len(rows), 30.0, "f4")

    for embed in ("embed_analyses", "embed_columns"):
        heard = getattr(bounded, embed)(rows).mu
        np.testing.assert_array_equal(heard, getattr(whole, embed)(cut).mu)
        assert (heard != getattr(whole, embed)(rows).mu).any()
    np.testing.assert_array_equal(bounded.emotion_sd(rows, long), whole.emotion_sd(rows, long))


@pytest.mark.parametrize("duration_s", [5.0, 15.0, 60.0, 600.0])
def test_a_stretched_or_cut_constant_curve_embeds_alike(
    model: EmotionModel, duration_s: float
) -> None:
    """Length does not leak into the embedding."""
    reference, other = (
        model.embed_emotion([EmotionCurve.constant(0.2, -0.1, d)]) for d in (30.0, duration_s)
    )

    np.testing.assert_allclose(other.mu, reference.mu, atol=1e-3)
    np.testing.assert_allclose(other.phi, reference.phi, atol=1e-2)


def test_a_stretched_movement_embeds_alike(model: EmotionModel) -> None:
    """The same rise over 20 s, 30 s or an hour is nearer to itself than to its mirror image."""

    def rise(duration_s: float, sign: float = 1.0) -> EmotionCurve:
        return EmotionCurve(
            (Keyframe(0.0, -0.3 * sign, 0.0), Keyframe(duration_s, 0.3 * sign, 0.1))
        )

    short, usual, long, fall = model.embed_emotion(
        [rise(20.0), rise(30.0), rise(3600.0), rise(30.0, -1.0)]
    ).mu

    apart = np.linalg.norm(fall - usual)
    assert np.linalg.norm(short - usual) < 0.1 * apart
    assert np.linalg.norm(long - usual) < 0.1 * apart


def test_curves_embed_alike_alone_and_in_company(model: EmotionModel) -> None:
    """Padding a batch of unequal lengths changes no row."""
    curves = [EmotionCurve.constant(0.3, 0.1, d) for d in (10.0, 47.0)]
    curves.append(EmotionCurve((Keyframe(0.0, 0.0, 0.5), Keyframe(8.0, -0.5, 0.0))))

    together = model.embed_emotion(curves)

    alone = [model.embed_emotion([curve]).mu[0] for curve in curves]
    np.testing.assert_allclose(together.mu, np.stack(alone), atol=1e-5)


def test_no_curves_are_refused(model: EmotionModel) -> None:
    """There is nothing to embed."""
    with pytest.raises(ShapeError, match="no emotion curves"):
        model.embed_emotion([])


def test_a_songs_own_emotion_scores_best(model: EmotionModel) -> None:
    """On the synthetic task, the emotion the features stand for beats its opposite."""
    features = np.array([[1.5, 1.5, 0, 0, 0], [-1.5, -1.5, 0, 0, 0]], dtype=np.float32)
    curves = [EmotionCurve.constant(*(0.3 * np.tanh([s * 1.5, s * 1.5]))) for s in (1, -1)]

    def points(rows: object) -> Points:
        return Points(*(torch.from_numpy(getattr(rows, n)) for n in ("phi", "mu", "var")))

    totals = score(
        points(model.embed_analyses(features)),
        points(model.embed_emotion(curves)),
        replace(model.scoring, lambda_gaussian=1.0),
        "m2e",
    ).total

    assert totals.argmax(dim=1).tolist() == [0, 1]


def test_mean_emotion_finds_what_it_was_fitted_to(model: EmotionModel) -> None:
    """The regression head recovers the synthetic function, (arousal, valence)."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(200, FEATURES)).astype(np.float32)

    predicted = model.mean_emotion(model.embed_analyses(features))

    truth = 0.3 * np.tanh(features[:, :2])
    assert predicted.shape == (200, 2)
    for axis in range(2):
        assert np.corrcoef(predicted[:, axis], truth[:, axis])[0, 1] > 0.8


@settings(max_examples=15, deadline=None)
@given(frames=st.integers(1, 300), seed=st.integers(0, 100))
def test_a_steady_clip_gets_a_steady_curve(model: EmotionModel, frames: int, seed: int) -> None:
    """Equal windows, of any number, give equal points with a positive spread."""
    windows = np.tile(wandering(1, seed), (frames, 1))

    curve = model.emotion_curve(analysis_of(windows, frames * CURVE_HOP_S))

    assert curve.mean.shape == curve.sd.shape == (frames, 2)
    assert np.ptp(curve.mean, axis=0).max() < 1e-4
    assert (curve.sd > 0).all()


def test_a_clip_that_brightens_gets_a_rising_curve() -> None:
    """Arousal follows the first feature, valence stays."""
    model = model_of(small_checkpoint(settings=CurveSettings(trust=(1.0, 1.0))))
    windows = np.zeros((240, FEATURES), dtype=np.float32)
    windows[:, 0] = np.linspace(-1.5, 1.5, 240)

    curve = model.emotion_curve(analysis_of(windows, 120.0))

    arousal_gain, valence_gain = curve.mean[-40:].mean(axis=0) - curve.mean[:40].mean(axis=0)
    assert arousal_gain > 0.15
    assert abs(valence_gain) < 0.5 * arousal_gain


def test_the_curves_level_is_the_segments_mean_emotion(model: EmotionModel) -> None:
    """The curve of one segment averages to what the regression head says of it."""
    analysis = analysis_of(wandering(60), 30.0)

    curve = model.emotion_curve(analysis)

    head = model.mean_emotion(model.embed_segments(analysis))[0]
    np.testing.assert_allclose(curve.overall, head, atol=1e-5)
    np.testing.assert_allclose(curve.sd, np.tile(model.segment_sd(analysis), (60, 1)), rtol=1e-6)


def test_the_spread_grows_away_from_the_training_music(model: EmotionModel) -> None:
    """From the calibrated one to three times as much; short stretches and dispute add to it."""
    near, far = np.zeros((1, FEATURES), "f4"), np.full((1, FEATURES), 9.0, "f4")
    whole = np.array([30.0], "f4")

    sd = model.emotion_sd(near, whole)

    np.testing.assert_allclose(sd, [[0.12, 0.14]], rtol=0.05)
    np.testing.assert_allclose(model.emotion_sd(far, whole), [[0.36, 0.42]], rtol=1e-6)
    assert (model.emotion_sd(near, whole / 6) > sd).all()
    disputed = model.emotion_sd(near, whole, np.array([[0.09, 0.0]], "f4"))
    np.testing.assert_allclose(disputed**2 - sd**2, [[0.09, 0.0]], atol=1e-6)


def test_the_work_grows_with_the_clip_no_faster(model: EmotionModel) -> None:
    """Forty minutes take at most thirty times the work of five; squares would make it 64 times."""
    five, forty = (analysis_of(wandering(120 * m), 60.0 * m) for m in (5, 40))

    def work_s(analysis: Analysis) -> float:
        start = time.thread_time()
        assert len(model.emotion_curve(analysis).t_s) == len(analysis.window_features)
        return time.thread_time() - start

    work_s(five)
    shorter_s, longer_s = (min(work_s(each) for _ in range(3)) for each in (five, forty))

    assert longer_s < 30.0 * shorter_s


def test_hops_agree() -> None:
    """Windows are analysed at the times that the estimate gives them."""
    assert CURVE_HOP_S == ESTIMATED_HOP_S


def test_an_analysis_of_another_frontend_is_refused(model: EmotionModel) -> None:
    """Both by name."""
    other = analysis_of(wandering(10), 5.0, frontend_id="fake-2")

    for call in (model.embed_segments, model.emotion_curve):
        with pytest.raises(CheckpointMismatchError, match="features of fake-1, not fake-2"):
            call(other)


@pytest.mark.parametrize("name", ["descriptors", "descriptors33", "descriptors34"])
def test_checkpoints_of_all_descriptors_are_read(tmp_path: Path, name: str) -> None:
    """Each with its own frontend, of which it reads the columns that it names."""
    frontend = get_frontend(name)
    columns = frontend.feature_names[:3] + frontend.feature_names[-2:]
    path = tmp_path / "m.safetensors"
    checkpoint = replace(small_checkpoint(), frontend_id=frontend_id(frontend), columns=columns)
    save_checkpoint(path, checkpoint)

    model = EmotionModel.load(path, "cpu")
    analysis = model.analyse(wav([music(12.0, 22_050, 1)], 22_050))

    assert analysis.frontend_id == f"{name}-2"
    own = analysis.segment_features[:, [0, 1, 2, -2, -1]]
    np.testing.assert_array_equal(model.embed_segments(analysis).mu, model.embed_columns(own).mu)
    assert np.isfinite(model.emotion_curve(analysis).mean).all()


def test_columns_the_frontend_lacks_are_refused() -> None:
    """By name, when the two are put together."""
    checkpoint = replace(small_checkpoint(), columns=("part_0", "mode", "part_1"))

    with pytest.raises(CheckpointMismatchError, match="reads mode, which fake-1 does not give"):
        model_of(checkpoint)


def test_a_frontend_the_build_lacks_is_refused(tmp_path: Path) -> None:
    """The message names model and frontend."""
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, replace(small_checkpoint(), frontend_id="whisper-3"))

    with pytest.raises(CheckpointError, match=r"small-.* reads features of whisper-3"):
        EmotionModel.load(path, "cpu")


def test_another_version_of_the_frontend_is_refused(tmp_path: Path) -> None:
    """The message names both versions."""
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, replace(small_checkpoint(), frontend_id="descriptors-999"))

    with pytest.raises(CheckpointMismatchError, match=r"descriptors-999, not descriptors-\d+:"):
        EmotionModel.load(path, "cpu")


def test_the_shipped_checkpoint_loads_and_separates_moods() -> None:
    """`fast` names it; calm and energetic lie apart in its spaces."""
    model = EmotionModel.load(Path("fast"), "cpu")

    calm, energetic = model.embed_emotion(
        [EmotionCurve.constant(0.2, -0.4), EmotionCurve.constant(0.3, 0.6)]
    ).mu

    assert model.model_id == load_checkpoint(FAST_CHECKPOINT).model_id
    assert FAST_CHECKPOINT.stat().st_size < 10e6
    assert np.linalg.norm(calm - energetic) > 1.0


@pytest.mark.parametrize("power", [-2.0, 0.0, 1.0, 2.0])
def test_noise_of_any_colour_is_hardly_known(power: float) -> None:
    """Violet, white, pink and brown: at least twice the spread of music that is known well."""
    model = EmotionModel.load(FAST_CHECKPOINT, "cpu")
    frequency = np.fft.rfftfreq(30 * 44_100, 1 / 44_100)
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=30 * 44_100))
    spectrum[1:] *= frequency[1:] ** (-power / 2)
    samples = np.fft.irfft(np.where(frequency > 0, spectrum, 0.0))
    analysis = model.analyse(wav(0.2 * samples[None] / np.abs(samples).max(), 44_100))

    assert (model.segment_sd(analysis) >= 2.0 * np.array(model.checkpoint.curve.sd) - 1e-6).all()


@pytest.mark.parametrize("duration_s", [15.0, 60.0])
def test_the_shipped_checkpoint_does_not_see_length(duration_s: float) -> None:
    """Constant emotions over the plane move by little beside the distance between them."""
    model = EmotionModel.load(FAST_CHECKPOINT, "cpu")
    plane = [(v, a) for v in (-0.3, 0.0, 0.3) for a in (-0.3, 0.0, 0.3)]

    usual = model.embed_emotion([EmotionCurve.constant(v, a) for v, a in plane]).mu
    other = model.embed_emotion([EmotionCurve.constant(v, a, duration_s) for v, a in plane]).mu

    nearest = min(float(np.linalg.norm(usual[i] - usual[j])) for i in range(9) for j in range(i))
    assert np.linalg.norm(other - usual, axis=1).max() < 0.1 * nearest


def test_devices_are_resolved() -> None:
    """`auto` always works; a GPU that is not there is named."""
    assert resolve_device("auto").type in ("cpu", "cuda")
    with pytest.raises(CheckpointError, match="no device 'tpux'"):
        resolve_device("tpux")
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(CheckpointError, match=f"device '{missing}' is not there"):
        resolve_device(missing)
