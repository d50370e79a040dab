"""Playlists asked for at the same moment are those that are asked for alone."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch

from app.library.live import Live
from app.playlists.match import make_playlist, match_all
from app.wire.responses import PlaylistResponse
from app.wire.schemas import PlaylistRequest
from indexer.catalog.catalog import open_catalog
from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from tests.running import Running, fake_settings, running_service, write_library

CLIENTS = 24


def bodies() -> list[dict[str, Any]]:
    """Requests of every kind, some of which go together and some of which fail."""
    points = np.random.default_rng(5).uniform(-1.0, 1.0, (CLIENTS, 2)).round(3).tolist()
    steady = [
        {"emotion": {"curve": [{"t": 0, "valence": v, "arousal": a}]}, "limit": 3 + (i % 2)}
        for i, (v, a) in enumerate(points)
    ]
    moving = {"t": 0, "valence": -1, "arousal": -1}, {"t": 60, "valence": 1, "arousal": 1}
    return [
        *steady,
        {"emotion": {"mood": "calm"}},
        {"emotion": {"mood": "clam"}},
        {"emotion": {"track_id": 2}},
        {"emotion": {"track_id": 4}, "explain": True},
        {"emotion": {"track_id": 999}},
        {"emotion": {"curve": list(moving)}, "filters": {"artist": ["Ada"]}},
        {"emotion": {"curve": list(moving)}, "mode": "journey", "limit": 4},
        {"emotion": {"mood": "happy"}, "max_per_artist": 1, "level": "segment"},
        {"emotion": {"mood": "sad"}, "scale": "absolute"},
    ]


def test_many_clients_at_once_get_what_each_gets_alone(service: Running) -> None:
    """Status and every byte of an answer are the same in a crowd, errors included."""

    def ask(body: dict[str, Any]) -> tuple[int, object]:
        answer = httpx.post(f"{service.url}/v1/playlists", json=body, timeout=300.0)
        shown = answer.json()
        shown.pop("request_id", None)
        return answer.status_code, shown

    alone = [ask(body) for body in bodies()]
    with ThreadPoolExecutor(CLIENTS) as clients:
        crowd = list(clients.map(ask, bodies() * 4))

    assert crowd == alone * 4
    assert sorted({status for status, _ in alone}) == [200, 404, 422]


def test_a_batch_answers_each_request_as_if_alone(service: Running) -> None:
    """The whole list in one call, against a call for each."""
    live = opened(service)
    requests = [
        PlaylistRequest.model_validate(body) for body in bodies() if body.get("mode") != "journey"
    ]

    together = match_all(requests, service.model, live)

    for request, answer in zip(requests, together, strict=True):
        if isinstance(answer, PlaylistResponse):
            assert answer == make_playlist(request, service.model, live)
        else:
            assert request.emotion.model_dump() in ({"mood": "clam"}, {"track_id": 999})


def test_collecting_garbage_passes_over_what_stays(tmp_path: Path) -> None:
    """A full collection would stop every request for a tenth of a second."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)):
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() == 0


def opened(service: Running) -> Live:
    """The service's snapshot, opened again here."""
    catalog = open_catalog(service.settings.resolved_database_url)
    row = catalog.active_snapshot()
    catalog.close()
    assert row is not None
    snapshot = Snapshot.open(service.settings.data_dir / "snapshots" / row.id)
    searcher = Searcher(snapshot, service.model.scoring)
    return Live(row.id, row.model_id, row.created_at, snapshot, searcher)


def test_a_torch_operation_takes_one_thread_while_serving(tmp_path: Path) -> None:
    """Requests take turns on the cores; threads inside one would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with running_service(fake_settings(tmp_path)), ThreadPoolExecutor(1) as fresh:
            fresh.submit(lambda: torch.nn.functional.gelu(torch.zeros(1 << 17))).result()
            threads = fresh.submit(torch.get_num_threads).result()
    finally:
        torch.set_num_threads(before)

    assert threads == 1
