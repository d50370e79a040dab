"""Hostile files as uploads, as a library to index and as covers: what every process takes.

The service runs with its defaults. All processes below it are looked at twenty times a second:
their resident memory, and whether their private memory stays within the limit that the kernel holds
them to.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile

from benchmarks.service.catalogue import TOKEN, serving
from benchmarks.service.weight import below, number_of, resident_mib
from benchmarks.withstand.hostile import audio_files, cover_files
from benchmarks.withstand.hostile.named import NamedFile
from benchmarks.withstand.target import PLAYLIST

MIB = 1 << 20
LOOK_S = 0.05
UPLOAD_S = 120.0  # the default of CIRCUMPLEX_ANALYSIS_TIMEOUT_S
COVER_S = 10.0  # two pictures of five seconds each: inside the file and beside it
SLACK_S = 10.0  # for a worker that is started anew, on a machine that does other things
RUN_S = 3600.0
GROWTH_MIB = 50
GOOD = ("good one.wav", "good two.wav")


@dataclass
class FilesFound:
    """What the files cost.

    Attributes:
        files: How many audio files and pictures there were.
        before_mib: Memory of the service before.
        most_mib: The most it had.
        worst_s: Longest upload, index run and cover, by name, with what took it.
        statuses: Of uploads and covers.
        unexpected: What was not answered as it should be.
        run: The index run.
        resident_mib: The most that one process of each kind had.
        over_limit: Processes above the limit of their memory, or without one.
    """

    files: tuple[int, int]
    before_mib: int = 0
    most_mib: int = 0
    worst_s: dict[str, tuple[float, str]] = field(default_factory=dict)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)
    resident_mib: dict[str, int] = field(default_factory=dict)
    over_limit: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it should be."""
        growth = self.most_mib - self.before_mib
        grown = [f"the service grew by {growth} MiB"] if growth > GROWTH_MIB else []
        return [*self.unexpected, *self.over_limit, *grown]

    def took(self, kind: str, name: str, seconds: float, most_s: float) -> None:
        """Note how long something took."""
        self.worst_s[kind] = max(self.worst_s.get(kind, (0.0, "")), (seconds, name))
        if seconds > most_s:
            self.unexpected.append(f"{kind} {name} took {seconds:.1f} s")


def good_music(seed: int) -> tuple[np.ndarray, int]:
    """Twenty-five seconds of chords with a beat, and their rate."""
    rate_hz, draws = 22_050, np.random.default_rng(seed)
    t = np.arange(25 * rate_hz) / rate_hz
    chord = sum(np.sin(2 * np.pi * hz * t) for hz in draws.choice((220, 262, 330, 392, 440), 3))
    beat = np.exp(-((t * 2) % 1) * 6)
    return (0.2 * chord * (0.3 + beat) + 0.01 * draws.normal(size=len(t))).astype("f4"), rate_hz


def write_good_songs(music: Path) -> None:
    """A library of two songs."""
    music.mkdir()
    for name, seed in zip(GOOD, (1, 2), strict=True):
        soundfile.write(music / name, *good_music(seed))


def write_hostile(music: Path, audio: Sequence[NamedFile], covers: Sequence[NamedFile]) -> None:
    """The audio files in one folder, each picture beside a good song of its own."""
    (music / "hostile").mkdir()
    for file in audio:
        (music / "hostile" / file.name).write_bytes(file.content)
    for number, file in enumerate(covers):
        album = music / f"cover {number}"
        album.mkdir()
        samples, rate_hz = good_music(1)
        soundfile.write(album / "song.flac", samples[: 2 * rate_hz], rate_hz)
        (album / f"cover{Path(file.name).suffix}").write_bytes(file.content)


@dataclass
class ProcessWatch:
    """Looks at the service and all processes below it until the block ends."""

    pid: int
    found: FilesFound

    def __enter__(self) -> ProcessWatch:
        """Begin."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(LOOK_S):
            self.found.most_mib = max(self.found.most_mib, resident_mib(self.pid))
            for pid in below(self.pid):
                with suppress(OSError):
                    self._look_at(Path(f"/proc/{pid}"))

    def _look_at(self, process: Path) -> None:
        status = (process / "status").read_text()
        command = (process / "cmdline").read_bytes().split(b"\0")
        at = command.index(b"-m") + 1 if b"-m" in command else 0
        kind = command[at].decode().rpartition("/")[2] or "a process"
        resident_mib = number_of(status, "VmHWM") // 1024
        self.found.resident_mib[kind] = max(self.found.resident_mib.get(kind, 0), resident_mib)
        limit = number_of((process / "limits").read_text(), "Max data size")
        if 0 < limit < number_of(status, "VmData") * 1024:
            self.found.over_limit.append(f"{kind} has more than its {limit // MIB} MiB")


class FilesClient:
    """Brings files to a service, and notes what it says."""

    def __init__(self, port: int, found: FilesFound) -> None:
        """Ask the service on this port."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=url, headers=headers, timeout=RUN_S)
        self.found = found

    def upload(self, name: str, content: bytes) -> None:
        """Have one file analysed."""
        began_s = time.monotonic()
        answer = self._client.post("/v1/emotions", files={"file": (name, content)})
        self.found.took("upload", name, time.monotonic() - began_s, UPLOAD_S + SLACK_S)
        self._note("upload", name, answer.status_code, {200, 413, 422})

    def index(self) -> None:
        """Have the whole library indexed; good songs must be in it then."""
        began_s = time.monotonic()
        run = self._client.post("/v1/admin/index-runs", json={}).json()
        while run["state"] in ("queued", "running") and time.monotonic() - began_s < RUN_S:
            time.sleep(0.5)
            run = self._client.get(f"/v1/admin/index-runs/{run['id']}").json()
        self.found.took("index run", "of all files", time.monotonic() - began_s, RUN_S)
        self.found.run = {k: run[k] for k in ("state", "error", "files_total", "files_failed")}
        if run["state"] != "succeeded":
            self.found.unexpected.append(f"the run {run['state']}: {run['error']}")
        missing = set(GOOD) - {track["path"] for track in self._tracks()}
        self.found.unexpected += [f"{name} is not in the index" for name in sorted(missing)]

    def covers(self) -> None:
        """Ask for the cover of every track."""
        for track in self._tracks():
            began_s = time.monotonic()
            answer = self._client.get(f"/v1/tracks/{track['id']}/cover?size=256")
            self.found.took("cover", track["path"], time.monotonic() - began_s, COVER_S + SLACK_S)
            self._note("cover", track["path"], answer.status_code, {200, 404})

    def playlist(self) -> None:
        """Ask for a playlist."""
        answer = self._client.post("/v1/playlists", json=PLAYLIST)
        self._note("playlist", "of five", answer.status_code, {200})

    def _tracks(self) -> list[dict[str, Any]]:
        tracks: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query: dict[str, str | int] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = self._client.get("/v1/tracks", params=query).json()
            tracks += page["items"]
            cursor = page["next_cursor"]
        return tracks

    def _note(self, kind: str, name: str, status: int, expected: set[int]) -> None:
        self.found.statuses.setdefault(kind, Counter())[status] += 1
        if status not in expected:
            self.found.unexpected.append(f"{kind} {name}: {status}")

    def close(self) -> None:
        """End."""
        self._client.close()


def files_found(folder: Path, every: int = 1) -> FilesFound:
    """What the hostile files cost a service with its defaults.

    Args:
        folder: An empty folder for its music and its data.
        every: Take each file, or each second one and so on.
    """
    audio, covers = [*audio_files()][::every], [*cover_files()][::every]
    write_good_songs(folder / "music")
    found = FilesFound((len(audio), len(covers)))
    with serving(folder / "data", folder / "music") as (port, pid):
        client = FilesClient(port, found)
        client.index()  # all that a service does is done once before its memory is looked at
        client.covers()
        client.upload("good", (folder / "music" / GOOD[0]).read_bytes())
        client.playlist()
        found.before_mib = resident_mib(pid)
        write_hostile(folder / "music", audio, covers)
        with ProcessWatch(pid, found):
            for file in audio:
                client.upload(file.name, file.content)
            client.index()
            client.covers()
        client.close()
    return found


def files_page(found: FilesFound) -> str:
    """The results as Markdown."""
    audio, covers = found.files
    worst = "; ".join(
        f"{kind} {seconds:.1f} s ({name})" for kind, (seconds, name) in found.worst_s.items()
    )
    statuses = "; ".join(
        f"{kind}s: {', '.join(f'{count} of {status}' for status, count in sorted(counts.items()))}"
        for kind, counts in found.statuses.items()
    )
    resident = ", ".join(f"`{kind}` {mib}" for kind, mib in sorted(found.resident_mib.items()))
    return "\n".join(
        [
            "\n## Hostile files\n",
            f"{audio} audio files and {covers} pictures of `benchmarks/withstand/hostile`, made by "
            "code: declared sizes and counts, edit lists, packed tags and blocks, chains, scans, "
            "hours in kilobytes. Each audio file as an upload; all of them as a library with good "
            "songs; each cover.\n",
            f"- Memory of the service before and at most, MiB: {found.before_mib} / "
            f"{found.most_mib}. Allowed: {GROWTH_MIB} more.",
            f"- The most that one process of a kind had resident, MiB: {resident}. Above the limit "
            f"that the kernel holds it to: {len(found.over_limit)}.",
            f"- Longest: {worst}.",
            f"- Answers: {statuses}. Index run: {found.run.get('state')}, "
            f"{found.run.get('files_failed')} of {found.run.get('files_total')} files failed.",
            f"- Not as it should be: {len(found.faults)}"
            + "".join(f"\n  - {fault}" for fault in found.faults),
            "",
        ]
    )
