"""Listeners' own planes: kept until what they said or the snapshot changes."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from anyio import CapacityLimiter

from app.library.live import EmbeddingModel, Live
from app.personal.basis import Basis
from app.personal.personal_live import PersonalLive, on_plane
from app.personal.plane import Plane, make_plane
from indexer.catalog.catalog import Catalog
from indexer.catalog.profiles import Placement, Profile
from indexer.errors import CatalogUnavailableError

READERS = 4
KEPT = 16  # planes in memory
FRESH_S = 1.0  # what another process writes shows after this time at the latest


@dataclass(frozen=True)
class _Read:
    """What the database said of a listener, when, and after how many changes of this process.

    `silent`: nothing is known that they said; all of it was forgotten, or there never was any.
    """

    profile: Profile | None
    at_s: float
    changes: int
    silent: bool


class Planes:
    """The planes of all listeners of this process; safe to use from many threads."""

    def __init__(
        self,
        catalog: Catalog,
        model_of: Callable[[Live], EmbeddingModel],
        fresh_s: float = FRESH_S,
    ) -> None:
        """Learn nothing yet.

        Args:
            catalog: Holds what listeners said.
            model_of: The model that a snapshot is asked with.
            fresh_s: How long what was read of a listener holds where this process writes nothing.
        """
        self._fresh_s = fresh_s
        # Others hold the threads of requests while the database is locked; who reads need not wait.
        self.threads = CapacityLimiter(READERS)
        self._catalog, self._model_of = catalog, model_of
        self._basis: Basis | None = None
        self._serving: weakref.ref[Live] | None = None
        self._planes: OrderedDict[str, Plane] = OrderedDict()
        self._lives: dict[str, PersonalLive] = {}
        self._read: dict[str, _Read] = {}
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def of(self, owner: str, live: Live) -> Plane | None:
        """A listener's plane of a snapshot; None where they never said anything.

        Raises:
            CatalogUnavailableError: The database does not answer.
        """
        current, read = self._known(owner, live), self._latest(owner)
        profile = read.profile
        if profile is None or read.silent:
            self._forget(owner)
            return None
        if current is not None and current.profile == profile:
            return current
        placements = self._catalog.placements_of(profile.owner)
        if not placements:
            self._forget(owner)
            if self._read.get(owner) is read:
                self._read[owner] = replace(read, silent=True)
            return None
        plane = self.made(profile, placements, live)
        self._keep(plane)
        return plane

    def live_of(self, owner: str, live: Live) -> Live:
        """The snapshot as a listener sees it; itself where that is as the model does.

        While the database is away the last plane that is known answers.
        """
        try:
            plane = self.of(owner, live)
        except CatalogUnavailableError:
            plane = self._known(owner, live)
        if plane is None:
            return live
        seen = self._seen(live, plane)
        if seen is not None:
            return seen
        own = on_plane(live, plane)
        with self._lock:
            if self._planes.get(owner) is plane:
                self._lives[owner] = own
        return own

    def at_hand(self, owner: str, live: Live) -> Live | None:
        """As `live_of`, where nothing must be read or learned for it; None elsewhere."""
        read = self._fresh(owner)
        if read is None:
            return None
        if read.silent:
            return live
        plane = self._known(owner, live)
        if plane is None or plane.profile != read.profile:
            return None
        return self._seen(live, plane)

    def changed_at(self, owner: str) -> datetime | None:
        """When a listener last said or took back anything; None where they never did.

        Raises:
            CatalogUnavailableError: The database does not answer.
        """
        profile = self._latest(owner).profile
        return None if profile is None else profile.updated_at

    def serve(self, live: Live | None) -> None:
        """Let go of every snapshot but this one, which answers from now on."""
        with self._reading, self._lock:
            self._serving = None if live is None else weakref.ref(live)
            if self._basis is not None and self._basis.live is not live:
                self._basis = None
            self._drop([o for o, p in self._planes.items() if p.basis.live is not live])

    def basis(self, live: Live) -> Basis:
        """What planes of a snapshot are learned from."""
        with self._reading:
            if self._basis is not None and self._basis.live is live:
                return self._basis
            basis = Basis.of(live, self._model_of(live))
            if self._serves(live):
                self._basis = basis
            return basis

    def made(self, profile: Profile, placements: list[Placement], live: Live) -> Plane:
        """A plane of a snapshot, which is not kept."""
        return make_plane(profile, placements, self.basis(live))

    def _fresh(self, owner: str) -> _Read | None:
        """What was read of a listener, if it still holds."""
        read = self._read.get(owner)
        if read is None or read.changes != self._catalog.profiles_changed:
            return None
        return read if time.monotonic() - read.at_s < self._fresh_s else None

    def _latest(self, owner: str) -> _Read:
        """What is read of a listener, again where it may have changed."""
        read = self._fresh(owner)
        if read is None:
            at_s, changes = time.monotonic(), self._catalog.profiles_changed
            profile = self._catalog.profile(owner)
            read = self._read[owner] = _Read(profile, at_s, changes, profile is None)
        return read

    def _known(self, owner: str, live: Live) -> Plane | None:
        """The plane that was learned last, if it is of this snapshot."""
        with self._lock:
            known = self._planes.get(owner)
        return known if known is not None and known.basis.live is live else None

    def _seen(self, live: Live, plane: Plane) -> Live | None:
        """The snapshot on a plane: itself where that changes nothing; None: not made yet."""
        if plane.is_plain:
            return live
        with self._lock:
            own = self._lives.get(plane.profile.owner)
        return own if own is not None and own.plane is plane else None

    def _serves(self, live: Live) -> bool:
        """Whether a snapshot is the one that answers, as far as anybody said which one does."""
        return self._serving is None or self._serving() is live

    def _keep(self, plane: Plane) -> None:
        """Remember a plane; the listener's last one and those of other snapshots go."""
        with self._lock:
            if not self._serves(plane.basis.live):
                return
            self._lives.pop(plane.profile.owner, None)
            self._planes[plane.profile.owner] = plane
            self._planes.move_to_end(plane.profile.owner)
            old = [o for o, p in self._planes.items() if p.basis.live is not plane.basis.live]
            more = list(self._planes)[: max(0, len(self._planes) - KEPT)]
            self._drop([*old, *more])

    def _drop(self, owners: Iterable[str]) -> None:
        for owner in owners:
            self._planes.pop(owner, None)
            self._lives.pop(owner, None)

    def _forget(self, owner: str) -> None:
        with self._lock:
            self._drop([owner])
