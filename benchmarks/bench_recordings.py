"""Are copies of a recording found, and nothing else? `make bench-recordings`.

A hundred excerpts of music at hand are encoded five times each, at other levels and with other
lead-ins; then all of them and all music at hand are grouped as an index run groups them.
Writes `docs/benchmarks/recordings.md`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.indexing.music_at_hand import analyses_of, music_at_hand
from indexer.runs.embed import Analysed, Block, BlockBuilder
from indexer.runs.recordings import LIMITS, group, movement
from indexer.snapshot.tracks import TrackRecord
from model.analysis import CURVE_HOP_S, Analysis
from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT

REPORT = Path("docs/benchmarks/recordings.md")
SOURCES = 100
CODECS = (
    ("mp3", ["-c:a", "libmp3lame", "-b:a", "128k"]),
    ("ogg", ["-c:a", "libvorbis", "-q:a", "4"]),
    ("m4a", ["-c:a", "aac", "-b:a", "128k"]),
    ("opus", ["-c:a", "libopus", "-b:a", "96k"]),
    ("mp3", ["-c:a", "libmp3lame", "-b:a", "64k"]),
)
LEVEL_DB, LEAD_S = 6.0, 2.0


@dataclass(frozen=True)
class Pair:
    """An excerpt and one encoding of it."""

    excerpt: Path
    copy: Path
    told: str


def make_pairs(
    files: Sequence[Path], lengths: Mapping[Path, float], folder: Path, sources: int = SOURCES
) -> list[Pair]:
    """Encode excerpts of files that last over a minute, by a seeded choice."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    long = [path for path in files if lengths[path] > 58.0]
    chosen = [long[i] for i in rng.permutation(len(long))[:sources]]
    pairs = []
    for number, path in enumerate(chosen):
        start_s, length_s = rng.uniform(2.0, 6.0), rng.uniform(38.0, 50.0)
        excerpt = folder / f"{number:03d}.wav"
        _run("-ss", f"{start_s:.3f}", "-t", f"{length_s:.3f}", "-i", str(path), to=excerpt)
        for codec, (ending, options) in enumerate(CODECS):
            level_db, lead_s = rng.uniform(-LEVEL_DB, LEVEL_DB), rng.uniform(-LEAD_S, LEAD_S)
            copy = folder / f"{number:03d}-{codec}.{ending}"
            cut = f"atrim=start={-lead_s:.3f}" if lead_s < 0 else f"adelay={1e3 * lead_s:.0f}:all=1"
            change = f"volume={level_db:.2f}dB:precision=float,{cut}"
            _run("-i", str(excerpt), "-af", change, *options, to=copy)
            told = f"{path.name} {ending} {options[-1]}, {level_db:+.1f} dB, {lead_s:+.1f} s"
            pairs.append(Pair(excerpt, copy, told))
    return pairs


def _run(*arguments: str, to: Path) -> None:
    if not to.is_file():
        aside = to.with_name(f"aside-{to.name}")
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, str(aside)], check=True)
        aside.rename(to)


def records_of(files: Sequence[Path], analyses: Mapping[Path, Analysis]) -> list[TrackRecord]:
    """Files as tracks with contents of their own."""
    return [
        TrackRecord(
            n + 1, str(path), "/", str(path), path.stem, None, None, None, None,
            analyses[path].duration_s,
        )
        for n, path in enumerate(files)
    ]  # fmt: skip


def known_of(model: EmotionModel, analyses: Mapping[Path, Analysis]) -> BlockBuilder:
    """What an index run knows of each content."""
    builder = BlockBuilder(model)
    for path, analysis in analyses.items():
        estimate = model.emotion_curve(analysis)
        curve = np.concatenate([estimate.mean, estimate.sd], axis=1)
        builder.add(str(path), Analysed(analysis, curve.astype(np.float16)))
    return builder


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("/tmp/circumplex-recordings"))
    parser.add_argument("--sources", type=int, default=SOURCES, help="excerpts")
    parser.add_argument("--music", type=Path, action="append", default=[], help="further folders")
    options = parser.parse_args(arguments)
    if shutil.which("ffmpeg") is None:
        sys.stderr.write("ffmpeg makes the copies: install it\n")
        return 1
    model = EmotionModel.load(FAST_CHECKPOINT, "cpu")
    sets = music_at_hand(options.work, options.music)
    originals = [path for files in sets.values() for path in files]
    kept = options.work / "analyses"
    analyses = dict(analyses_of(originals, model, kept, _progress("music", len(originals))))
    originals = [path for path in originals if path in analyses]
    lengths = {path: analyses[path].duration_s for path in originals}
    pairs = make_pairs(originals, lengths, options.work / "copies", options.sources)
    made = list(dict.fromkeys(file for pair in pairs for file in (pair.excerpt, pair.copy)))
    analyses |= analyses_of(made, model, kept, _progress("copies", len(made)))
    text = report(model, originals, pairs, analyses, {name: len(f) for name, f in sets.items()})
    sys.stdout.write(text)
    REPORT.write_text(text, encoding="utf-8")
    return 0


def report(
    model: EmotionModel,
    originals: Sequence[Path],
    pairs: Sequence[Pair],
    analyses: Mapping[Path, Analysis],
    sets: Mapping[str, int],
) -> str:
    """Group everything and say what came together."""
    files = list(analyses)
    records = records_of(files, analyses)
    known = known_of(model, analyses)
    sizes = {record.id: Path(record.path).stat().st_size for record in records}
    began = time.perf_counter()
    grouped = group(records, sizes, known, lambda content: analyses[Path(content)])
    took_s = time.perf_counter() - began
    recording = {Path(track.path): track.recording for track in grouped}
    together = [pair for pair in pairs if recording[pair.excerpt] == recording[pair.copy]]
    apart = [pair for pair in pairs if pair not in together]
    excerpt_of = {file: pair.excerpt for pair in pairs for file in (pair.excerpt, pair.copy)}
    members: defaultdict[int | None, set[Path]] = defaultdict(set)
    for path, number in recording.items():
        members[number].add(excerpt_of.get(path, path))
    wrong = [sorted(paths) for paths in members.values() if len(paths) > 1]
    lines = [
        "# One recording, once",
        "",
        "`make bench-recordings` writes this page.",
        "",
        f"- Music at hand: {', '.join(f'{n} {name}' for name, n in sets.items())}.",
        f"- Re-encodings (5 codecs, ±{LEVEL_DB:g} dB, lead-in ±{LEAD_S:g} s): {len(together)} of "
        f"{len(pairs)} together with their excerpt ({len(together) / max(len(pairs), 1):.1%}).",
        f"- Groups of different files: {len(wrong)}, of {len(originals)} files at hand and "
        f"{len(set(excerpt_of.values()))} excerpts; those listed below are to be looked at.",
        f"- Grouping took {took_s:.1f} s for {len(files)} files.",
        f"- Limits: {LIMITS}.",
        "",
        "## Copies not found",
        "",
        *(f"- {pair.told}; {_told(pair, analyses, known.blocks)}" for pair in apart),
        "",
        "## Groups of different files",
        "",
        *(f"- {', '.join(path.name for path in paths)}" for paths in wrong),
        "",
        "## Movement of copies",
        "",
        *_quantiles(pairs, analyses),
        "",
    ]
    return "\n".join(lines)


def _told(pair: Pair, analyses: Mapping[Path, Analysis], blocks: Mapping[str, Block]) -> str:
    keys = [
        np.percentile(blocks[str(path)].curve[:, :2].astype(float), [15, 50, 85], axis=0)
        for path in (pair.excerpt, pair.copy)
    ]
    lengths = [analyses[path].duration_s for path in (pair.excerpt, pair.copy)]
    return (
        f"movement {_movement(pair, analyses):.2f}, quantiles within "
        f"{np.abs(keys[0] - keys[1]).max():.2f}, lengths {lengths[0]:.1f} and {lengths[1]:.1f} s"
    )


def _movement(pair: Pair, analyses: Mapping[Path, Analysis]) -> float:
    most = round(LIMITS.shift_s / CURVE_HOP_S)
    one, other = (analyses[path].window_features for path in (pair.excerpt, pair.copy))
    return max(movement(one, other, shift) for shift in range(-most, most + 1))


def _quantiles(pairs: Sequence[Pair], analyses: Mapping[Path, Analysis]) -> list[str]:
    found = [_movement(pair, analyses) for pair in pairs]
    shown = np.percentile(found, [0, 1, 5, 50]) if found else np.zeros(4)
    counted = Counter(value >= LIMITS.movement for value in found)
    return [
        f"Least {shown[0]:.3f}, 1 % {shown[1]:.3f}, 5 % {shown[2]:.3f}, median {shown[3]:.3f}; "
        f"{counted[True]} reach the limit."
    ]


def _progress(name: str, total: int):  # type: ignore[no-untyped-def]
    def show(done: int) -> None:
        if done % 50 == 0 or done == total:
            sys.stderr.write(f"{name}: {done} of {total}\n")

    return show


if __name__ == "__main__":
    sys.exit(main())
