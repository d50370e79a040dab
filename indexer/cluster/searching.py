"""Search on Ray: an actor for each replica of a shard, asked by the process that serves requests.

Actors are called directly; see ADR 89 for what Ray Serve's path costs instead. An actor that dies
is started again by Ray, on another node if need be, while another replica answers.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from indexer.cluster.connection import connect
from indexer.errors import SnapshotError
from indexer.search.request import SearchRequest
from indexer.shards.gather import Results, ShardedSearcher, ShardQuestion, Waves
from indexer.shards.local import Shard, shard_folders
from indexer.snapshot.filters import TrackFilter
from indexer.snapshot.reader import Snapshot
from model.scoring import ScoringParams

logger = logging.getLogger("circumplex.search")

OPEN_S = 300.0  # how long the shards of a snapshot may take to open
RETIRING = "ray-retire"  # name of the threads that end the processes of a snapshot
HEDGE_S = 0.25  # a replica that has not answered by then is joined by the next one
GIVE_UP_S = 10.0  # and with no other left, waited for until then
REST_S = 5.0  # how long a replica that was lost or late is asked after all others
PING_S = 1.0
_CPUS = 0.01  # that a replica reserves: searches are short, and many shards share a node


class ShardServer:
    """A replica of a shard, in a process of its own."""

    def __init__(self, folder: str, scoring: ScoringParams, has_music: bool, device: str) -> None:
        self._shard = Shard(Path(folder), scoring, has_music=has_music, device=device)
        self._warm_up()

    def answer(self, question: ShardQuestion) -> Results:
        """The answers of this shard."""
        return self._shard.answer(question)

    def ping(self) -> int:
        """The number of its tracks: it answers."""
        return len(self._shard.snapshot.tracks)

    def _warm_up(self) -> None:
        """Compile what is not compiled yet, and touch the arrays."""
        own = self._shard.snapshot.embedding[:1]
        if not len(own):
            return
        plain = SearchRequest(own, 10, direction="m2m")
        nothing = TrackFilter(duration_max_s=0.0)
        for request in (plain, replace(plain, level="track"), replace(plain, filters=nothing)):
            self._shard.answer(ShardQuestion(request))


@dataclass
class _Replica:
    """A replica of a shard, and until when it is asked after all others."""

    server: Any
    resting_until_s: float = 0.0

    def rest(self) -> None:
        """Ask it last for a while."""
        self.resting_until_s = time.monotonic() + REST_S


@dataclass
class _Open:
    """A shard that has not answered a question yet."""

    replicas: Iterator[_Replica]
    asked: dict[ray.ObjectRef[Any], _Replica] = field(default_factory=dict)
    asked_at_s: float = 0.0

    def ask_next(self, question: ShardQuestion) -> bool:
        """Ask the next replica, for those that were asked are late; False if there is none."""
        for late in self.asked.values():
            late.rest()
        replica = next(self.replicas, None)
        if replica is None:
            return False
        self.asked[replica.server.answer.remote(question)] = replica
        self.asked_at_s = time.monotonic()
        return True

    @property
    def is_in_time(self) -> bool:
        """Whether the replica that was asked last may still answer before it is late."""
        return bool(self.asked) and time.monotonic() < self.asked_at_s + HEDGE_S

    def answer(self) -> Results | None:
        """The first answer that is there; replicas that failed rest a while."""
        for ref, replica in list(self.asked.items()):
            try:
                answer: Results = ray.get(ref, timeout=0)
            except GetTimeoutError:
                continue
            except RayTaskError as exc:
                raise exc.cause from exc
            except RayActorError as exc:
                logger.info("a replica is lost: %s", exc)
                replica.rest()
                del self.asked[ref]
            else:
                return answer
        return None


class RayShards:
    """The shards of one snapshot on a cluster; they end with the last use of this object.

    Attributes:
        servers: The replicas of each shard.
    """

    def __init__(self, servers: Sequence[Sequence[Any]]) -> None:
        """Ask these actors.

        Args:
            servers: The replicas of each shard.
        """
        self.servers = servers
        self._replicas = [[_Replica(server) for server in each] for each in servers]
        self._turn = itertools.count()

    def waves(self, first: int) -> Waves:
        """One shard, then all others at once: they know what the answer scores at least."""
        count = len(self.servers)
        begin = first % count
        return [wave for wave in ([begin], [s for s in range(count) if s != begin]) if wave]

    def ask(self, shards: Sequence[int], question: ShardQuestion) -> list[Results | None]:
        """The answers of these shards; None for each whose replicas are all lost."""
        turn, until = next(self._turn), time.monotonic() + GIVE_UP_S
        waiting = {shard: _Open(self._in_turn(shard, turn)) for shard in shards}
        found: dict[int, Results | None] = {}
        for open_one in waiting.values():
            open_one.ask_next(question)
        while waiting:
            refs = [ref for each in waiting.values() for ref in each.asked]
            ray.wait(refs, num_returns=min(len(refs), len(waiting)), timeout=HEDGE_S)
            for shard, each in list(waiting.items()):
                answer = each.answer()
                if answer is None and (each.is_in_time or each.ask_next(question)):
                    continue
                if answer is None and each.asked and time.monotonic() < until:
                    continue
                if answer is None:
                    logger.warning("no replica of shard %d answers", shard)
                found[shard] = answer
                del waiting[shard]
        return [found[shard] for shard in shards]

    def replicas_answering(self) -> list[int]:
        """How many replicas of each shard answer."""
        pings = [[server.ping.remote() for server in servers] for servers in self.servers]
        flat = [ref for refs in pings for ref in refs]
        ray.wait(flat, num_returns=len(flat), timeout=PING_S)
        return [sum(_value(ref) is not None for ref in refs) for refs in pings]

    def _in_turn(self, shard: int, turn: int) -> Iterator[_Replica]:
        """The replicas of a shard, beginning with another one each time; those that rest last."""
        replicas, now_s = self._replicas[shard], time.monotonic()
        turned = [replicas[(turn + step) % len(replicas)] for step in range(len(replicas))]
        return iter(sorted(turned, key=lambda each: each.resting_until_s > now_s))


def _value(ref: Any) -> Any:
    try:
        return ray.get(ref, timeout=0)
    except (GetTimeoutError, RayActorError):
        return None


@dataclass(frozen=True)
class RaySearch:
    """Opens the searchers of snapshots on a cluster.

    Attributes:
        address: Of the cluster; None starts one on this machine.
        replicas: How many processes can answer for a shard.
    """

    address: str | None = None
    replicas: int = 2

    def __call__(
        self, snapshot: Snapshot, scoring: ScoringParams, device: str = "cpu"
    ) -> ShardedSearcher:
        """Start the replicas of all shards and wait until each of them answers.

        Raises:
            SnapshotError: A shard cannot be opened, or not in time.
            ClusterError: The cluster is not to be reached.
        """
        connect(self.address)
        has_music = snapshot.tracks.answering.has_music
        servers, groups = [], []
        for folder in shard_folders(snapshot):
            groups.append(placement_group([{"CPU": _CPUS}] * self.replicas, strategy="SPREAD"))
            given = (str(folder.resolve()), scoring, has_music, device)
            servers.append(_replicas(groups[-1], self.replicas, given))
        shards = RayShards(servers)
        weakref.finalize(shards, _retire, groups).atexit = False  # Ray ends them with this process
        pings = [server.ping.remote() for replicas in servers for server in replicas]
        try:
            ray.get(pings, timeout=OPEN_S)
        except (RayActorError, GetTimeoutError) as exc:
            raise SnapshotError(f"{snapshot.folder} cannot be opened on Ray: {exc}") from exc
        return ShardedSearcher(snapshot, scoring, shards)


def _replicas(group: PlacementGroup, count: int, given: tuple[Any, ...]) -> list[Any]:
    """Actors of one shard, each in a place of its own: on different nodes where there are some."""
    kind = ray.remote(num_cpus=_CPUS, max_restarts=-1)(ShardServer)
    places = [PlacementGroupSchedulingStrategy(group, place) for place in range(count)]
    return [kind.options(scheduling_strategy=place).remote(*given) for place in places]


def _retire(groups: Sequence[PlacementGroup]) -> None:
    """End the processes of a snapshot, without waiting for a cluster that may be gone."""
    threading.Thread(target=_remove, args=(groups,), name=RETIRING, daemon=True).start()


def _remove(groups: Sequence[PlacementGroup]) -> None:
    if ray.is_initialized():
        for group in groups:
            remove_placement_group(group)
