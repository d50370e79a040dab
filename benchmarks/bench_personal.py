"""How well a listener's own plane is learned, and that searching on it is exact and quick.

Listeners are made of data (`personal.listeners`). Writes `personal.json` and `personal.md` from all
parts that were ever run.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.personal.listeners import emotify, muse, on_relative_plane, pmemo
from benchmarks.personal.measures import behaved, learning_figures, learning_ms
from benchmarks.personal.page import markdown
from benchmarks.personal.searching import proof, snapshot_of, times
from benchmarks.search.vectors import songs_and_model
from benchmarks.shared_data import data_folder

REPOSITORY = Path(__file__).resolve().parent.parent
STUDIES = {"PMEmo": pmemo, "Emotify": emotify, "MuSe": muse}
RELATIVE = {f"{name}, relative": study for name, study in STUDIES.items()}
PARTS = (*STUDIES, *RELATIVE, "behaviour", "proof", "times")


def main() -> None:
    """Run what was asked for and write the two files from all that is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="holds the datasets")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "build" / "bench-personal")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks")
    parser.add_argument("--part", choices=PARTS, help="this part alone")
    options = parser.parse_args()
    path = options.out / "personal.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    for part in [options.part] if options.part else PARTS:
        found[part] = _measured(part, options.data, options.cache)
        found["date"] = date.today().isoformat()
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "personal.md").write_text(markdown(found), encoding="utf-8")
    print(json.dumps(found, indent=1))


def _measured(part: str, data: Path, cache: Path) -> dict[str, Any]:
    """The figures of one part."""
    if part in STUDIES:
        return learning_figures(STUDIES[part](data, cache))
    if part in RELATIVE:
        return learning_figures(on_relative_plane(RELATIVE[part](data, cache)))
    if part == "behaviour":
        return {**behaved(pmemo(data, cache)), "500 words learned ms": learning_ms()}
    songs, model = songs_and_model(data)
    if part == "proof":
        return proof(snapshot_of(cache / "rows-10000", model, songs, 10_000), model, 10_000)
    return times(snapshot_of(cache / "rows-100000", model, songs, 100_000), model, 400)


if __name__ == "__main__":
    main()
