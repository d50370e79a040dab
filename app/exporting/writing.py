"""The rows as JSON lines, CSV or Parquet; a file is written whole or not at all."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from app.errors import InvalidRequestError
from app.exporting.rows import COLUMNS, curve_schema
from app.wire.printable import spreadsheet_cell, spreadsheet_path

KINDS = (".parquet", ".csv", ".jsonl")
BATCH = 1000  # rows of a group of a Parquet file


def write_rows(found: Iterable[dict[str, Any]], target: Path) -> int:
    """Write rows in the format of the file's ending; the schema of a curve lies beside it.

    In CSV alone, which people open in spreadsheets, texts that these would take for a formula begin
    with an apostrophe, and such paths with `./`.

    Returns:
        The number of rows.

    Raises:
        InvalidRequestError: The ending is none of `KINDS`, the file cannot be written, or Parquet
            is asked for without pyarrow.
    """
    kind = target.suffix.lower()
    if kind not in KINDS:
        raise InvalidRequestError(f"{target} ends in none of {', '.join(KINDS)}")
    write = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}[kind]
    target = Path(os.path.realpath(target))  # a link stays one
    aside = target.with_name(f".circumplex-{os.getpid()}.part")
    try:
        count = write(iter(found), aside)
        aside.replace(target)
        target.with_name(f"{target.stem}.curve.schema.json").write_text(curve_schema(), "utf-8")
    except OSError as exc:
        raise InvalidRequestError(f"{target} cannot be written: {exc.strerror}") from exc
    finally:
        aside.unlink(missing_ok=True)
    return count


def _jsonl(found: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(found, start=1):  # noqa: B007 - the last one counts
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    return count


def _csv(found: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for count, row in enumerate(found, start=1):  # noqa: B007
            writer.writerow([_cell(name, row[name]) for name in COLUMNS])
    return count


def _cell(name: str, value: Any) -> Any:
    if name == "curve":
        return None if value is None else json.dumps(value, separators=(",", ":"))
    if name == "path":
        return spreadsheet_path(value)
    return spreadsheet_cell(value) if isinstance(value, str) else value


def _parquet(found: Iterator[dict[str, Any]], path: Path) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as exc:
        raise InvalidRequestError(
            "Parquet needs pyarrow: pip install 'circumplex[export]', or write .csv or .jsonl"
        ) from exc
    numbers = [*("valence", "arousal", "valence_sd", "arousal_sd", "duration_s")]
    numbers += ["felt_valence", "felt_arousal"]
    whole = ("track_id", "year", "curve_version")
    point = pa.struct(
        [(name, pa.float32()) for name in ("t", "valence", "arousal", "valence_sd", "arousal_sd")]
    )
    kinds = dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(whole, pa.int32())
    kinds["curve"] = pa.list_(point)
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    count = 0
    with pq.ParquetWriter(path, schema.with_metadata({"curve_schema": curve_schema()})) as file:
        while batch := list(islice(found, BATCH)):
            file.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count
