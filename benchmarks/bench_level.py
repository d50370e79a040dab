"""What level, format and strangeness of a file do to its emotion; writes `level.md` and `.json`.

    python -m benchmarks.bench_level --data DIR

Ten real tracks are made louder and softer, written in other formats with FFmpeg, given silence
around them, and made louder in their second half. Sounds that are no music are made up (noises,
tones, clicks, espeak-ng's voices), to see how much less the model claims to know of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.shared_data import data_folder
from model.analysis import Analysis
from model.audio.decoding import decode
from model.emotion_model import EmotionModel

REPOSITORY = Path(__file__).resolve().parent.parent

Samples = NDArray[np.float64]

GAINS_DB = (-18.0, -12.0, -6.0, 6.0)
FORMATS: Mapping[str, tuple[str, ...]] = {
    "mp3": ("-b:a", "128k"),
    "ogg": ("-c:a", "libvorbis", "-q:a", "4"),
    "m4a": ("-c:a", "aac", "-b:a", "128k"),
    "opus": ("-c:a", "libopus", "-b:a", "96k"),
    "32kHz.flac": ("-ar", "32000"),
    "48kHz.flac": ("-ar", "48000"),
    "96kHz.flac": ("-ar", "96000"),
    "192kHz.flac": ("-ar", "192000"),
    "mono.flac": ("-ac", "1"),
    "silence.flac": ("-af", "adelay=2000:all=1,apad=pad_dur=2"),
    "cut.flac": ("-ss", "2"),
}
LOUDER_DB = 10.0
RATE_HZ = 44_100
VOICES = ("en", "de", "fr", "es", "it", "ru", "pl", "tr", "pt", "hi")
TEXT = "The quick brown fox jumps over the lazy dog. It was a dark and stormy night. " * 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = EmotionModel.load(options.checkpoint, "cpu")
    tracks = ten_tracks(options.data)
    with tempfile.TemporaryDirectory() as name:
        figures = {
            "model_id": model.model_id,
            "tracks": [path.name for path in tracks],
            **of_tracks(model, tracks, Path(name)),
            "strangers": strangers(model, Path(name)),
        }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "level.json").write_text(json.dumps(figures, indent=1) + "\n")
    (options.out / "level.md").write_text(page(figures))
    print(page(figures))


def ten_tracks(data: Path) -> list[Path]:
    """Ten real recordings of several genres, each of about a minute or more."""
    rated = sorted((data / "emotify_dev").glob("*/*.mp3"))
    composed = sorted((data / "open_audio").glob("*/*.mp3"))
    return [*rated[:: max(1, len(rated) // 8)][:8], *composed[:2]]


def of_tracks(model: EmotionModel, tracks: Iterable[Path], folder: Path) -> dict[str, Any]:
    """Largest and mean movement of the mean emotion over the tracks, by what was done to them."""
    moved: dict[str, list[list[float]]] = {}
    rises: list[list[float]] = []
    for path in tracks:
        source = folder / "source.wav"
        ffmpeg(path, source, "-ar", str(RATE_HZ), "-t", "90", "-c:a", "pcm_f32le")
        plain = model.analyse(source)
        own = overall(model, plain)
        for key, changed in altered(source, folder):
            moved.setdefault(key, []).append(
                (overall(model, model.analyse(changed)) - own).tolist()
            )
        rises.append([rise(model, plain), rise(model, model.analyse(second_half_louder(source)))])
    return {
        "moved": {key: summary(np.abs(np.array(rows))) for key, rows in moved.items()},
        "second_half": {"before": [r[0] for r in rises], "louder": [r[1] for r in rises]},
    }


def altered(source: Path, folder: Path) -> Iterable[tuple[str, Path]]:
    """What was done to a track, and the file."""
    for gain_db in GAINS_DB:
        changed = folder / "gain.wav"
        ffmpeg(source, changed, "-af", f"volume={gain_db}dB", "-c:a", "pcm_f32le")
        yield f"gain {gain_db:+.0f} dB", changed
    for name, arguments in FORMATS.items():
        changed = folder / f"changed.{name}"
        ffmpeg(source, changed, *arguments)
        yield name, changed


def ffmpeg(source: Path, target: Path, *arguments: str) -> None:
    command = ["ffmpeg", "-v", "error", "-y", "-nostdin", "-i", str(source), *arguments]
    subprocess.run([*command, str(target)], check=True)


def overall(model: EmotionModel, analysis: Analysis) -> NDArray[np.float64]:
    """Mean (arousal, valence) of a file, [2]."""
    return model.emotion_curve(analysis).overall.astype(np.float64)


def rise(model: EmotionModel, analysis: Analysis) -> float:
    """How much more arousal the second half of a curve has than the first."""
    arousal = model.emotion_curve(analysis).mean[:, 0]
    half = len(arousal) // 2
    return float(arousal[half:].mean() - arousal[:half].mean())


def second_half_louder(source: Path) -> Path:
    audio = decode(source)
    samples = audio.samples.copy()
    samples[len(samples) // 2 :] *= 10 ** (LOUDER_DB / 20)
    return write(source.with_name("half.wav"), samples, audio.sample_rate_hz)


def write(path: Path, samples: NDArray[Any], rate_hz: int) -> Path:
    raw = path.with_suffix(".raw")
    raw.write_bytes(samples.astype("<f4").tobytes())
    command = ["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ar", str(rate_hz), "-ac", "1"]
    subprocess.run([*command, "-i", str(raw), "-c:a", "pcm_f32le", str(path)], check=True)
    return path


def summary(rows: NDArray[np.float64]) -> dict[str, list[float]]:
    return {
        "mean": [round(float(x), 4) for x in rows.mean(axis=0)],
        "largest": [round(float(x), 4) for x in rows.max(axis=0)],
    }


def strangers(model: EmotionModel, folder: Path) -> dict[str, Any]:
    """Stated standard deviation over that of well-known music, by sound, and the emotion."""
    home = np.array(model.checkpoint.curve.sd)
    result = {}
    for name, path in sounds(folder):
        curve = model.emotion_curve(model.analyse(path))
        result[name] = {
            "ratio": [round(float(x), 2) for x in curve.sd.mean(axis=0) / home],
            "emotion": [round(float(x), 3) for x in curve.overall],
        }
    return result


def sounds(folder: Path) -> Iterable[tuple[str, Path]]:
    """Sounds that are no music, 30 s each, and what they are called."""
    for name, make in synthetic().items():
        yield name, write(folder / "sound.wav", make(), RATE_HZ)
    for voice in VOICES:
        spoken = folder / "voice.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-w", str(spoken), TEXT], check=True)
        yield f"voice {voice}", spoken


def synthetic() -> dict[str, Callable[[], Samples]]:
    t = np.arange(30 * RATE_HZ) / RATE_HZ

    def noise(power: float) -> Callable[[], Samples]:
        return lambda: coloured(power, len(t))

    def sine(hz: float) -> Callable[[], Samples]:
        return lambda: 0.3 * np.sin(2 * np.pi * hz * t)

    def clicks(rate: int) -> Callable[[], Samples]:
        return lambda: 0.8 * (np.arange(len(t)) % (RATE_HZ // rate) == 0)

    return {
        **{
            name: noise(power)
            for name, power in (
                ("violet noise", -2.0),
                ("blue noise", -1.0),
                ("white noise", 0.0),
                ("pink noise", 1.0),
                ("brown noise", 2.0),
            )
        },
        **{f"sine {hz} Hz": sine(hz) for hz in (60, 220, 440, 1000, 5000)},
        **{f"{rate} clicks a second": clicks(rate) for rate in (2, 8)},
        "DC with a little noise": lambda: 0.3 + 0.005 * coloured(0.0, len(t)),
        "square wave": lambda: 0.2 * np.sign(np.sin(2 * np.pi * 110 * t)),
    }


def coloured(power: float, count: int) -> Samples:
    """Noise whose power falls with frequency to `power`, peak .2."""
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=count))
    spectrum[1:] *= frequency[1:] ** (-power / 2)
    spectrum[0] = 0
    samples = np.fft.irfft(spectrum, count)
    return np.asarray(0.2 * samples / np.abs(samples).max(), dtype=np.float64)


def page(figures: Mapping[str, Any]) -> str:
    moved = [
        f"| {key} | {_pair(row['mean'])} | {_pair(row['largest'])} |"
        for key, row in figures["moved"].items()
    ]
    halves = figures["second_half"]
    gained = np.array(halves["louder"]) - np.array(halves["before"])
    ratios = [
        f"| {name} | {' / '.join(f'{x:.2f}' for x in row['ratio'])} | {_pair(row['emotion'])} |"
        for name, row in figures["strangers"].items()
    ]
    return "\n".join(
        [
            "# Level, format, and what is no music\n",
            f"Written by `make bench-level` with {figures['model_id']}. Pairs are arousal / "
            "valence.\n",
            "## What a file's level and format do to its mean emotion\n",
            f"{len(figures['tracks'])} real tracks; movement on the plane, [-1, 1].\n",
            "| | mean movement | largest |",
            "|---|---|---|",
            *moved,
            "\n## A louder second half\n",
            f"{LOUDER_DB:.0f} dB more from the middle on: arousal of the second half over the "
            f"first rises by {gained.mean():+.3f} on average, {gained.min():+.3f} at least.\n",
            "## What is no music\n",
            "Stated standard deviation over that of music of the kind that the model was trained "
            "on, and the mean emotion that comes out.\n",
            "| sound | times the spread | emotion |",
            "|---|---|---|",
            *ratios,
            "",
        ]
    )


def _pair(values: Iterable[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
