"""Search and index runs on a Ray cluster: loads Ray when it is asked for, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from app.errors import ServerStartError
from app.settings import Settings
from model.emotion_model import EmotionModel
from model.judge import Judge

if TYPE_CHECKING:
    from app.library.live import OpenSearcher
    from indexer.runs.options import RunOptions
    from indexer.runs.pools import Pool


def ray_search(settings: Settings) -> OpenSearcher:
    """What opens a searcher of a snapshot on the cluster.

    Raises:
        ServerStartError: Ray is not installed.
    """
    with _ray():
        from indexer.cluster.searching import RaySearch

    return RaySearch(settings.ray_address, settings.ray_replicas)


def ray_pool(settings: Settings, options: RunOptions) -> Pool:
    """What examines the files of index runs on the cluster.

    Raises:
        ServerStartError: Ray is not installed.
    """
    with _ray():
        from indexer.cluster.indexing import RayPool

    judge = Judge(settings.least_track_s)
    return RayPool(
        load=partial(EmotionModel.load, settings.checkpoint, settings.device, judge=judge),
        data_dir=settings.data_dir.absolute(),
        limits=options.read_limits,
        address=settings.ray_address,
    )


@contextmanager
def _ray() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as exc:
        raise ServerStartError(
            f"Ray is not installed ({exc.name} is missing): pip install 'circumplex[ray]'"
        ) from exc
