"""Uploads whose analyses wait at the same moment are heard together, each as if it were alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.clips.clips import Clip, clip_emotion, clip_emotions, written
from app.library.live import Live
from app.wire.responses import EmotionResponse
from benchmarks.service.catalogue import SNAPSHOTS, live_of, write_catalogue
from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from model.analysis import CURVE_HOP_S, Analysis, segment_spans
from model.curves.curve import EmotionCurve
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.errors import CheckpointMismatchError, ShapeError
from model.shipped import FAST_CHECKPOINT
from tests.fakes import FakeModel
from tests.running import Running, fake_settings, index_now, running_service, tone, write_library
from tests.unit.encoded_audio import encoded
from tests.waiting import wait_until

CLIPS = 8
FRAGILE = 77.0  # what a broken clip's features are
ROUNDED = 1.01e-4  # curves are rounded to four decimals; a last bit may tip one
LAST_BITS = 1e-4  # of scores and emotions


class Counting:
    """The shipped model; counts the calls of its two networks and fails on fragile features."""

    def __init__(self, model: EmotionModel) -> None:
        self._model = model
        self.model_id, self.scoring = model.model_id, model.scoring
        self.frontend, self.checkpoint = model.frontend, model.checkpoint
        self.emphasises = model.emphasises
        self.curve_of = model.curve_of
        self.music_calls = self.emotion_calls = 0

    def embed_analyses(self, features: NDArray[np.float32]) -> Embedding:
        """Count, and embed."""
        self.music_calls += 1
        if (features == FRAGILE).any():
            raise RuntimeError("the device gave up")
        return self._model.embed_analyses(features)

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """Count, and embed."""
        self.emotion_calls += 1
        return self._model.embed_emotion(curves)


@pytest.fixture(scope="module")
def shipped() -> EmotionModel:
    """The shipped model."""
    return EmotionModel.load(FAST_CHECKPOINT, "cpu")


@pytest.fixture
def counting(shipped: EmotionModel) -> Counting:
    """The same, counted."""
    return Counting(shipped)


@pytest.fixture(scope="module")
def catalogue(shipped: EmotionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred invented tracks."""
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(folder, shipped, 1000)
    return folder


@pytest.fixture
def live(shipped: EmotionModel, catalogue: Path) -> Live:
    """Its snapshot, just opened."""
    snapshot = Snapshot.open(catalogue / "snapshots" / SNAPSHOTS[0])
    return live_of(Searcher(snapshot, shipped.scoring))


def analysis(model: EmotionModel, seconds: float, seed: int) -> Analysis:
    """What a walk through feature space would have been decoded to."""
    rng = np.random.default_rng(seed)
    shape = (round(seconds / CURVE_HOP_S), len(model.frontend.feature_names))
    windows = np.cumsum(0.3 * rng.normal(size=shape), axis=0).astype(np.float32)
    spans = segment_spans(seconds)
    times = np.arange(len(windows)) * CURVE_HOP_S
    rows = [windows[(times >= start) & (times < end)].mean(axis=0) for start, end in spans]
    name = f"{model.frontend.name}-{model.frontend.version}"
    return Analysis(name, seconds, spans.astype(np.float32), np.stack(rows), windows, -16.0)


def clips(model: EmotionModel) -> list[Clip]:
    """Long and short ones, with several wishes."""
    return [
        Clip(
            analysis(model, 5.0 + 37.0 * number, number),
            "absolute" if number % 3 == 2 else None,
            (10, 3, 0)[number % 3],
        )
        for number in range(CLIPS)
    ]


def assert_same(left: EmotionResponse, right: EmotionResponse) -> None:
    """Equal but for the last bits of floats."""
    assert (left.scale, left.duration_s) == (right.scale, right.duration_s)
    points = [[point.model_dump() for point in answer.curve] for answer in (left, right)]
    assert len(points[0]) == len(points[1])
    for one, other in zip(*points, strict=True):
        assert one == pytest.approx(other, abs=ROUNDED)
    assert left.mean.model_dump() == pytest.approx(right.mean.model_dump(), abs=LAST_BITS)
    assert [each.track for each in left.similar] == [each.track for each in right.similar]
    for mine, theirs in zip(left.similar, right.similar, strict=True):
        assert mine.score == pytest.approx(theirs.score, abs=LAST_BITS)


def test_clips_heard_together_are_those_heard_alone(counting: Counting, live: Live) -> None:
    """The same curves, means and similar tracks, for fewer calls than there are clips."""
    asked = clips(counting._model)
    alone = [clip_emotion(clip, counting, live) for clip in asked]
    calls_alone, emotion_calls_alone = counting.music_calls, counting.emotion_calls
    counting.music_calls = counting.emotion_calls = 0

    together = clip_emotions(asked, counting, live)

    assert (calls_alone, counting.music_calls) == (CLIPS, 1)
    assert (emotion_calls_alone, counting.emotion_calls) == (1, 0)  # once a snapshot
    for one, other in zip(alone, together, strict=True):
        assert isinstance(other, EmotionResponse)
        assert_same(one, other)
    assert [len(answer.similar) for answer in alone] == [10, 3, 0, 10, 3, 0, 10, 3]


def test_without_an_index_clips_are_heard_together_too(counting: Counting) -> None:
    """Nothing is similar, and only the relative scale has no meaning."""
    asked = clips(counting._model)
    refused = replace(asked[0], scale="relative")

    answers = clip_emotions([*asked, refused], counting, None)

    assert counting.music_calls == 1
    assert [type(answer).__name__ for answer in answers] == [
        *["EmotionResponse"] * CLIPS,
        "NotReadyError",
    ]


def test_a_broken_clip_fails_alone(counting: Counting, live: Live) -> None:
    """A foreign analysis, one of another width and one that breaks the device: three errors."""
    whole = clips(counting._model)
    first = whole[0].analysis
    foreign = replace(first, frontend_id="other-1")
    narrow = replace(
        first,
        segment_features=first.segment_features[:, 1:],
        window_features=first.window_features[:, 1:],
    )
    fragile = replace(first, window_features=np.full_like(first.window_features, FRAGILE))
    broken = [Clip(each, None, 5) for each in (foreign, narrow, fragile)]

    answers = clip_emotions([broken[0], *whole[:2], broken[1], broken[2], whole[2]], counting, live)

    errors = [answer for answer in answers if isinstance(answer, Exception)]
    assert [type(error) for error in errors] == [CheckpointMismatchError, ShapeError, RuntimeError]
    expected = [clip_emotion(clip, counting, live) for clip in whole[:3]]
    for one, other in zip(expected, [answers[1], answers[2], answers[5]], strict=True):
        assert isinstance(other, EmotionResponse)
        assert_same(one, other)


def test_an_answer_that_cannot_be_written_fails_alone(counting: Counting) -> None:
    """Half a character, which no JSON can hold: the others' answers are those they had."""
    answers = clip_emotions(clips(counting._model)[:3], counting, None)
    assert isinstance(answers[1], EmotionResponse)
    answers[1] = answers[1].model_copy(update={"model_id": "\ud800"})

    first, broken, last = written(answers)

    assert isinstance(broken, Exception)
    for answer, text in [(answers[0], first), (answers[2], last)]:
        assert isinstance(text, str)
        assert EmotionResponse.model_validate_json(text) == answer


# Over HTTP ---------------------------------------------------------------------------------------


class GatedModel(FakeModel):
    """Embeds the first features after `close` only once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.heard = 0
        self.go, self.began = threading.Event(), threading.Event()
        self.go.set()

    def close(self) -> None:
        """Hold the next call up, and count from it."""
        self.calls = 0
        self.go.clear()
        self.began.clear()

    def embed_analyses(self, features: NDArray[np.float32]) -> Embedding:
        """Wait, count, and embed."""
        self.began.set()
        assert self.go.wait(120.0)
        self.calls += 1
        return super().embed_analyses(features)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[tuple[Running, GatedModel]]:
    """A service that hears when it is let, with places for all."""
    write_library(tmp_path / "music")
    model = GatedModel()
    with running_service(fake_settings(tmp_path, upload_queue=2 * CLIPS), model) as running:
        index_now(running)
        yield running, model
        model.go.set()


def upload(running: Running, content: bytes) -> httpx.Response:
    """Upload a clip on a connection of its own."""
    return httpx.post(
        f"{running.url}/v1/emotions",
        files={"file": ("clip.flac", content)},
        timeout=300.0,
        trust_env=False,
    )


def test_uploads_at_once_cost_fewer_calls_than_uploads(
    gated: tuple[Running, GatedModel], capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight clips and a broken one: two calls of the model, and what each gets alone."""
    running, model = gated
    files = [encoded(tone(0.1 * n, 150.0 * n)[None], 8000, "flac", "flac") for n in range(1, 9)]
    files.append(b"no music at all" * 1000)
    alone = [upload(running, file) for file in files]
    model.close()

    with ThreadPoolExecutor(len(files)) as clients:
        first = clients.submit(upload, running, files[0])
        assert model.began.wait(120.0)
        others = [clients.submit(upload, running, file) for file in files[1:]]
        wait_until(lambda: waiting(running, CLIPS), 120.0)
        model.go.set()
        crowd = [future.result() for future in (first, *others)]

    with capsys.disabled():
        print(f"\n{CLIPS} clips at once: {model.calls} calls of the music network")
    assert model.calls == 2
    assert [answer.status_code for answer in crowd] == [200] * CLIPS + [422]
    for one, other in zip(alone[:CLIPS], crowd[:CLIPS], strict=True):
        assert_same(*(EmotionResponse.model_validate(each.json()) for each in (one, other)))


def waiting(running: Running, count: int) -> bool:
    """Whether so many analysed clips wait or are being heard, and nothing else is in work."""
    metrics = running.client.get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
    held = (values["circumplex_clips_held"], values['circumplex_uploads{state="held"}'])
    return [float(each) for each in held] == [count, count]
