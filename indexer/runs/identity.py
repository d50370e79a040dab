"""Which track a file is: ids stay with the content when files move, else with the path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from indexer.catalog.records import FileResult, KnownFile, TrackChange, TrackChanges
from indexer.folders.files import FoundFile


def by_address(known: Iterable[KnownFile]) -> dict[str, KnownFile]:
    """The track of each place; one that is missing gives way to one that is there."""
    order = sorted(known, key=lambda file: file.status != "missing")
    return {file.address: file for file in order}


def match_identities(
    results: Sequence[FileResult],
    known: Mapping[str, KnownFile],
    gone: Sequence[KnownFile],
    next_id: int,
    elsewhere: Sequence[KnownFile] = (),
) -> TrackChanges:
    """Give every examined file the id of its track.

    A file keeps the id of the track with its content if that track is gone or has other content
    now (moved, renamed, swapped); otherwise the id of the track at its place (edited);
    otherwise it gets a new one.

    Args:
        results: What was found out about new and changed files.
        known: The track of each address, from `by_address`.
        gone: Tracks whose files are not there, missing for long or as of now.
        next_id: The first free id.
        elsewhere: Tracks of other roots whose files are not there: a root that was renamed. One
            that no file is stays as it is.
    """
    results = sorted(results, key=lambda result: result.found.address)
    claims = _Claims(known, (*gone, *elsewhere), results)
    chosen = {result.found.address: claims.by_content(result) for result in results}
    changed: list[TrackChange] = []
    new: list[TrackChange] = []
    for result in results:
        track_id = chosen[result.found.address] or claims.by_place(result)
        if track_id is None:
            new.append(TrackChange(next_id + len(new), result))
        else:
            changed.append(TrackChange(track_id, result))
    taken = {result.found.address for result in results}
    staying = {file.id for file in elsewhere}
    lost = [file for file in claims.unclaimed() if file.id not in staying]
    return TrackChanges(
        new=tuple(new),
        changed=tuple(changed),
        missing_ids=tuple(sorted(file.id for file in lost if file.status != "missing")),
        displaced_ids=tuple(
            sorted(file.id for file in lost if file.address in taken or file.misplaced)
        ),
    )


class _Claims:
    """The tracks that files may claim: gone ones, and those whose place holds other content."""

    def __init__(
        self,
        known: Mapping[str, KnownFile],
        gone: Sequence[KnownFile],
        results: Sequence[FileResult],
    ) -> None:
        self._known = known
        replaced = [
            known[result.found.address] for result in results if result.found.address in known
        ]
        self._free = {file.id: file for file in (*gone, *replaced)}
        self._of_content: defaultdict[str, list[KnownFile]] = defaultdict(list)
        for file in sorted(self._free.values(), key=lambda one: one.id):
            if file.content_id is not None:
                self._of_content[file.content_id].append(file)
        self._same_place = {
            result.found.address
            for result in results
            if result.content_id is not None
            and (one := known.get(result.found.address)) is not None
            and one.content_id == result.content_id
        }

    def by_content(self, result: FileResult) -> int | None:
        """Claim a track with this content: the one at this place, of this name, or the oldest."""
        if result.content_id is None:
            return None
        address = result.found.address
        if address in self._same_place:
            return self._claim(self._known[address])
        candidates = [
            file
            for file in self._of_content[result.content_id]
            if file.id in self._free and file.address not in self._same_place
        ]
        if not candidates:
            return None
        return self._claim(min(candidates, key=lambda file: not _same_name(file, result.found)))

    def by_place(self, result: FileResult) -> int | None:
        """Claim the track at this place, unless its content went elsewhere."""
        file = self._known.get(result.found.address)
        return None if file is None or file.id not in self._free else self._claim(file)

    def unclaimed(self) -> list[KnownFile]:
        """The tracks that no file is."""
        return list(self._free.values())

    def _claim(self, file: KnownFile) -> int:
        return self._free.pop(file.id).id


def _same_name(file: KnownFile, found: FoundFile) -> bool:
    return file.path.rpartition("/")[2] == found.path.rpartition("/")[2]
