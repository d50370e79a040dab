"""The emotion of every track, in files that pandas and polars read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pandas as pd
import polars as pl
import pytest

from app.errors import InvalidRequestError
from app.exporting.rows import COLUMNS, curve_schema, rows
from app.exporting.writing import write_rows
from app.library.live import Live
from indexer.catalog.catalog import open_catalog
from indexer.runs.indexer import Indexer
from tests.fakes import FakeModel
from tests.integration.players.live import live_of
from tests.listeners import write_albums


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The snapshot of a few albums."""
    folder = tmp_path_factory.mktemp("exporting")
    write_albums(folder / "music")
    catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")
    model = FakeModel()
    Indexer(catalog, model, folder).run([folder / "music"])
    yield live_of(catalog, folder, model)
    catalog.close()


def check(frame: Any, expected: list[dict[str, Any]]) -> None:
    """A frame holds the rows' ids, names and means."""
    assert list(frame.columns) == list(COLUMNS)
    for name in ("track_id", "title", "recording_mbid", "verdict"):
        assert list(frame[name]) == [row[name] for row in expected]
    assert list(frame["valence"]) == pytest.approx([row["valence"] for row in expected])


def test_parquet_is_read_by_pandas_and_polars(live: Live, tmp_path: Path) -> None:
    """Every column, with the curve as a list of points."""
    expected = list(rows(live, "absolute"))

    assert write_rows(rows(live, "absolute"), tmp_path / "emotions.parquet") == 10

    path = tmp_path / "emotions.parquet"
    check(pd.read_parquet(path), expected)
    frame = pl.read_parquet(path)
    check(frame, expected)
    points = frame["curve"][3].to_list()
    assert len(points) == len(expected[3]["curve"])
    assert points[0]["arousal"] == pytest.approx(expected[3]["curve"][0]["arousal"], abs=1e-6)


def test_csv_and_json_lines_are_read_by_pandas_and_polars(live: Live, tmp_path: Path) -> None:
    """In CSV a curve is JSON text."""
    expected = list(rows(live, "relative"))
    write_rows(rows(live, "relative"), tmp_path / "emotions.csv")
    write_rows(rows(live, "relative"), tmp_path / "emotions.jsonl")

    check(pd.read_csv(tmp_path / "emotions.csv"), expected)
    check(pl.read_csv(tmp_path / "emotions.csv"), expected)
    check(pd.read_json(tmp_path / "emotions.jsonl", lines=True), expected)
    check(pl.read_ndjson(tmp_path / "emotions.jsonl"), expected)
    text = pd.read_csv(tmp_path / "emotions.csv")["curve"][0]
    assert json.loads(text) == expected[0]["curve"]


def test_a_spreadsheet_finds_no_formula(live: Live, tmp_path: Path) -> None:
    """In CSV, which it opens; other formats hold texts as they are."""
    odd = {"title": "=1+1", "artist": "@a", "album": "-b", "genre": "\uff1dc", "path": "+d/e.mp3"}
    row = next(iter(rows(live, "relative"))) | odd
    for kind in ("csv", "jsonl"):
        write_rows([row], tmp_path / f"emotions.{kind}")

    shown = pd.read_csv(tmp_path / "emotions.csv").iloc[0]
    exact = json.loads((tmp_path / "emotions.jsonl").read_text())

    assert [shown[name] for name in odd] == ["'=1+1", "'@a", "'-b", "'\uff1dc", "./+d/e.mp3"]
    assert {name: exact[name] for name in odd} == odd


@pytest.mark.parametrize("scale", ["absolute", "relative"])
def test_curves_are_as_their_schema_says(live: Live, tmp_path: Path, scale: Any) -> None:
    """On both scales; the schema lies beside the file."""
    write_rows(rows(live, scale), tmp_path / "emotions.jsonl")
    schema = json.loads((tmp_path / "emotions.curve.schema.json").read_text())
    validator = jsonschema_rs.Draft202012Validator(schema)

    assert schema == json.loads(curve_schema())
    for line in (tmp_path / "emotions.jsonl").read_text().splitlines():
        row = json.loads(line)
        validator.validate(
            {"version": row["curve_version"], "scale": row["scale"], "curve": row["curve"]}
        )


def test_without_curves_the_column_is_empty(live: Live) -> None:
    """Everything else is there."""
    assert {row["curve"] for row in rows(live, "absolute", curves=False)} == {None}


def test_another_ending_is_refused(live: Live, tmp_path: Path) -> None:
    """With those that there are; nothing is left behind."""
    with pytest.raises(InvalidRequestError, match=r"\.parquet, \.csv, \.jsonl"):
        write_rows(rows(live, "absolute"), tmp_path / "emotions.xlsx")

    assert list(tmp_path.iterdir()) == []
