"""Which track a file is: ids stay with the content when files move, else with the path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

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
    sound: Callable[[str], str | None] = lambda _content: None,
) -> TrackChanges:
    """Give every examined file the id of its track.

    A file keeps the id of the track with its content if that track is gone or has other content
    now (moved, renamed, swapped); otherwise the id of the track at its place (edited); otherwise
    that of a track that is gone and sounds the same (tagged anew and renamed at once); otherwise
    it gets a new one.

    Args:
        results: What was found out about new and changed files.
        known: The track of each address, from `by_address`.
        gone: Tracks whose files are not there, missing for long or as of now.
        next_id: The first free id.
        elsewhere: Tracks of other roots whose files are not there: a root that was renamed. One
            that no file is stays as it is.
        sound: Names what is heard of a content, None where that is not known.
    """
    results = sorted(results, key=lambda result: result.found.address)
    claims = _Claims(known, (*gone, *elsewhere), results)
    sounds = _HeardBefore(claims, (*gone, *elsewhere), sound)
    chosen = {result.found.address: claims.by_content(result) for result in results}
    changed: list[TrackChange] = []
    new: list[TrackChange] = []
    for result in results:
        track_id = chosen[result.found.address] or claims.by_place(result)
        track_id = track_id or sounds.claim(result)
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
            return self.claim(self._known[address])
        candidates = [
            file
            for file in self._of_content[result.content_id]
            if file.id in self._free and file.address not in self._same_place
        ]
        if not candidates:
            return None
        return self.claim(min(candidates, key=lambda file: not _same_name(file, result.found)))

    def by_place(self, result: FileResult) -> int | None:
        """Claim the track at this place, unless its content went elsewhere."""
        file = self._known.get(result.found.address)
        return None if file is None or file.id not in self._free else self.claim(file)

    def is_free(self, file: KnownFile) -> bool:
        """Whether no file is this track so far."""
        return file.id in self._free

    def claim(self, file: KnownFile) -> int:
        """Claim a track that is free."""
        return self._free.pop(file.id).id

    def unclaimed(self) -> list[KnownFile]:
        """The tracks that no file is."""
        return list(self._free.values())


class _HeardBefore:
    """The tracks that have just gone, by what is heard of them, looked up when it is needed."""

    def __init__(
        self, claims: _Claims, gone: Iterable[KnownFile], sound: Callable[[str], str | None]
    ) -> None:
        self._claims, self._sound = claims, sound
        self._gone = [file for file in gone if file.status == "ok"]
        self._of_sound: dict[str, list[KnownFile]] | None = None

    def claim(self, result: FileResult) -> int | None:
        """Claim a track that sounds like this file: the one of this name, or the oldest."""
        if not self._gone or result.content_id is None or result.failure_reason is not None:
            return None
        if self._of_sound is None:
            self._of_sound = self._heard(filter(self._claims.is_free, self._gone))
        heard = self._sound(result.content_id) if self._of_sound else None
        alike = self._of_sound.get(heard, []) if heard is not None else []
        candidates = [file for file in alike if self._claims.is_free(file)]
        if not candidates:
            return None
        return self._claims.claim(min(candidates, key=lambda f: not _same_name(f, result.found)))

    def _heard(self, tracks: Iterable[KnownFile]) -> dict[str, list[KnownFile]]:
        found: dict[str, list[KnownFile]] = {}
        for track in sorted(tracks, key=lambda one: one.id):
            heard = None if track.content_id is None else self._sound(track.content_id)
            if heard is not None:
                found.setdefault(heard, []).append(track)
        return found


def _same_name(file: KnownFile, found: FoundFile) -> bool:
    return file.path.rpartition("/")[2] == found.path.rpartition("/")[2]
