"""Writes mood tags into files, proves that the audio stayed, and undoes it all.

A file is tagged as a copy beside it, compared with the original (audio, and every other tag), and
renamed over it. Before that, what it held goes into the undo file. The catalogue learns the new
size, time and hash at once, so no index run takes the file for changed music.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.errors import ConflictError, InvalidRequestError
from app.library.live import Live
from app.tagging import fields
from app.tagging.audio_digest import audio_digest
from indexer.catalog.catalog import Catalog
from indexer.catalog.records import Track
from indexer.folders.files import content_id, file_path
from indexer.folders.roots import is_in_store
from indexer.folders.walk import found_file
from indexer.runs.analyses import AnalysisStore
from indexer.storage import PRIVATE_FILE, write_private
from model.feelings.moods import plane_words

UNDO = "tags-undo.jsonl"
MOST_WORDS = 2  # mood words of a track
FARTHEST = 0.45  # of a word from the track, on the relative plane; the nearest is always taken


@dataclass(frozen=True)
class Planned:
    """What a track's tags will be."""

    track: Track
    path: Path
    values: Mapping[str, list[str]]
    before: Mapping[str, list[str] | None]

    @property
    def is_new(self) -> bool:
        """Whether the file says something else now."""
        return any(self.before[name] != value for name, value in self.values.items())


@dataclass(frozen=True)
class Undo:
    """How to put a file back: its place, our tags before, and its time stamps."""

    track_id: int
    path: str
    values: Mapping[str, list[str] | None]
    had_tags: bool
    atime_ns: int
    mtime_ns: int


class Tagger:
    """Tags the files of a snapshot below a folder."""

    def __init__(self, live: Live, catalog: Catalog, data_dir: Path, folder: Path) -> None:
        """Look at nothing yet.

        Raises:
            InvalidRequestError: There is no such folder.
        """
        if not folder.is_dir():
            raise InvalidRequestError(f"{folder} is no folder")
        self._live, self._catalog = live, catalog
        self._data_dir, self._folder = data_dir, folder.resolve()
        self._words = plane_words()

    def planned(self) -> Iterator[Planned]:
        """What each track below the folder will be tagged with; files that take no tags are out."""
        relative = self._live.snapshot.scale.to_relative(self._live.track_emotion)  # [T, 2]
        rows = {t: row for row, t in enumerate(self._live.snapshot.tracks.ids.tolist())}
        for track in self._catalog.published_tracks():
            path = file_path(track.root, track.path)
            if is_in_store(track.root) or track.id not in rows:
                continue
            if not path.resolve().is_relative_to(self._folder):
                continue
            try:
                before = fields.read(fields.opened(path))
            except InvalidRequestError:
                continue
            arousal, valence = (float(each) for each in relative[rows[track.id]])
            values = {
                fields.MOOD: self._moods(valence, arousal),
                fields.VALENCE: [f"{valence:.3f}"],
                fields.AROUSAL: [f"{arousal:.3f}"],
            }
            yield Planned(track, path, values, before)

    def write(self, plan: Planned, *, keep_times: bool) -> None:
        """Tag a file.

        Raises:
            ConflictError: An index run is under way.
            InvalidRequestError: The file cannot be written, or its audio would not stay.
        """
        require_rest(self._catalog)
        status = plan.path.stat()
        had = fields.opened(plan.path).tags is not None
        undo = Undo(
            plan.track.id, str(plan.path), plan.before, had, status.st_atime_ns, status.st_mtime_ns
        )
        (self._data_dir / UNDO).touch(PRIVATE_FILE)
        with (self._data_dir / UNDO).open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(json.dumps(asdict(undo), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        times = (status.st_atime_ns, status.st_mtime_ns) if keep_times else None
        _rewrite(plan.path, dict(plan.values), drop_all=False, times=times)
        _restate(self._catalog, self._data_dir, plan.track.id, plan.path)

    def _moods(self, valence: float, arousal: float) -> list[str]:
        """The words nearest to a place, nearest first."""
        far = sorted(
            (((v - valence) ** 2 + (a - arousal) ** 2) ** 0.5, word)
            for word, (v, a) in self._words.items()
        )
        near = [word for distance, word in far[:MOST_WORDS] if distance <= FARTHEST]
        return near or [far[0][1]]


def undo_all(catalog: Catalog, data_dir: Path) -> tuple[int, list[str]]:
    """Put back what the undo file holds, the latest first.

    Returns:
        How many files were put back, and those that could not be; they stay in the undo file.

    Raises:
        ConflictError: An index run is under way.
        InvalidRequestError: There is nothing to undo, or the undo file is damaged.
    """
    require_rest(catalog)
    path = data_dir / UNDO
    try:
        lines = filter(None, path.read_text("utf-8", "surrogateescape").split("\n"))
        entries = [Undo(**json.loads(line)) for line in lines]
    except FileNotFoundError as exc:
        raise InvalidRequestError("there is nothing to undo: no tags were written") from exc
    except (ValueError, TypeError) as exc:
        raise InvalidRequestError(f"{path} is damaged: {exc}") from exc
    done, lost = 0, []
    for entry in reversed(entries):
        file = Path(entry.path)
        try:
            times = (entry.atime_ns, entry.mtime_ns)
            _rewrite(file, dict(entry.values), drop_all=not entry.had_tags, times=times)
        except (InvalidRequestError, OSError):
            lost.append(entry)
            continue
        _restate(catalog, data_dir, entry.track_id, file)
        done += 1
    if lost:
        kept = "".join(json.dumps(asdict(e), ensure_ascii=False) + "\n" for e in reversed(lost))
        write_private(path, kept.encode("utf-8", "surrogateescape"))
    else:
        path.unlink()
    return done, [entry.path for entry in lost]


def require_rest(catalog: Catalog) -> None:
    """Make sure that no index run reads the files meanwhile.

    Raises:
        ConflictError: One is queued or under way.
    """
    if any(not run.is_over for run in catalog.list_runs(limit=1)):
        raise ConflictError("an index run is under way: tag when it is over")


def _rewrite(
    path: Path, values: dict[str, Any], *, drop_all: bool, times: tuple[int, int] | None
) -> None:
    """Set our tags of a file by way of a copy whose audio and other tags are compared."""
    aside = path.with_name(f".circumplex-{os.getpid()}.part{path.suffix}")
    try:
        audio = audio_digest(path)
        shutil.copy2(path, aside)
        file = fields.opened(aside)
        before = _kept(path, file)
        fields.write(file, values)
        if drop_all and not before and file.tags is not None:
            file.delete(aside)
        else:
            fields.save(file, aside)
        _refuse_harm(path, aside, before, audio)
        if times is not None:
            os.utime(aside, ns=times)
        aside.replace(path)
    except InvalidRequestError:
        raise
    except OSError as exc:
        raise InvalidRequestError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    except Exception as exc:  # whatever odd files make a writer raise
        raise InvalidRequestError(f"{path.name} cannot be tagged: {exc}") from exc
    finally:
        aside.unlink(missing_ok=True)


def _kept(path: Path, file: Any) -> dict[str, str]:
    """The other tags of a file.

    Raises:
        InvalidRequestError: Bytes of them are no text, and would not be written as they were.
    """
    before = fields.others(file)
    if any("\N{REPLACEMENT CHARACTER}" in text for text in before.values()):
        raise InvalidRequestError(f"{path.name}: its tags are no UTF-8; it is left as it was")
    return before


def _refuse_harm(path: Path, aside: Path, before: dict[str, str], audio: str) -> None:
    """Make sure that a rewritten copy holds the other tags and the audio of the file.

    Raises:
        InvalidRequestError: It does not.
    """
    if fields.others(fields.opened(aside)) != before:
        raise InvalidRequestError(f"{path.name}: other tags would change; it is left as it was")
    if audio_digest(aside) != audio:
        raise InvalidRequestError(f"{path.name}: the audio would change; it is left as it was")


def _restate(catalog: Catalog, data_dir: Path, track_id: int, path: Path) -> None:
    """Tell the catalogue what the file is now, and keep its analysis under its new hash."""
    track = catalog.track(track_id)
    status = path.stat()
    with path.open("rb") as file:
        content = content_id(file)
    if track.content_id is not None:
        AnalysisStore(data_dir, track.frontend_id).alias(track.content_id, content)
    catalog.restate_file(track_id, found_file(track.root, track.path, status), content)
