"""Track metadata inside a snapshot: columns that filters scan and answers read, without SQL.

Text columns are dictionary-coded: one int32 code a track into a sorted vocabulary. Nothing is
turned into Python objects until a row is asked for, so opening costs the same for any size.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from indexer.errors import TrackNotFoundError
from indexer.folders.files import genres_of, known_artists_of
from indexer.snapshot.answering import Answering, kind_codes
from indexer.snapshot.filters import Columns, TrackFilter, TrackTerms, Unmatched
from indexer.snapshot.format import load_array, save_array
from indexer.snapshot.text_column import Groups, TextColumn
from model.folding import fold
from model.verdict import KINDS, VerdictKind

TEXT_COLUMNS = ("content_id", "root", "path", "title", "artist", "album", "genre")
_NO_YEAR = np.iinfo(np.int32).min
_REMEMBERED = 1024  # filters


@dataclass(frozen=True)
class TrackRecord:
    """One track of the catalogue, as the snapshot keeps it.

    Attributes:
        id: The catalogue's id, kept over snapshots.
        content_id: Hash of the file's bytes; equal for re-releases.
        root: The music root it was found in.
        path: Relative to the root.
        title: From the tags, like the next four; None where there is no such tag.
        artist: See title.
        album: See title.
        genre: See title.
        year: See title.
        duration_s: Decoded length.
        verdict: What it is taken for; see `model.verdict`.
        recording: Id of the track that answers for its recording; None: itself, or where several
            have its content the first of them.
    """

    id: int
    content_id: str
    root: str
    path: str
    title: str | None
    artist: str | None
    album: str | None
    genre: str | None
    year: int | None
    duration_s: float
    verdict: VerdictKind = "music"
    recording: int | None = None


class TrackTable(Sequence[TrackRecord]):
    """The tracks of a snapshot in order of their ids; records are made when asked for."""

    def __init__(self, folder: Path, rows: int, has_music: bool | None = None) -> None:
        self.ids: NDArray[np.int64] = load_array(folder, "track_id", rows=rows)
        self._years: NDArray[np.int32] = load_array(folder, "track_year", rows=rows)
        self._durations_s: NDArray[np.float64] = load_array(folder, "track_duration_s", rows=rows)
        self._text = {name: TextColumn.read(folder, name, rows) for name in TEXT_COLUMNS}
        self.answering = _answering(folder, self.ids, self.content_codes, has_music)
        self._unmatched: dict[TrackTerms, tuple[Unmatched, ...]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> TrackRecord: ...
    @overload
    def __getitem__(self, row: slice) -> list[TrackRecord]: ...
    def __getitem__(self, row: int | slice) -> TrackRecord | list[TrackRecord]:
        if isinstance(row, slice):
            return [self._record(each) for each in range(len(self))[row]]
        return self._record(range(len(self))[row])

    def __iter__(self) -> Iterator[TrackRecord]:
        return (self._record(row) for row in range(len(self)))

    def row_of(self, track_id: int) -> int:
        """Row of a track.

        Raises:
            TrackNotFoundError: The snapshot lacks it.
        """
        row = int(np.searchsorted(self.ids, track_id))
        if row == len(self.ids) or self.ids[row] != track_id:
            raise TrackNotFoundError(
                f"track {track_id} is not in this snapshot of {len(self)} tracks: "
                "run `circumplex index` to bring it up to date"
            )
        return row

    def has_namesake(self, row: int) -> bool:
        """Whether another music root holds a file at the same path below it."""
        path = int(self._text["path"].codes[row])
        return bool(self._path_counts[path] > 1)

    @cached_property
    def _path_counts(self) -> NDArray[np.int64]:
        codes = self._text["path"].codes
        return np.bincount(codes, minlength=1) if len(codes) else np.zeros(1, dtype=np.int64)

    @property
    def content_codes(self) -> NDArray[np.int32]:
        """Equal for tracks with the same content, [T]."""
        return self._text["content_id"].codes

    def rows_with_content(self, content_id: str) -> NDArray[np.intp]:
        """The rows of all tracks of a content, ascending."""
        return self._text["content_id"].rows_of(content_id)

    def rows_titled(self, title: str) -> NDArray[np.intp]:
        """The rows of this title, without case and accents, ascending."""
        return np.flatnonzero(self._text["title"].matching([title]))

    @cached_property
    def artist_groups(self) -> Groups:
        """The artists of each track, each of several on its own; "Various Artists" is none."""
        return self._text["artist"].grouped(known_artists_of).of_rows

    @property
    def total_s(self) -> float:
        """Length of all tracks together, seconds."""
        return float(self._durations_s.sum())

    def genres(self) -> list[tuple[str, int]]:
        """Each name a filter may use, as it is mostly spelt, and its tracks; the largest first."""
        return _counted_names(self._text["genre"], genres_of)

    def column(self, name: str) -> TextColumn:
        """A text column by its name, one of `TEXT_COLUMNS`."""
        return self._text[name]

    @property
    def durations_s(self) -> NDArray[np.float64]:
        """Length of each track, seconds, [T]."""
        return self._durations_s

    def passing(self, filters: TrackFilter) -> NDArray[np.bool_]:
        """Mask of the tracks that a filter lets through, one of each recording, [T]."""
        kinds = self.answering.of_kinds(filters.let_in)
        passing = self._columns.passing(filters) & kinds
        if filters.exclude_ids:
            excluded = np.isin(self.ids, np.fromiter(filters.exclude_ids, dtype=np.int64))
            passing[self.answering.with_copies(np.flatnonzero(excluded))] = False
        return self.answering.one_each(passing)

    def copies_of(self, row: int) -> list[int]:
        """Ids of the other tracks of the same recording, ascending."""
        return [int(self.ids[other]) for other in self.answering.copies_of(row)]

    def unmatched(self, terms: TrackTerms) -> tuple[Unmatched, ...]:
        """The properties of a filter that no track has; answers are remembered."""
        known = self._unmatched.get(terms)
        if known is None:
            if len(self._unmatched) >= _REMEMBERED:
                self._unmatched.clear()
            known = self._unmatched[terms] = tuple(self._columns.unmatched(terms))
        return known

    @property
    def _columns(self) -> Columns:
        return Columns(self.ids, self._years, self._durations_s, self._text, _NO_YEAR)

    def _record(self, row: int) -> TrackRecord:
        text = {name: column[row] for name, column in self._text.items()}
        year = int(self._years[row])
        return TrackRecord(
            id=int(self.ids[row]),
            content_id=text["content_id"] or "",
            root=text["root"] or "",
            path=text["path"] or "",
            title=text["title"],
            artist=text["artist"],
            album=text["album"],
            genre=text["genre"],
            year=None if year == _NO_YEAR else year,
            duration_s=float(self._durations_s[row]),
            verdict=KINDS[self.answering.kinds[row]],
            recording=None if self.answering.best[row] else int(self.answering.answers_for[row]),
        )


def _counted_names(
    column: TextColumn, names_of: Callable[[str], tuple[str, ...]]
) -> list[tuple[str, int]]:
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for joined, count in column.counts():
        for name in {fold(name): name for name in names_of(joined)}.values():
            spellings[fold(name)][name] += count
    found = [(names.most_common(1)[0][0], names.total()) for names in spellings.values()]
    return sorted(found, key=lambda name: (-name[1], name[0]))


def write_tracks(folder: Path, tracks: Sequence[TrackRecord]) -> None:
    """Write the columns of `tracks`, which are sorted by id."""
    years = [_NO_YEAR if track.year is None else track.year for track in tracks]
    save_array(folder, "track_id", np.array([track.id for track in tracks], dtype=np.int64))
    save_array(folder, "track_year", np.array(years, dtype=np.int32))
    durations_s = np.array([track.duration_s for track in tracks], dtype=np.float64)
    save_array(folder, "track_duration_s", durations_s)
    save_array(folder, "track_kind", kind_codes([track.verdict for track in tracks]))
    save_array(folder, "track_recording", answering_ids(tracks))
    for name in TEXT_COLUMNS:
        TextColumn.write(folder, name, [getattr(track, name) for track in tracks])


def answering_ids(tracks: Sequence[TrackRecord]) -> NDArray[np.int64]:
    """Id of the track that answers for each one's recording, [T]."""
    first: dict[str, int] = {}
    for track in sorted(tracks, key=lambda track: track.id):
        first.setdefault(track.content_id, track.id)
    found = (first[t.content_id] if t.recording is None else t.recording for t in tracks)
    return np.fromiter(found, dtype=np.int64, count=len(tracks))


def _answering(
    folder: Path, ids: NDArray[np.int64], content: NDArray[np.int32], has_music: bool | None
) -> Answering:
    """The columns of kinds and recordings; older snapshots hold music, and copies by content."""
    if (folder / "track_kind.npy").is_file():
        kinds = load_array(folder, "track_kind", rows=len(ids))
        recording = load_array(folder, "track_recording", rows=len(ids))
        return Answering(ids, kinds, recording, has_music)
    _, first, codes = np.unique(content, return_index=True, return_inverse=True)
    music = kind_codes(["music"]).repeat(len(ids))
    return Answering(ids, music, np.asarray(ids)[first[codes.reshape(-1)]])
