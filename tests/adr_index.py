"""The index of the records of decisions: `python -m tests.adr_index` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "adr"
HEAD = """# Records of decisions

What was chosen where a choice is hard to reverse, and why ([0001](0001-record-decisions.md)).
A record says its status below its title: accepted, or superseded by another. Some numbers below 90
were never used; no record was removed.

| Number | Decision | Status |
|---|---|---|
"""


def index() -> str:
    """The index of all records that are there."""
    return HEAD + "".join(_row(path) for path in sorted(FOLDER.glob("[0-9]*.md")))


def _row(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].partition(". ")[2]
    found = re.search(r"\*\*Status\.\*\* (.*)", text)
    status = found[1].partition(". ")[0].partition(":")[0].rstrip(".") if found else ""
    return f"| [{path.name[:4]}]({path.name}) | {title} | {status} |\n"


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")
