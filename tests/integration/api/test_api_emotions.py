"""`POST /v1/emotions` over HTTP: good clips, bad clips, and the limits of uploads."""

from __future__ import annotations

import base64
import io
import shutil
import struct
import threading
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from model.analysis import Analysis
from tests.fakes import FakeModel
from tests.running import RATE_HZ, Running, fake_settings, problem_of, running_service, tone
from tests.unit.encoded_audio import encoded
from tests.waiting import wait_until


def wav(samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> bytes:
    """Samples, [N] or [N, channels], as a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


def upload(
    running: Running, content: bytes, name: str = "clip.wav", **query: Any
) -> httpx.Response:
    """Upload bytes as a file."""
    return running.client.post("/v1/emotions", files={"file": (name, content)}, params=query)


CLIP = wav(tone(0.9, 1300.0, 4.0))


def test_a_clip_has_an_emotion_at_each_half_second(service: Running) -> None:
    """Times from 0 in steps of 0.5 s, values in range, uncertainty not negative."""
    answer = upload(service, CLIP).json()
    times = [point["t"] for point in answer["curve"]]
    assert times[:3] == [0, 0.5, 1.0]
    assert times[-1] == pytest.approx(answer["duration_s"], abs=0.51)
    assert all(-1 <= p[axis] <= 1 for p in answer["curve"] for axis in ("valence", "arousal"))
    assert all(p[axis] >= 0 for p in answer["curve"] for axis in ("valence_sd", "arousal_sd"))


def test_the_answer_names_model_snapshot_and_scale(service: Running) -> None:
    """The relative scale is the default where there is an index."""
    answer = upload(service, CLIP).json()
    assert answer["model_id"] == service.model.model_id
    assert answer["snapshot_id"]
    assert answer["scale"] == "relative"


def test_similar_tracks_sound_alike(service: Running) -> None:
    """The loud bright clip is most like the loud bright track; `similar` says how many."""
    answer = upload(service, CLIP, similar=2).json()

    assert answer["similar"][0]["track"]["title"] == "Loud bright"
    assert len(answer["similar"]) == 2
    assert upload(service, CLIP, similar=0).json()["similar"] == []


def test_a_clip_that_decodes_in_part_is_said_to(service: Running) -> None:
    """Half a WAV file, half an MP3 that counts its frames, and half a FLAC file."""
    mono = tone(0.5, 440.0, 8.0)[None].astype(np.float32)
    files = {
        "clip.wav": CLIP,
        "clip.mp3": encoded(mono, RATE_HZ, "mp3", "libmp3lame"),
        "clip.flac": encoded(mono, RATE_HZ, "flac", "flac"),
    }
    whole = {name: upload(service, content, name) for name, content in files.items()}
    half = {
        name: upload(service, content[: len(content) // 2], name) for name, content in files.items()
    }

    assert {name: answer.json()["note"] for name, answer in whole.items()} == dict.fromkeys(files)
    assert all(each.json()["note"].startswith("decoded in part") for each in half.values())


def test_the_mean_tells_clips_apart(service: Running) -> None:
    """Loud is aroused, bright is pleasant, on the absolute scale too."""
    loud = upload(service, wav(tone(0.9, 150.0)), scale="absolute").json()["mean"]
    bright = upload(service, wav(tone(0.05, 1300.0)), scale="absolute").json()["mean"]

    assert loud["arousal"] > bright["arousal"]
    assert bright["valence"] > loud["valence"]


def test_an_eight_channel_float_wav_is_mixed_down(service: Running) -> None:
    """Channels are no obstacle."""
    samples = np.repeat(tone(0.5, 440.0)[:, None], 8, axis=1)

    response = upload(service, wav(samples, subtype="FLOAT"))

    assert response.status_code == 200, response.text


def test_without_an_index_the_absolute_scale_answers(empty_service: Running) -> None:
    """Uploads work before the first index; only the relative scale has no meaning yet."""
    answer = upload(empty_service, CLIP).json()
    refused = upload(empty_service, CLIP, scale="relative")

    assert (answer["scale"], answer["snapshot_id"], answer["similar"]) == ("absolute", None, [])
    problem_of(refused, 503, "not-ready")


# What is refused ---------------------------------------------------------------------------------


def ten_hour_header() -> bytes:
    """A WAV header that promises ten hours of silence, and holds none."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(b"")
    head = bytearray(file.getvalue())
    data_bytes = 10 * 3600 * RATE_HZ * 2
    head[4:8] = struct.pack("<I", data_bytes + 36)
    head[40:44] = struct.pack("<I", data_bytes)
    return bytes(head)


BAD_FILES: dict[str, tuple[bytes, set[str]]] = {
    "empty file": (b"", {"undecodable-audio", "empty-audio"}),
    "text renamed to .mp3": (b"once upon a time\n" * 500, {"undecodable-audio"}),
    "0.1 s": (wav(tone(0.5, 440.0, 0.1)), {"audio-too-short"}),
    "10-hour header": (ten_hour_header(), {"empty-audio", "undecodable-audio"}),
    "NaN samples": (
        wav(np.full(RATE_HZ, np.nan, dtype=np.float32), subtype="FLOAT"),
        {"non-finite-audio"},
    ),
    "silence": (wav(np.zeros(5 * RATE_HZ, dtype=np.float32)), {"silent-audio"}),
    "a codec nobody knows": (
        encoded(tone(0.5, 440.0)[None], RATE_HZ, "ipod", "aac")
        .replace(b"mp4a", b"zzzz")
        .replace(b"esds", b"zzzz"),
        {"undecodable-audio"},
    ),
    "only a header": (CLIP[:44], {"empty-audio", "undecodable-audio", "audio-too-short"}),
}


@pytest.mark.parametrize(("content", "slugs"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_a_clear_problem(service: Running, content: bytes, slugs: set[str]) -> None:
    """A 4xx that says what is wrong, no trace of internals, and the service still answers."""
    response = upload(service, content, "clip.mp3")

    body = response.json()
    assert body["type"].rpartition(":")[2] in slugs, body
    problem_of(response, 422, body["type"].rpartition(":")[2])
    assert str(service.settings.data_dir) not in body["detail"]
    assert "upload-" not in body["detail"]
    assert upload(service, CLIP).status_code == 200


def test_a_truncated_mp3_yields_what_decodes(service: Running, shared_data: Path) -> None:
    """Half an MP3 is half the music, not an error."""
    whole = sorted((shared_data / "deam" / "audio").glob("*.mp3"))[0].read_bytes()

    answer = upload(service, whole[: len(whole) // 2], "half.mp3")

    assert answer.status_code == 200, answer.text
    assert 10 < answer.json()["duration_s"] < 40


def test_the_form_must_hold_a_file(service: Running) -> None:
    """Another name is told as such; a part without a file name is a file, here one of text."""
    client = service.client

    nothing = client.post("/v1/emotions", files={"other": ("a.wav", CLIP)})
    text = client.post("/v1/emotions", files={"file": (None, "words")})

    problem_of(nothing, 422, "file-missing")
    problem_of(text, 422, "undecodable-audio")


def test_a_body_that_is_no_form_is_refused(service: Running) -> None:
    """415 for another type, 422 for a broken form."""
    raw = service.client.post("/v1/emotions", content=CLIP, headers={"content-type": "audio/wav"})
    headers = {"content-type": "multipart/form-data; boundary=x"}
    broken = service.client.post("/v1/emotions", content=b"--y\r\nnonsense", headers=headers)
    bare = {"content-type": "multipart/form-data"}
    no_boundary = service.client.post("/v1/emotions", content=b"--", headers=bare)

    problem_of(raw, 415, "unsupported-media-type")
    problem_of(broken, 422, "invalid-request")
    problem_of(no_boundary, 415, "unsupported-media-type")


@pytest.mark.parametrize("query", [{"scale": "log"}, {"similar": 51}, {"similar": -1}], ids=str)
def test_bad_options_are_refused(service: Running, query: dict[str, Any]) -> None:
    """Bounds of the query hold."""
    problem_of(upload(service, CLIP, **query), 422, "invalid-request")


# Limits ------------------------------------------------------------------------------------------


class SlowModel(FakeModel):
    """Analyses only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def analyse(self, source: Any, *, max_duration_s: float | None = None) -> Analysis:
        """Wait, then analyse."""
        self.go.wait(120.0)
        return super().analyse(source, max_duration_s=max_duration_s)


@pytest.fixture
def small_service(tmp_path: Path) -> Iterator[Running]:
    """A service with narrow limits and a model that waits to be let go."""
    limits = {
        "max_upload_bytes": 200_000,
        "max_upload_duration_s": 5.0,
        "upload_timeout_s": 1.0,
        "upload_workers": 1,
        "upload_queue": 1,
    }
    with running_service(fake_settings(tmp_path, **limits), SlowModel()) as running:
        yield running
        running.model.go.set()


@pytest.mark.parametrize(
    "named",
    [
        "filename*=UTF-8''%D1%84.wav",
        "filename*0=a; filename*1=.wav",
        "FILENAME* = utf-8'en'%E2%82%AC.wav",
        "filename=\"a.wav\"; filename*=UTF-8''%D1%84.wav",
        "",
    ],
)
def test_a_file_may_be_named_in_any_way_or_none(service: Running, named: str) -> None:
    """Some clients send names that are not ASCII in an extended way alone (RFC 5987)."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; {named}\r\n\r\n'
    body = head.encode() + CLIP + b"\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}

    answer = service.client.post("/v1/emotions", content=body, headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_part_of_another_name_is_called_by_it(service: Running, size: int) -> None:
    """However large it is: a form without the file is not too large."""
    answer = service.client.post("/v1/emotions", files={"audio": ("a.wav", b"0" * size)})

    assert (
        "no part named 'file'; it has 'audio'" in problem_of(answer, 422, "file-missing")["detail"]
    )


def test_an_encoded_part_is_refused_as_such(service: Running) -> None:
    """Instead of being taken for damaged audio."""
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    head += "Content-Transfer-Encoding: base64\r\n\r\n"
    body = head.encode() + base64.b64encode(CLIP) + b"\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}

    answer = service.client.post("/v1/emotions", content=body, headers=headers)

    assert "as they are" in problem_of(answer, 415, "unsupported-media-type")["detail"]


def test_a_file_above_the_limit_is_refused(small_service: Running) -> None:
    """413, whether the length is declared or not."""
    big = b"0" * 300_000

    def in_pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(30):
            yield b"0" * 10_000
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    declared = upload(small_service, big)
    chunked = small_service.client.post("/v1/emotions", content=in_pieces(), headers=headers)

    problem_of(declared, 413, "too-large")
    problem_of(chunked, 413, "too-large")


@pytest.mark.parametrize(
    "head",
    [
        b"a" * 100_000 + b": b\r\n",
        b"X-A: " + b"b" * 100_000 + b"\r\n",
        b"X-A: b\r\n" * 10_000,
        b'Content-Disposition: form-data; name="file"; filename="' + b"c" * 100_000 + b'"\r\n',
        b"X-A: " + b"b" * 100_000,
    ],
    ids=["name", "value", "many", "file name", "without end"],
)
def test_a_part_with_a_long_head_is_refused(service: Running, head: bytes) -> None:
    """Nothing gathers it in memory: the parser of forms has a bound."""
    headers = {"content-type": "multipart/form-data; boundary=x"}
    body = b"--x\r\n" + head + b"\r\nRIFF\r\n--x--\r\n"

    answer = service.client.post("/v1/emotions", content=body, headers=headers)

    problem_of(answer, 422, "invalid-request")


def test_a_clip_above_the_duration_limit_is_refused(small_service: Running) -> None:
    """Six seconds where five are allowed."""
    small_service.model.go.set()

    response = upload(small_service, wav(tone(0.5, 440.0, 6.0)))

    problem_of(response, 413, "audio-too-long")


def test_an_upload_that_does_not_arrive_is_given_up(small_service: Running) -> None:
    """408 after the limit, not a connection held for ever."""

    def slowly() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        time.sleep(1.5)
        yield b"too late"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = small_service.client.post("/v1/emotions", content=slowly(), headers=headers)

    problem_of(response, 408, "upload-timeout")


def test_too_many_uploads_are_refused_and_none_is_lost(small_service: Running) -> None:
    """Two places: of six uploads two are answered, four get 429 with Retry-After."""
    with ThreadPoolExecutor(6) as clients:
        pending = [
            clients.submit(
                httpx.post,
                f"{small_service.url}/v1/emotions",
                files={"file": CLIP},
                timeout=300.0,
                trust_env=False,
            )
            for _ in range(6)
        ]
        wait_until(lambda: sum(future.done() for future in pending) == 4)
        small_service.model.go.set()
        answers = [future.result() for future in pending]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429, 429]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    problem_of(refused[0], 429, "busy")
    assert upload(small_service, CLIP).status_code == 200


def test_a_folder_of_uploads_that_was_tidied_away_is_made_again(service: Running) -> None:
    """Files that were not touched for long are removed on many machines."""
    shutil.rmtree(service.settings.data_dir / "uploads")

    assert upload(service, CLIP).status_code == 200


def test_no_upload_stays_on_disk(service: Running) -> None:
    """The private folder is empty after good, bad and broken uploads, and nobody else's to read."""
    (folder,) = (service.settings.data_dir / "uploads").iterdir()
    upload(service, CLIP)
    upload(service, b"nonsense")

    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o077 == 0
