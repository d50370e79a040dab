"""What holds for every answer: problems, ids, headers, logs, metrics, the OpenAPI document."""

from __future__ import annotations

import gc
import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.logs import JsonFormatter
from app.main import create_app
from tests.fakes import FakeModel
from tests.running import (
    Running,
    fake_settings,
    index_now,
    problem_of,
    running_service,
    write_library,
)


def test_an_unknown_path_and_method_are_problems(service: Running) -> None:
    """404 and 405 come as problem+json too, with `Allow` on the latter."""
    missing = service.client.get("/v1/nothing")
    wrong = service.client.put("/v1/playlists")

    assert "/docs" in problem_of(missing, 404, "not-found")["detail"]
    problem_of(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"] == "POST"
    runs = service.client.patch("/v1/admin/index-runs/1")
    assert runs.headers["allow"] == "DELETE, GET, HEAD"


class BreakableModel(FakeModel):
    """Fails as no model should, once it is told to."""

    broken = False

    def embed_emotion(self, curves: Any) -> Any:
        """Raise something nobody foresaw."""
        if self.broken:
            raise ZeroDivisionError("a secret detail")
        return super().embed_emotion(curves)


def test_an_unforeseen_error_tells_nothing_but_its_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """500 as a problem; the log has the cause under the same id; the service answers on."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path), BreakableModel()) as running:
        index_now(running)
        running.model.broken = True
        broken = running.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
        after = running.client.get("/healthz")

    body = problem_of(broken, 500, "internal")
    assert "secret" not in broken.text
    assert after.status_code == 200
    logged = [r for r in caplog.records if getattr(r, "request_id", "") == body["request_id"]]
    assert any(record.exc_info for record in logged)


def test_security_headers_are_everywhere(service: Running) -> None:
    """On the page, the API, errors and audio."""
    for path in ("/", "/docs", "/v1/library", "/nothing", "/v1/tracks/1/audio"):
        headers = service.client.get(path).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"


def test_a_request_keeps_a_plain_id_and_loses_another(service: Running) -> None:
    """The caller's id where it is a word; never something that could forge a log line."""
    kept = service.client.get("/healthz", headers={"X-Request-ID": "abc-123"})
    replaced = service.client.get("/healthz", headers={"X-Request-ID": 'x" injected'})

    assert kept.headers["x-request-id"] == "abc-123"
    assert re.fullmatch(r"[0-9a-f]{16}", replaced.headers["x-request-id"])


def test_each_request_is_one_line_of_the_log(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """JSON with method, route, status and time."""
    with caplog.at_level(logging.INFO, "circumplex.request"):
        service.client.get("/v1/tracks/999", headers={"X-Request-ID": "this-one"})

        for _ in range(3000):  # the line is written once the answer is out
            logged = [r for r in caplog.records if getattr(r, "request_id", "") == "this-one"]
            if logged:
                break
            time.sleep(0.02)

    (record,) = logged
    line = json.loads(JsonFormatter().format(record))
    assert (line["method"], line["status"]) == ("GET", 404)
    assert line["route"] == "/v1/tracks/{track_id}"
    assert line["ms"] >= 0


def test_probes_are_in_the_log_only_if_they_fail(
    service: Running, empty_service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """A health check every few seconds fills no log; one that fails says so."""
    with caplog.at_level(logging.INFO, "circumplex.request"):
        for path in ("/healthz", "/readyz", "/metrics"):
            assert service.client.get(path, headers={"X-Request-ID": "well"}).status_code == 200
        assert (
            empty_service.client.get("/readyz", headers={"X-Request-ID": "ill"}).status_code == 503
        )
        deadline = time.monotonic() + 60.0
        logged: set[str] = set()
        while "ill" not in logged and time.monotonic() < deadline:
            time.sleep(0.01)
            logged = {getattr(record, "request_id", "") for record in caplog.records}

    assert "ill" in logged
    assert "well" not in logged


def test_foreign_hosts_are_refused_where_hosts_are_named(tmp_path: Path) -> None:
    """421 for another name, none for the right one."""
    settings = fake_settings(tmp_path, trusted_hosts=("music.example", "127.0.0.1"))
    with running_service(settings) as running:
        foreign = running.client.get("/healthz", headers={"Host": "evil.example"})
        named = running.client.get("/healthz", headers={"Host": "music.example:8000"})

    problem_of(foreign, 421, "untrusted-host")
    assert named.status_code == 200


def test_other_origins_may_call_only_where_allowed(tmp_path: Path, service: Running) -> None:
    """CORS is off unless an origin is configured."""
    origin = {"Origin": "https://app.example"}
    with running_service(fake_settings(tmp_path, cors_origins=("https://app.example",))) as open_:
        allowed = open_.client.get("/healthz", headers=origin)

    refused = service.client.get("/healthz", headers=origin)
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in refused.headers


def test_health_and_readiness(service: Running, empty_service: Running) -> None:
    """Alive from the start; ready only with an index."""
    assert service.client.get("/healthz").json()["status"] == "ok"
    assert service.client.get("/readyz").json()["tracks"] == 9
    assert empty_service.client.get("/healthz").status_code == 200
    problem_of(empty_service.client.get("/readyz"), 503, "not-ready")


def test_metrics_count_requests_by_route(service: Running) -> None:
    """By template, not by path, so that ids do not make a series each."""
    service.client.get("/v1/tracks/1")
    time.sleep(0.1)  # counted once the answer is out

    text = service.client.get("/metrics").text

    line = 'circumplex_requests_total{method="GET",route="/v1/tracks/{track_id}",status="200"}'
    assert line in text
    assert "circumplex_tracks 9.0" in text
    assert "/v1/tracks/1" not in text


def test_metrics_tell_what_an_operator_watches(service: Running) -> None:
    """Requests, stages, queues, the snapshot's age and recall, the device: each with its value."""
    service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
    snapshot_id = service.client.get("/v1/library").json()["snapshot_id"]
    time.sleep(0.1)  # counted once the answer is out

    text = service.client.get("/metrics").text
    found = {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    assert found["circumplex_requests_total POST /v1/playlists 200"] >= 1
    assert found["circumplex_request_seconds_count POST /v1/playlists"] >= 1
    assert found["circumplex_requests_in_flight"] >= 1
    assert found["circumplex_stage_seconds_count playlist"] >= 1
    assert found["circumplex_stage_seconds_count waiting"] >= 1
    assert found["circumplex_playlist_batch_sum"] >= 1
    assert found["circumplex_playlists_held"] == 0
    assert found["circumplex_index_runs queued"] == found["circumplex_index_runs running"] == 0
    assert 0 < found["circumplex_snapshot_age_seconds"] < 3600
    assert found[f"circumplex_snapshot_info {service.model.model_id} {snapshot_id}"] == 1
    assert found["circumplex_search_recall gaussian"] == 1
    assert found["circumplex_searches_total true"] >= 1
    assert found["circumplex_device_info cpu"] == 1


def test_the_page_and_the_docs_ask_nobody_else(service: Running) -> None:
    """Every address in them is relative, and is served."""
    for page in ("/", "/docs"):
        html = service.client.get(page).text
        links = re.findall(r'(?:src|href)="([^"#]+)"', html)

        assert links
        for link in links:
            assert "//" not in link
            assert service.client.get(httpx.URL(page).join(link)).status_code == 200, link


# The OpenAPI document ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The document as the service gives it."""
    return create_app(fake_settings(tmp_path_factory.mktemp("document"))).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Name and operation of everything under `/v1` and beside it."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_every_reference_of_the_document_resolves(document: dict[str, Any]) -> None:
    """No schema is missing, none is left over from the framework."""
    schemas = document["components"]["schemas"]

    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))

    assert used <= set(schemas)
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)


def test_operations_have_unique_ids_summaries_and_descriptions(document: dict[str, Any]) -> None:
    """What a client generator and a reader need."""
    named = operations(document)

    ids = [operation["operationId"] for _, operation in named]
    assert len(set(ids)) == len(ids)
    assert [name for name, op in named if not op.get("summary") or not op.get("description")] == []


def test_every_documented_error_is_a_problem(document: dict[str, Any]) -> None:
    """And of no other type."""
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_field_of_a_request_is_described(document: dict[str, Any]) -> None:
    """Parameters and body members say what they are."""
    schemas = document["components"]["schemas"]
    bodies = ("PlaylistRequest", "KeyframeIn", "Filters", "IndexRunRequest")

    undescribed = [
        f"{name}.{field}"
        for name in bodies
        for field, schema in schemas[name]["properties"].items()
        if "description" not in schema
    ]

    assert undescribed == []


def test_examples_of_the_document_are_accepted(service: Running, document: dict[str, Any]) -> None:
    """What /docs offers to try works."""
    for example in document["components"]["schemas"]["PlaylistRequest"]["examples"]:
        response = service.client.post("/v1/playlists", json=example)

        assert response.status_code == 200, response.text


def test_a_refused_body_is_let_go_at_once(service: Running) -> None:
    """A hundred members too many: no error that holds the body waits for the garbage collector."""

    def held() -> int:
        return sum(1 for found in gc.get_objects() if type(found) is ValueError)

    refused = {f"member {number}": number for number in range(100)}
    service.client.post("/v1/playlists", json=refused)
    gc.collect()
    gc.disable()
    try:
        before = held()
        for _ in range(5):
            problem_of(service.client.post("/v1/playlists", json=refused), 422, "invalid-request")

        assert held() < before + 5
    finally:
        gc.enable()
