"""Listeners' own planes: kept until what they said or the snapshot changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from app.library.live import EmbeddingModel, Live
from app.personal.basis import Basis
from app.personal.personal_live import PersonalLive, on_plane
from app.personal.plane import Plane, make_plane
from indexer.catalog.catalog import Catalog
from indexer.catalog.profiles import Placement, Profile
from indexer.errors import CatalogUnavailableError

KEPT = 16  # planes in memory


class Planes:
    """The planes of all listeners of this process; safe to use from many threads."""

    def __init__(self, catalog: Catalog, model_of: Callable[[Live], EmbeddingModel]) -> None:
        """Learn nothing yet.

        Args:
            catalog: Holds what listeners said.
            model_of: The model that a snapshot is asked with.
        """
        self._catalog, self._model_of = catalog, model_of
        self._basis: Basis | None = None
        self._planes: OrderedDict[str, Plane] = OrderedDict()
        self._lives: dict[str, Live] = {}
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def of(self, owner: str, live: Live) -> Plane | None:
        """A listener's plane of a snapshot; None where they never said anything.

        Raises:
            CatalogUnavailableError: The database does not answer.
        """
        current, profile = self._known(owner, live), self._catalog.profile(owner)
        if profile is None:
            self._forget(owner)
            return None
        if current is not None and current.profile == profile:
            return current
        plane = self.made(profile, self._catalog.placements_of(profile.owner), live)
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
        if plane is None or plane.is_plain:
            return live
        with self._lock:
            known = self._lives.get(owner)
            if isinstance(known, PersonalLive) and known.plane is plane:
                return known
        own = on_plane(live, plane)
        with self._lock:
            if self._planes.get(owner) is plane:
                self._lives[owner] = own
        return own

    def basis(self, live: Live) -> Basis:
        """What planes of a snapshot are learned from."""
        with self._reading:
            if self._basis is None or self._basis.live is not live:
                self._basis = Basis.of(live, self._model_of(live))
            return self._basis

    def made(self, profile: Profile, placements: list[Placement], live: Live) -> Plane:
        """A plane of a snapshot, which is not kept."""
        return make_plane(profile, placements, self.basis(live))

    def _known(self, owner: str, live: Live) -> Plane | None:
        """The plane that was learned last, if it is of this snapshot."""
        with self._lock:
            known = self._planes.get(owner)
        return known if known is not None and known.basis.live is live else None

    def _keep(self, plane: Plane) -> None:
        """Remember a plane; those of other snapshots go."""
        with self._lock:
            self._planes[plane.profile.owner] = plane
            self._planes.move_to_end(plane.profile.owner)
            old = [o for o, p in self._planes.items() if p.basis.live is not plane.basis.live]
            more = list(self._planes)[: max(0, len(self._planes) - KEPT)]
            for owner in {*old, *more}:
                del self._planes[owner]
            self._lives = {o: each for o, each in self._lives.items() if o in self._planes}

    def _forget(self, owner: str) -> None:
        with self._lock:
            self._planes.pop(owner, None)
            self._lives.pop(owner, None)
