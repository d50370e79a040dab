"""Docker or Podman with Compose, whichever answers here, over a clean clone of the repository."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
COMMANDS = ("docker compose", "docker-compose", "podman compose", "podman-compose")
PROJECT = "circumplex-check"
SUCCESS = "it-succeeded"
BUILD_S = 3600.0  # torch is large, and some lines are slow


class NoEngineError(Exception):
    """No container engine answers."""


@dataclass
class Stack:
    """docker-compose.yml of a clone, run under a name of its own.

    Attributes:
        compose: The command of Compose.
        folder: The clone.
        environment: What the stack is given.
        url: Where the service is published.
        figures: What was measured, for the report at the end.
    """

    compose: list[str]
    folder: Path
    environment: dict[str, str]
    url: str
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        """`docker` or `podman`."""
        return "podman" if "podman" in self.compose[0] else "docker"

    def image_bytes(self) -> int:
        """The size of the image; 0 if there is none."""
        stack = yaml.safe_load((self.folder / "docker-compose.yml").read_text(encoding="utf-8"))
        image = stack["services"]["app"]["image"]
        command = [self.engine, "image", "inspect", "-f", "{{.Size}}", image]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return int(found.stdout) if found.returncode == 0 else 0

    @property
    def client(self) -> httpx.Client:
        """A client of the service."""
        return httpx.Client(base_url=self.url, timeout=120.0, trust_env=False)

    def __call__(
        self, *arguments: str, timeout_s: float = 600.0
    ) -> subprocess.CompletedProcess[str]:
        """Run Compose; standard output and error come back as one text."""
        return subprocess.run(
            [*self.compose, "-p", PROJECT, *arguments],
            cwd=self.folder,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def done(self, *arguments: str, timeout_s: float = 600.0) -> str:
        """Run Compose, which has to succeed; what it said."""
        result = self(*arguments, timeout_s=timeout_s)
        assert result.returncode == 0, f"{shlex.join(arguments)}: {result.stdout[-6000:]}"
        return result.stdout

    def inside(self, command: str) -> str:
        """What a shell says in the container of the service; the command has to succeed.

        That is told by a last word of its own, since not every Compose hands exit codes on.
        """
        said = self.done("exec", "-T", "app", "sh", "-c", f"({command}) && echo {SUCCESS}")
        assert SUCCESS in said.splitlines(), f"{command}: {said[-6000:]}"
        return said[: said.index(SUCCESS)].strip()

    def wait(self, path: str, wanted: int = 200, timeout_s: float = 120.0) -> float:
        """Ask until the status is the wanted one; the seconds that took."""
        began, status = time.monotonic(), 0
        with self.client as client:
            while time.monotonic() - began < timeout_s:
                try:
                    status = client.get(path).status_code
                except httpx.TransportError:
                    status = 0
                if status == wanted:
                    return time.monotonic() - began
                time.sleep(0.1)
        raise AssertionError(f"{path} answers {status}: {self('logs', 'app').stdout[-4000:]}")


def compose_command() -> list[str]:
    """The command named by COMPOSE, or the first that answers.

    Raises:
        NoEngineError: None does; says what was tried.
    """
    named = os.environ.get("COMPOSE", "")
    candidates = [named] if named else list(COMMANDS)
    complaints = []
    for candidate in candidates:
        command = shlex.split(candidate)
        engine = "podman" if "podman" in command[0] else "docker"
        for probe in ([*command, "version"], [engine, "info"]):
            complaint = _complaint(probe)
            if complaint:
                complaints.append(f"{shlex.join(probe)}: {complaint}")
                break
        else:
            return command
    raise NoEngineError(
        "the image can only be built where a container engine runs: install Docker or Podman with "
        "Compose, or name the command with COMPOSE='...'\n  " + "\n  ".join(complaints)
    )


def _complaint(command: list[str]) -> str:
    """Why a command does not work; empty if it does."""
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip() or done.stdout.strip())[-200:]


@contextmanager
def running_stack(folder: Path, music: Path, token: str) -> Iterator[Stack]:
    """Clone the repository, build the image, start the service; remove it all but the image."""
    try:
        compose = compose_command()
    except NoEngineError as exc:
        pytest.exit(str(exc), returncode=1)
    subprocess.run(["git", "clone", "-q", REPOSITORY, folder / "clone"], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "MUSIC": str(music),
        "POSTGRES_PASSWORD": "p@ss:w/#o?rd%20",
        "CIRCUMPLEX_ADMIN_TOKEN": token,
        "PORT": str(port),
    }
    stack = Stack(compose, folder / "clone", environment, f"http://127.0.0.1:{port}")
    began = time.monotonic()
    said = stack.done("build", "app", timeout_s=BUILD_S)
    assert stack.image_bytes(), said[-6000:]  # not every Compose hands the failure on
    stack.figures["build"] = f"{time.monotonic() - began:.0f} s"
    stack.figures["image"] = f"{stack.image_bytes() / 1e9:.1f} GB"
    try:
        stack.done("up", "-d", "app")
        yield stack
    finally:
        stack("down", "-v")
        print("\n" + "\n".join(f"{name}: {figure}" for name, figure in stack.figures.items()))
