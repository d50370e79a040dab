"""The steps of the container image, carried out without an engine.

The commands are the Dockerfile's own, with a virtual environment of the test in the place of the
image's. It sees the installed dependencies through links, so nothing is downloaded again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import write_library
from tests.unit.sources import tracked

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = REPOSITORY / "docker" / "Dockerfile"
IMAGE_VENV = "/opt/circumplex"
COMPILING = "compiled for this processor"
SEARCHES = """
import itertools, logging, sys
import indexer
from pathlib import Path
logging.basicConfig()
from indexer.search.searcher import Searcher, TrackFilter
from indexer.snapshot.reader import Snapshot
from tests import snapshots
folder, count = Path(sys.argv[1]), 0
opened = [
    snapshots.written(folder / f"{tracks}-{engine}", snapshots.content(tracks), engine=engine)
    for tracks, engine in ((300, "exact"), (2000, "exact"), (2000, "ann"))
]
opened.append(Snapshot.open(Path(snapshots.__file__).parent / "fixtures" / "snapshot-format-2"))
filters = (
    None,
    TrackFilter(genre=("rock",)),
    TrackFilter(exclude_ids=frozenset({10})),
    TrackFilter(exclude_ids=frozenset(range(10, 1000, 10))),
)
ways = (("gaussian", "paper"), filters, (None, 1), ("e2m", "m2m"), ("segment", "track"))
for at in opened:
    searcher = Searcher(at, snapshots.scoring())
    for kind, passing, most, direction, level in itertools.product(*ways):
        snapshots.found(searcher, snapshots.embedding(1, 5), limit=20, kind=kind, filters=passing,
            max_per_artist=most, direction=direction, level=level,
        )
        count += 1
print(count, indexer.__file__)
"""


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of every instruction, continued lines joined."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    parted = [line.strip().partition(" ") for line in lines]
    return [(name, " ".join(arguments.split())) for name, _, arguments in parted]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, from its FROM on."""
    found: list[list[tuple[str, str]]] = []
    for name, arguments in instructions():
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, arguments))
    return found


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that is installed here, but for Circumplex itself."""
    folder = tmp_path_factory.mktemp("dependencies")
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "circumplex" not in path.name.lower():
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, dependencies: Path) -> Path:
    """The virtual environment that the COPY and RUN instructions make."""
    folder = tmp_path_factory.mktemp("image")
    source, venv = folder / "src", folder / "venv"
    source.mkdir()
    values: dict[str, str] = {}
    for name, arguments in stages()[0]:
        if name == "COPY":
            copy(arguments, source)
        elif name == "ARG" and "=" in arguments:
            values |= dict([arguments.split("=", 1)])
        elif name == "RUN" and not arguments.startswith("useradd"):
            run(arguments.replace(IMAGE_VENV, str(venv)), source, values)
            if "-m venv" in arguments:
                site = next((venv / "lib").glob("python*/site-packages"))
                for bundled in ("setuptools", "pkg_resources", "_distutils_hack"):
                    shutil.rmtree(site / bundled, ignore_errors=True)
                (site / "distutils-precedence.pth").unlink(missing_ok=True)
                (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return venv


def copy(arguments: str, folder: Path) -> None:
    """As COPY does, without what the ignore file leaves out."""
    *sources, target = arguments.split()
    for name in sources:
        path = REPOSITORY / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(path, folder / target, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(path, folder / target)


def run(command: str, folder: Path, values: dict[str, str]) -> None:
    """As RUN does, with the values of ARG."""
    # Setuptools is installed here; an isolated build would download it.
    here = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment = os.environ | values | here
    python = Path(sys.executable).name
    command = re.sub(r"^python ", f"{python} ", command)
    done = subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"


def circumplex(image: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command, far from the sources, with the image's kind of environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CIRCUMPLEX_")}
    kept.pop("PYTHONPATH", None)
    (compiled,) = re.findall(r"NUMBA_CACHE_DIR=/(\S+)", dict(stages()[-1])["ENV"])
    own = {
        "CIRCUMPLEX_DATA_DIR": str(folder / "data"),
        "CIRCUMPLEX_DEVICE": "cpu",
        "NUMBA_CACHE_DIR": str(folder / compiled),
    }
    return subprocess.run(
        [str(image / "bin" / "circumplex"), *arguments],
        cwd=folder,
        env=kept | own | {"CIRCUMPLEX_MUSIC_ROOTS": str(folder / "music")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@dataclass
class Tried:
    """What the installed command did with a small library."""

    folder: Path
    indexed: subprocess.CompletedProcess[str]
    playlist: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def tried(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """A library that the installed command has indexed and searched."""
    folder = tmp_path_factory.mktemp("library")
    write_library(folder / "music")
    indexed = circumplex(image, folder, "index")
    playlist = circumplex(image, folder, "playlist", "--mood", "calm", "--limit", "3")
    return Tried(folder, indexed, playlist)


def test_the_installed_command_works_far_from_the_sources(image: Path, tried: Tried) -> None:
    """Version, index, playlist and doctor, from the wheel alone."""
    version = circumplex(image, tried.folder, "--version")
    doctor = circumplex(image, tried.folder, "doctor", "--json")
    where = subprocess.run(
        [str(image / "bin" / "python"), "-c", "import app; print(app.__file__)"],
        cwd=tried.folder,
        capture_output=True,
        text=True,
        check=True,
    )

    assert version.stdout.startswith("circumplex "), version.stderr
    assert tried.indexed.returncode == 0, tried.indexed.stderr
    assert len(json.loads(tried.playlist.stdout)["items"]) == 3
    assert doctor.returncode == 0, doctor.stderr
    assert where.stdout.startswith(str(image))


def test_the_image_holds_the_search_compiled(image: Path, tried: Tried) -> None:
    """The first index run and the first search of a new container compile nothing."""
    assert (tried.indexed.returncode, tried.playlist.returncode) == (0, 0)
    assert COMPILING not in tried.indexed.stderr + tried.playlist.stderr
    assert not list(tried.folder.rglob("*.nbc"))
    assert len(list(image.rglob("*.nbc"))) > 20


def test_the_image_holds_all_that_searches_compile(image: Path, tmp_path: Path) -> None:
    """Of every kind, filter, cap, level, engine and format: nothing is left for later."""
    kept = set(image.rglob("*.nbc"))

    done = subprocess.run(
        [str(image / "bin" / "python"), "-c", SEARCHES, str(tmp_path)],
        cwd=next((image / "lib").glob("python*/site-packages")),  # the image's packages first
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    searches, package = done.stdout.split()
    assert package.startswith(str(image))
    assert int(searches) > 100
    assert COMPILING not in done.stderr
    assert set(image.rglob("*.nbc")) == kept


def test_the_wheel_holds_every_file_that_is_not_python(image: Path) -> None:
    """The page, the weights, the migrations' template: all that package data must name."""
    files = tracked("app", "indexer", "model", "migrations")
    names = [str(path.relative_to(REPOSITORY)) for path in files]
    site = next((image / "lib").glob("python*/site-packages"))

    missing = [name for name in names if not (site / name).is_file()]

    assert sum(name.startswith("app/web/") for name in names) > 10
    assert missing == []


def test_the_image_starts_a_command_that_exists(image: Path, tmp_path: Path) -> None:
    """ENTRYPOINT and CMD name the installed program and options that it knows."""
    last = dict(stages()[-1])
    program, (command, *options) = json.loads(last["ENTRYPOINT"])[0], json.loads(last["CMD"])
    shown = circumplex(image, tmp_path, command, "--help").stdout

    assert (image / "bin" / program).exists()
    assert all(option in shown for option in options if option.startswith("--"))
    assert f"{IMAGE_VENV}/bin" in dict([last["ENV"].split("=", 1)])["PATH"]


# What a linter of Dockerfiles asks for ------------------------------------------------------------


def test_the_recipe_follows_the_rules_of_dockerfiles() -> None:
    """No root at the end, JSON commands, absolute folders, pinned images, no ADD, no upgrade."""
    last = stages()[-1]
    names = [name for name, _ in instructions()]
    runs = " ; ".join(arguments for name, arguments in instructions() if name == "RUN")

    assert all(re.search(r":[\w.-]*\d", arguments) for name, arguments in last if name == "FROM")
    assert "ADD" not in names
    assert "MAINTAINER" not in names
    assert not re.search(r"\b(sudo|apt-get upgrade|dist-upgrade|curl|wget)\b", runs)
    assert [name for name, _ in last].count("CMD") == 1
    assert [name for name, _ in last].count("ENTRYPOINT") == 1
    assert [name for name, _ in last].count("HEALTHCHECK") == 1
    for name, arguments in instructions():
        if name in {"CMD", "ENTRYPOINT"}:
            assert isinstance(json.loads(arguments), list)
        if name == "WORKDIR":
            assert arguments.startswith("/")
    users = [arguments for name, arguments in last if name == "USER"]
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}
    assert [name for name, _ in last].index("USER") < [name for name, _ in last].index("CMD")


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    """Hadolint, all of its rules."""
    linter = Path(sys.executable).parent / "hadolint"
    if not linter.exists():
        pytest.skip("hadolint is not installed here: make install")
    done = subprocess.run(
        [str(linter), str(DOCKERFILE)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def compose() -> list[str]:
    """The command of Docker Compose, as a plugin or alone; it needs no engine to check a stack."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is not None:
            line = [*command, "version"]
            if subprocess.run(line, capture_output=True, check=False).returncode == 0:
                return command
    pytest.skip("Docker Compose is not installed here: apt install docker-compose")


@pytest.mark.parametrize("profile", [None, "gpu", "index"])
def test_compose_accepts_the_stack(profile: str | None) -> None:
    """With every profile, and not without its secrets."""
    command = [*compose(), *(["--profile", profile] if profile else []), "config", "--quiet"]
    secrets = {"MUSIC": "/m", "POSTGRES_PASSWORD": "x" * 16, "CIRCUMPLEX_ADMIN_TOKEN": "y" * 32}
    bare = {key: value for key, value in os.environ.items() if key not in secrets}

    accepted = subprocess.run(
        command, cwd=REPOSITORY, env=bare | secrets, capture_output=True, text=True, check=False
    )
    refused = subprocess.run(
        command, cwd=REPOSITORY, env=bare, capture_output=True, text=True, check=False
    )

    assert accepted.returncode == 0, accepted.stderr
    assert refused.returncode != 0
    assert "set " in refused.stderr


def test_the_installed_package_names_program_and_licence(image: Path) -> None:
    """In the metadata that pip wrote."""
    site = next((image / "lib").glob("python*/site-packages"))
    (metadata,) = site.glob("circumplex-*.dist-info")

    assert "circumplex = app.cli:main" in (metadata / "entry_points.txt").read_text()
    assert "License-Expression: Apache-2.0" in (metadata / "METADATA").read_text()
