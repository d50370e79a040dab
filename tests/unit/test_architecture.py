"""The rules of the house that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from app.cli import app
from app.settings import Settings
from tests.adr_index import index
from tests.conftest import REPOSITORY
from tests.unit.sources import tracked

MAX_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_MODULES = 22
LONG_FUNCTIONS = {
    "app/commands/playlist.py: playlist": "each option has its place in the question",
    "app/compat/audiomuse.py: make_router": "its routes share what it is given",
    "app/compat/spotify.py: make_router": "its routes share what it is given",
    "app/metrics.py: __init__": "the table of the metrics",
    "app/services.py: open_services": "opens each part of the service once, in order",
    "app/subsonic/shapes.py: song_tree": "the table of a song's fields",
    "benchmarks/bench_analysis.py: _report": "a page, line by line",
    "benchmarks/bench_playlists.py: markdown": "a page, line by line",
    "benchmarks/bench_recordings.py: report": "a page, line by line",
    "benchmarks/listening/page.py: markdown": "a page, line by line",
    "benchmarks/withstand/hostile/pcm.py: _others": "the table of the files",
    "migrations/versions/0001_catalogue.py: upgrade": "the tables of the first version",
}
"""Functions of more lines than `MAX_FUNCTION_LINES`, and why they are not cut."""


def test_imports_only_point_left() -> None:
    """`model <- indexer <- app`, and the model knows no database, HTTP or FAISS."""
    report = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert report.returncode == 0, report.stdout
    assert "0 broken" in report.stdout


@pytest.mark.parametrize(
    ("package", "home"),
    [
        ("sqlalchemy", r"indexer/catalog/\w+\.py"),
        ("faiss", r"indexer/search/\w+\.py"),
        ("numba", r"indexer/search/compiled\.py"),
        (
            "av",
            r"model/audio/\w+\.py|app/demo/catalogue\.py|app/subsonic/transcode_worker\.py"
            r"|app/tagging/audio_digest\.py",
        ),
        (
            "mutagen",
            r"indexer/folders/container_(?:tags|pictures)\.py|app/tagging/fields\.py|app/demo/catalogue\.py",
        ),
        ("fastapi", r"app/(?!cli\.py|demo/).*\.py"),
        ("s3fs", r"indexer/folders/objects\.py"),
    ],
)
def test_a_library_is_used_in_one_place(package: str, home: str) -> None:
    """SQL, FAISS, FFmpeg, tags and HTTP each have one home."""
    statement = re.compile(rf"^\s*(?:import|from) {package}\b", re.MULTILINE)

    strangers = [
        name
        for path in tracked("app/*.py", "indexer/*.py", "model/*.py")
        if statement.search(path.read_text(encoding="utf-8"))
        and not re.fullmatch(home, name := str(path.relative_to(REPOSITORY)))
    ]

    assert strangers == []


def test_files_fit_in_the_head() -> None:
    """No Python file has 400 lines or more."""
    lengths = {
        str(path.relative_to(REPOSITORY)): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked("*.py")
    }

    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines >= MAX_LINES} == {}


def test_functions_fit_in_one_look() -> None:
    """None is longer than 40 lines beside its signature and docstring, but those with a reason."""
    long = {
        f"{path.relative_to(REPOSITORY)}: {node.name}"
        for path in tracked("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if _lines_of(node) > MAX_FUNCTION_LINES
    }

    assert long == LONG_FUNCTIONS.keys()


def _lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without a docstring."""
    first, *rest = function.body
    if ast.get_docstring(function, clean=False) is not None and rest:
        first = rest[0]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def test_folders_fit_in_one_look() -> None:
    """A folder of many modules is a package that was not made."""
    modules = Counter(
        str(path.parent.relative_to(REPOSITORY))
        for path in tracked("*.py")
        if path.name not in {"__init__.py", "conftest.py"}
    )

    assert {folder for folder, count in modules.items() if count > MAX_MODULES} == set()


def test_no_two_classes_share_a_name() -> None:
    """One word names one thing in all three packages."""
    homes = defaultdict(list)
    for path in tracked("app/*.py", "indexer/*.py", "model/*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(REPOSITORY)))

    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_packages_print_nothing() -> None:
    """Only the command line writes to standard output, and not with print()."""
    call = re.compile(r"^\s*print\(", re.MULTILINE)

    printing = [
        str(path.relative_to(REPOSITORY))
        for path in tracked("app/*.py", "indexer/*.py", "model/*.py")
        if call.search(path.read_text(encoding="utf-8"))
    ]

    assert printing == []


ADR_PARTS = ["Status", "Context", "Decision", "Consequences", "Alternatives", "Enforced by"]


def _records() -> dict[int, Path]:
    files = sorted((REPOSITORY / "docs" / "adr").glob("[0-9]*.md"))
    return {int(path.name[:4]): path for path in files}


def test_records_of_decisions_have_their_parts() -> None:
    """Status, context, decision, consequences, alternatives, enforcement; one number each."""
    files = list((REPOSITORY / "docs" / "adr").glob("[0-9]*.md"))
    texts = {path.name: path.read_text(encoding="utf-8").lower() for path in files}

    assert len(_records()) == len(files)
    assert [
        (name, part)
        for name, text in texts.items()
        for part in ADR_PARTS
        if part.lower() not in text
    ] == []


def test_the_index_of_records_lists_each_with_its_title() -> None:
    """`docs/adr/README.md` is what `python -m tests.adr_index` would write."""
    assert (REPOSITORY / "docs" / "adr" / "README.md").read_text(encoding="utf-8") == index()


def test_every_cited_record_exists() -> None:
    """A docstring that names ADR 7 leads somewhere."""
    cited = {
        (str(path.relative_to(REPOSITORY)), int(number))
        for path in tracked("*.py", "*.md", "*.js")
        for number in re.findall(r"\bADR[ -]?(\d{1,4})\b", path.read_text(encoding="utf-8"))
        if path.name != Path(__file__).name
    }

    assert [item for item in sorted(cited) if item[1] not in _records()] == []


PYTHON_FILE = re.compile(
    r"(?<![\w/])(?:app|indexer|model|benchmarks|tests|migrations)/[\w/]+\.py\b"
)


def test_documents_name_files_that_exist() -> None:
    """What enforces a decision is found under its name, also after files moved."""
    named = {
        f"{path.relative_to(REPOSITORY)}: {name}"
        for path in tracked("*.md")
        if path.name != "CHANGELOG.md"
        for name in PYTHON_FILE.findall(path.read_text(encoding="utf-8"))
        if not (REPOSITORY / name).is_file()
    }

    assert named == set()


LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def test_links_between_documents_lead_somewhere() -> None:
    """No relative link of a document is broken."""
    broken = [
        f"{path.relative_to(REPOSITORY)}: {target}"
        for path in tracked("*.md")
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]

    assert broken == []


def test_the_paths_of_the_architecture_name_modules_that_exist_once_each() -> None:
    """Three paths for a newcomer: an upload's bytes, a curve's keyframes, a file of the library."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    part = text.partition("## Three paths to read first")[2].partition("\n## ")[0]
    paths = [
        re.findall(r"`((?:app|indexer|model)/[\w/]+)`", path) for path in part.split("**")[2::2]
    ]

    assert len(paths) == 3
    for modules in paths:
        assert [name for name in modules if not (REPOSITORY / f"{name}.py").is_file()] == []
        assert len(modules) == len(set(modules)) > 10


def test_the_architecture_names_every_package() -> None:
    """A newcomer finds what each folder is for."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listing = text.partition("```")[2].partition("```")[0]
    layers = {
        layer: re.findall(r"(\w+)/", part)
        for layer, part in zip(
            ("model", "indexer", "app"),
            re.split(r"^(?:indexer|app|migrations)/", listing, flags=re.MULTILINE),
            strict=False,
        )
    }
    packages = {
        (path.parent.parent.name, path.parent.name)
        for path in tracked(*(f"{layer}/*/__init__.py" for layer in layers))
        if path.parent.parent.parent == REPOSITORY
    }

    assert {(layer, name) for layer, name in packages if name not in layers[layer]} == set()
    assert len(packages) > 20


def test_the_documents_name_every_setting() -> None:
    """A setting nobody can find might as well not exist."""
    settings = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`CIRCUMPLEX_([A-Z_]+)`", settings))

    assert {name.upper() for name in Settings.model_fields} == named


def test_the_readme_names_only_commands_that_exist() -> None:
    """Every `circumplex …` and `make …` of the README and of the operator's page can be typed."""
    pages = (REPOSITORY / "README.md", REPOSITORY / "docs" / "operation.md")
    readme = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    commands |= {group.name for group in app.registered_groups}

    assert set(re.findall(r"^circumplex (\w+)", readme, re.MULTILINE)) <= commands
    assert set(re.findall(r"^make ([\w-]+)", readme, re.MULTILINE)) <= set(
        re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    )


def test_compiled_functions_call_only_their_own_file() -> None:
    """A kept compilation is known by its file alone: calling another's would go stale."""
    compiled = {
        path.stem: set(re.findall(r"^@compiled\ndef (\w+)", path.read_text(), re.MULTILINE))
        for path in tracked("indexer/search/*.py")
    }
    for path in tracked("indexer/search/*.py"):
        if compiled[path.stem]:
            source = path.read_text(encoding="utf-8")
            for other in set(compiled) - {path.stem}:
                foreign = (
                    rf"from indexer\.search\.{other} import [^)]*?\b({'|'.join(compiled[other])})\b"
                )
                assert not (compiled[other] and re.search(foreign, source)), (path.name, other)
    assert any(compiled.values())
