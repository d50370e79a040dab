"""What the project asks for from others: libraries, their pins, no addresses."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.unit.sources import tracked

REGISTRY_HOSTS = re.compile(
    r"https?://[\w.-]*(?:pypi|pythonhosted|pytorch|npmjs|yarnpkg|unpkg|jsdelivr|nvidia|conda)[\w.-]*"
    r"\.(?:org|com|net|io)|--(?:extra-)?index-url|--find-links"
)
DISTRIBUTIONS = {
    "PIL": "pillow",
    "faiss": "faiss-cpu",
    "pydantic_core": "pydantic",
    "sklearn": "scikit-learn",
    "starlette": "fastapi",
}
"""Libraries that are imported by another name than they are asked for."""
PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.+!]+")


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the machine's business, not the repository's."""
    own_name = Path(__file__).name
    naming = [
        f"{path.relative_to(REPOSITORY)}: {match.group()}"
        for path in tracked()
        if path.name != own_name
        for match in REGISTRY_HOSTS.finditer(path.read_bytes().decode("utf-8", "ignore"))
    ]

    assert naming == []


def test_the_registry_pattern_finds_an_address() -> None:
    """The rule above can fail."""
    assert REGISTRY_HOSTS.search("--index-url somewhere")
    host = ".".join(["py" + "pi", "org"])
    assert REGISTRY_HOSTS.search(f"see https://{host}/simple")


def test_constraints_are_exact_pins() -> None:
    """Every line of constraints.txt is name==version and nothing else."""
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_every_dependency_is_pinned() -> None:
    """Whatever pyproject.toml asks for, constraints.txt pins."""
    constraints = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").split()
    pinned = {_normalised(line.split("==")[0]) for line in constraints}

    assert set().union(*_asked().values()) - {"circumplex"} - pinned == set()


def test_shipped_code_imports_only_what_it_asks_for() -> None:
    """No library that only the tests have is imported by what is installed without them."""
    known = sys.stdlib_module_names | {"app", "circumplex", "indexer", "migrations", "model"}
    shipped = set().union(*(names for extra, names in _asked().items() if extra != "dev"))

    strangers = {
        f"{path.relative_to(REPOSITORY)}: {name}"
        for path in tracked("app/*.py", "circumplex/*.py", "indexer/*.py", "model/*.py")
        for name in _imported(path)
        if name not in known and _normalised(DISTRIBUTIONS.get(name, name)) not in shipped
    }

    assert strangers == set()


def _imported(path: Path) -> set[str]:
    """The first names of all modules that a file imports."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _asked() -> dict[str, set[str]]:
    """The libraries that pyproject.toml asks for, by extra; under "" those of no extra."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: {_normalised(re.split(r"[\[<>=;! ]", line)[0]) for line in asked}
        for extra, asked in lines.items()
    }


def test_torch_and_torchaudio_are_of_one_release() -> None:
    """Wheels of two releases fail when torchaudio is imported."""
    pins = dict(
        line.split("==") for line in (REPOSITORY / "constraints.txt").read_text("utf-8").split()
    )

    assert pins["torch"] == pins["torchaudio"]


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
