"""The container files: pinned images, no root, nothing writable that need not be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings
from indexer.runs.worker import STOP_S
from tests.image.engine import NoEngineError, compose_command

REPOSITORY = Path(__file__).resolve().parents[2]
OWN_SERVICES = ["app", "app-gpu", "indexer", "app-ray", "ray-head", "ray-worker"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml, merged."""
    return yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """The image's recipe."""
    return (REPOSITORY / "docker" / "Dockerfile").read_text(encoding="utf-8")


def test_the_stack_is_service_indexer_and_database(compose: dict[str, Any]) -> None:
    """What `docker compose` can start."""
    assert set(compose["services"]) == {*OWN_SERVICES, "postgres"}


def test_every_image_has_a_version(compose: dict[str, Any], dockerfile: str) -> None:
    """No `latest`, named or implied."""
    images = [service["image"] for service in compose["services"].values()]
    images += re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)

    assert [image for image in images if not re.search(r":\d[\w.-]*$", image)] == []


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_a_service_is_locked_down(compose: dict[str, Any], name: str) -> None:
    """Read-only file system, no capabilities, music mounted read-only, a healthy database first."""
    service = compose["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert any(volume.endswith(":/music:ro") for volume in service["volumes"])
    assert service["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_a_container_is_given_the_time_to_stop(compose: dict[str, Any], name: str) -> None:
    """Longer than requests (`shutdown_s`) and an index run's last file may take."""
    grace_s = int(compose["services"][name]["stop_grace_period"].removesuffix("s"))

    assert grace_s >= Settings().shutdown_s + STOP_S


@pytest.mark.parametrize("name", [*OWN_SERVICES, "postgres"])
def test_a_container_cannot_take_the_whole_machine(compose: dict[str, Any], name: str) -> None:
    """Memory and processes are bounded, and one upload and one file fit into it."""
    service = compose["services"][name]
    most = re.fullmatch(r"(?:\$\{MEMORY_LIMIT:-)?(\d+)g\}?", service["mem_limit"])

    assert most is not None
    assert service["pids_limit"] <= 4096
    if name in OWN_SERVICES:
        given = Settings()
        assert int(most[1]) << 30 > given.analysis_memory_bytes + given.track_memory_bytes


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    """A misspelt volume would be an error of docker at start."""
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
        if not volume.startswith("$")
    }

    assert used == set(compose["volumes"])


def test_secrets_have_no_default() -> None:
    """Password and token must be set: compose refuses to start without them."""
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")

    assert re.findall(r"\$\{(?:POSTGRES_PASSWORD|CIRCUMPLEX_ADMIN_TOKEN)(?!:\?)", text) == []


def test_the_stack_hands_every_setting_on(compose: dict[str, Any], dockerfile: str) -> None:
    """One in `.env` that reached no container, or does not exist, would be silently ignored."""
    known = {f"CIRCUMPLEX_{name.upper()}" for name in Settings.model_fields}
    of_the_image = set(re.findall(r"\b(CIRCUMPLEX_[A-Z_]+)=", dockerfile))
    listening = {"CIRCUMPLEX_HOST", "CIRCUMPLEX_PORT"}  # of the image's command, and PORT

    assert of_the_image <= known
    for name in OWN_SERVICES:
        environment = compose["services"][name]["environment"]
        others = {"RAY_AUTH_TOKEN"}
        assert set(environment) - others == known - listening


def test_every_variable_of_the_stack_is_explained() -> None:
    """At the head of the file, or on the pages of settings and operation."""
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    head = text[: text.index("\nx-circumplex")]
    pages = (REPOSITORY / "docs" / "operation.md", REPOSITORY / "docs" / "settings.md")
    explained = head + "".join(page.read_text(encoding="utf-8") for page in pages)
    variables = set(re.findall(r"\$\{([A-Z_]+)", text))
    variables |= set(re.findall(r"^ +([A-Z_]+):$", text, re.MULTILINE))

    assert variables >= {"MUSIC", "PORT", "POSTGRES_PASSWORD"}
    assert [name for name in variables if not re.search(rf"\b{name}\b", explained)] == []


def test_no_log_grows_without_end(compose: dict[str, Any]) -> None:
    """Docker keeps all that a container ever said, unless it is told a size."""
    sizes = [service["logging"]["options"]["max-size"] for service in compose["services"].values()]

    assert all(re.fullmatch(r"\d+m", size) for size in sizes)


def test_the_file_with_the_secrets_is_not_committed() -> None:
    """Compose reads `.env` beside docker-compose.yml."""
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert "/.env" in ignored


def test_ports_are_bound_to_this_machine(compose: dict[str, Any]) -> None:
    """Publishing to the network is a decision of whoever runs it."""
    ports = [port for s in compose["services"].values() for port in s.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_runs_without_root_and_checks_its_health(dockerfile: str) -> None:
    """A user by number, after the last step that needs rights, and a health check."""
    steps = re.findall(r"^[A-Z]+", dockerfile, re.MULTILINE)

    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert "RUN" not in steps[steps.index("USER") :]
    assert "HEALTHCHECK" in steps


def test_a_change_of_the_code_keeps_the_layer_of_the_dependencies(dockerfile: str) -> None:
    """One lineage, so that it is stored once; nothing but the pins comes before it."""
    steps = re.findall(r"^(?:FROM|COPY|RUN) .*(?:\n +.*)*", dockerfile, re.MULTILINE)
    installing = next(i for i, step in enumerate(steps) if ".[${EXTRAS}]" in step)
    copied = [step for step in steps[:installing] if step.startswith("COPY")]

    assert dockerfile.count("\nFROM ") == 1
    assert copied == ["COPY pyproject.toml constraints.txt ./"]


def test_everything_the_image_copies_exists(dockerfile: str) -> None:
    """COPY of a file that is gone fails only in a build."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    ignore = (REPOSITORY / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")

    assert names
    assert [name for name in names if not (REPOSITORY / name).exists()] == []
    assert [name for name in names if f"!{name}" not in ignore.splitlines()] == []


def test_the_image_is_not_tried_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make test-image` says what is missing, and skips nothing in silence."""
    monkeypatch.setenv("COMPOSE", "nonesuch compose")

    with pytest.raises(
        NoEngineError, match=r"install Docker or Podman(.|\n)*nonesuch.*not installed"
    ):
        compose_command()


def test_the_systemd_unit_sets_what_exists() -> None:
    """Known settings, a command of the project, the time to stop, folders of its own."""
    text = (REPOSITORY / "docs" / "circumplex.service").read_text(encoding="utf-8")
    lines = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    named = re.findall(r"^Environment=CIRCUMPLEX_(\w+)=", text, re.MULTILINE)

    assert {name.lower() for name in named} <= set(Settings.model_fields)
    assert lines["ExecStart"].endswith("/.venv/bin/circumplex serve")
    assert int(lines["TimeoutStopSec"]) >= Settings().shutdown_s + STOP_S
    assert lines["ProtectSystem"] == "strict"
    assert lines["MemoryHigh"] < lines["MemoryMax"]
    assert int(lines["TasksMax"]) <= 4096
    assert f"/var/lib/{lines['StateDirectory']}" in text
    assert f"NUMBA_CACHE_DIR=/var/cache/{lines['CacheDirectory']}" in text
