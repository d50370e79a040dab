"""Is it music? Verdicts on made-up files and on all music at hand: `make bench-verdict`.

Two hundred files are made: espeak-ng in ten voices and languages, some over quiet noise; noises of
several colours; tones; clicks; room tone. Writes `docs/benchmarks/verdict.md`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.indexing.music_at_hand import analyses_of, files_of, music_at_hand
from model.analysis import Analysis
from model.emotion_model import EmotionModel
from model.frontends.speech import weights_path
from model.judge import Judge
from model.shipped import FAST_CHECKPOINT
from model.verdict import Verdict

REPORT = Path("docs/benchmarks/verdict.md")
RATE_HZ = 22_050
VOICES = ("en", "de", "fr", "es", "it", "pt", "pl", "ru", "sv", "tr")
VARIANTS = ("", "+m3", "+f2", "+m7", "+f4")
TEXTS = {
    "en": "The north wind and the sun were disputing which was the stronger, when a traveller "
    "came along wrapped in a warm cloak. They agreed that the one who first succeeded in making "
    "the traveller take his cloak off should be considered stronger than the other.",
    "de": "Einst stritten sich Nordwind und Sonne, wer von ihnen beiden wohl der Stärkere wäre, "
    "als ein Wanderer, der in einen warmen Mantel gehüllt war, des Weges daherkam.",
    "fr": "La bise et le soleil se disputaient, chacun assurant qu'il était le plus fort, quand "
    "ils ont vu un voyageur qui s'avançait, enveloppé dans son manteau.",
    "es": "El viento norte y el sol discutían sobre cuál de ellos era el más fuerte, cuando pasó "
    "un viajero envuelto en una gruesa capa.",
    "it": "Si bisticciavano un giorno il vento di tramontana e il sole, l'uno pretendendo d'esser "
    "più forte dell'altro, quando videro un viaggiatore, che veniva innanzi avvolto nel mantello.",
    "pt": "O vento norte e o sol discutiam qual dos dois era o mais forte, quando sucedeu passar "
    "um viajante envolto numa capa.",
    "pl": "Pewnego razu północny wiatr i słońce sprzeczali się, kto z nich jest silniejszy.",
    "ru": "Однажды северный ветер и солнце поспорили, кто из них сильнее. Как раз в это время они "
    "заметили закутанного в плащ путника.",
    "sv": "Nordanvinden och solen tvistade en gång om vem av dem som var starkast.",
    "tr": "Kuzey ile güneş hangisinin daha güçlü olduğu konusunda konuşuyor ve sonra susuyor.",
}

Samples = NDArray[np.floating[Any]]


def make_files(folder: Path) -> list[Path]:
    """Write the two hundred files, the same each time; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    for name, samples in _made(rng, folder):
        if not (folder / name).is_file():
            soundfile.write(folder / name, np.clip(samples, -1.0, 1.0), RATE_HZ)
    return files_of(folder)


def _made(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Samples]]:
    for i in range(80):
        yield _speech(i, rng, folder)
    for i in range(120):
        samples = int(RATE_HZ * rng.uniform(21.0, 80.0))
        if i < 40:
            colour = (-2, -1, 0, 1, 2)[i % 5]
            yield (
                f"noise-{i:02d}-{colour:+d}.wav",
                0.5 * _noise(samples, colour, rng),
            )
        elif i < 80:
            name, tone = _tone(i, samples, rng)
            yield f"tone-{i - 40:02d}-{name}.wav", tone * rng.uniform(0.1, 0.9)
        elif i < 100:
            yield f"clicks-{i - 80:02d}.wav", _clicks(i, samples, rng)
        else:
            yield f"room-{i - 100:02d}.wav", _room(samples, rng)


def _speech(i: int, rng: np.random.Generator, folder: Path) -> tuple[str, Samples]:
    voice = VOICES[i % 10] + VARIANTS[i // 10 % 5]
    name, aside = f"speech-{i:02d}-{voice}.wav", folder / "speech.part"
    speed, pitch, snr_db = rng.integers(120, 210), rng.integers(25, 75), rng.uniform(15.0, 35.0)
    length_s, level_db, colour = rng.uniform(22.0, 60.0), rng.uniform(-12.0, 0.0), rng.integers(3)
    if (folder / name).is_file():
        return name, np.zeros(1)
    text = f"{TEXTS[VOICES[i % 10]]} " * 8
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(aside)]
    subprocess.run([*command, text], check=True)
    samples, rate_hz = soundfile.read(aside)
    aside.unlink()
    assert rate_hz == RATE_HZ
    spoken = samples[: int(length_s * RATE_HZ)]
    if i % 4 == 3:
        noise = _noise(len(spoken), -int(colour), np.random.default_rng(i))
        ratio = np.sqrt(np.square(spoken).mean() / np.square(noise).mean())
        spoken = spoken + noise * ratio * 10 ** (-snr_db / 20)
    return name, spoken * 10 ** (level_db / 20)


def _noise(samples: int, colour: int, rng: np.random.Generator) -> Samples:
    """Noise whose power goes with the frequency to the power of `colour`."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.arange(len(spectrum)), 1.0)
    noise = np.fft.irfft(spectrum * frequency ** (colour / 2.0), samples)
    return np.asarray(noise / np.abs(noise).max())


def _tone(i: int, samples: int, rng: np.random.Generator) -> tuple[str, Samples]:
    t_s, hz = np.arange(samples) / RATE_HZ, rng.uniform(60.0, 3000.0)
    phase, rate = 2.0 * np.pi * hz * t_s, rng.uniform(0.3, 3.0)
    last_s = t_s[-1]
    kinds: dict[str, Callable[[], Samples]] = {
        "sine": lambda: np.sin(phase),
        "square": lambda: 0.5 * np.sign(np.sin(phase)),
        "saw": lambda: 2.0 * (hz * t_s % 1.0) - 1.0,
        "sweep": lambda: np.sin(2.0 * np.pi * (100.0 * t_s + 1950.0 * t_s**2 / last_s)),
        "dial": lambda: 0.5 * (np.sin(700.0 * np.pi * t_s) + np.sin(880.0 * np.pi * t_s)),
        "beeps": lambda: np.sin(phase) * (t_s * rate % 1.0 < 0.5),
        "hum": lambda: sum(np.sin(100.0 * np.pi * k * t_s) / (2.0 * k) for k in (1, 2, 3)),
        "tremolo": lambda: np.sin(phase) * (1.0 + 0.3 * np.sin(10.0 * np.pi * t_s)) / 1.3,
    }
    name = list(kinds)[i % len(kinds)]
    return name, np.asarray(kinds[name]())


def _clicks(i: int, samples: int, rng: np.random.Generator) -> Samples:
    made, t = np.zeros(samples), np.arange(200)
    bursts = (np.ones(1), np.exp(-t / 30.0) * np.sin(0.6 * t), np.exp(-t / 20.0) * _burst(rng))
    click = bursts[i % 3]
    places = np.arange(0, samples - 200, int(RATE_HZ * rng.uniform(0.1, 2.0)))
    if i % 2:
        count = int(samples / RATE_HZ * rng.uniform(0.5, 6.0))
        places = rng.integers(0, samples - 200, count)
    for place in places:
        made[place : place + len(click)] += 0.8 * click
    return made


def _burst(rng: np.random.Generator) -> Samples:
    return np.asarray(rng.standard_normal(200))


def _room(samples: int, rng: np.random.Generator) -> Samples:
    t_s = np.arange(samples) / RATE_HZ
    hum = 0.002 * np.sin(100.0 * np.pi * t_s) + 0.001 * np.sin(200.0 * np.pi * t_s)
    room = 0.01 * _noise(samples, -2, rng) + 0.003 * _noise(samples, -1, rng) + hum
    t = np.arange(4000)
    for _ in range(int(rng.integers(0, 4))):
        place = int(rng.integers(0, samples - 4000))
        room[place : place + 4000] += 0.05 * rng.standard_normal(4000) * np.exp(-t / 600.0)
    return np.asarray(room * rng.uniform(0.5, 4.0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("/tmp/circumplex-recordings"))
    parser.add_argument("--music", type=Path, action="append", default=[], help="more music")
    parser.add_argument("--speech", type=Path, action="append", default=[], help="more speech")
    options = parser.parse_args(arguments)
    if shutil.which("espeak-ng") is None or weights_path() is None:
        sys.stderr.write("espeak-ng and the package silero-vad are needed: install them\n")
        return 1
    model = EmotionModel.load(FAST_CHECKPOINT, "cpu")
    sets = {"made up": make_files(options.work / "made")}
    sets |= {f"speech in {folder.name}": files_of(folder) for folder in options.speech}
    n_other = len(sets)
    sets |= music_at_hand(options.work, options.music)
    kept = options.work / "analyses"
    began = time.perf_counter()
    analysed = {name: analyses_of(files, model, kept) for name, files in sets.items()}
    judged = {name: judge(found, model.judge) for name, found in analysed.items()}
    sys.stderr.write(f"{time.perf_counter() - began:.0f} s\n")
    text = report(judged, n_other)
    sys.stdout.write(text)
    REPORT.write_text(text, encoding="utf-8")
    return 0


Judged = Mapping[Path, tuple[Verdict, Verdict]]


def judge(analyses: Mapping[Path, Analysis], shipped: Judge) -> Judged:
    """The verdict on each file, as in a library of the set alone, and whatever its length."""
    lengths_s = [one.duration_s for one in analyses.values() if one.duration_s >= shipped.least_s]
    beside, anyway = replace(shipped, least_s=shipped.shortest_s(lengths_s)), Judge(least_s=0.0)
    return {
        path: (beside.verdict(analysis), anyway.verdict(analysis))
        for path, analysis in analyses.items()
    }


def report(judged: Mapping[str, Judged], n_other: int) -> str:
    """Counts for each set and both lists of errors by name."""
    names = list(judged)
    lines = ["# Is it music?", "", "`make bench-verdict` writes this page.", ""]
    lines += ["| set | files | music | speech | noise or tone | short | music by sound alone |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for name, found in judged.items():
        kinds = [verdict.kind for verdict, _ in found.values()]
        alone = sum(verdict.kind == "music" for _, verdict in found.values())
        counts = (kinds.count(kind) for kind in ("music", "speech", "noise", "short"))
        lines.append(f"| {name} | {len(kinds)} | {' | '.join(map(str, counts))} | {alone} |")
    other = {p: both for name in names[:n_other] for p, both in judged[name].items()}
    taken = [path for path, (verdict, _) in other.items() if verdict.kind == "music"]
    music = {p: both for name in names[n_other:] for p, both in judged[name].items()}
    left = {p: v for p, (v, _) in music.items() if v.kind in ("speech", "noise")}
    alone = {p: v for p, (_, v) in music.items() if v.kind != "music"}
    lines += [
        "",
        f"Not music, but taken for music: {len(taken)} of {len(other)} "
        f"({len(taken) / len(other):.1%}).",
        "",
        *(f"- {path.name}" for path in taken),
        "",
        f"Music, but left out: {len(left)} of {len(music)} ({len(left) / len(music):.1%}); too "
        f"short: {sum(v.kind == 'short' for v, _ in music.values())}; by sound alone, whatever "
        f"the length: {len(alone)} ({len(alone) / len(music):.1%}).",
        "",
        *(f"- {path.parent.name}/{path.name}: {v.kind}, {v.reason}" for path, v in left.items()),
        *(
            f"- by sound alone: {path.parent.name}/{path.name}: {v.kind}, {v.reason}"
            for path, v in alone.items()
            if path not in left
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
