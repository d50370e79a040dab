"""Embedded rows as immutable Parquet files, until a snapshot holds them.

`<data_dir>/rows/<model>-<recipe>/<digest of the contents>.parquet`, a line for each content. A file
appears whole or not at all; the same contents make the same file, so that work which is done again
after a loss changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from indexer.errors import StorageError
from indexer.runs.embed import ROW_RECIPE, Block
from indexer.storage import refusal
from model.embedding import Embedding

logger = logging.getLogger(__name__)

_COLUMNS: Mapping[str, pa.DataType] = {
    "segment_s": pa.float32(),
    "phi": pa.float32(),
    "mu": pa.float32(),
    "var": pa.float32(),
    "segment_emotion": pa.float32(),
    "curve": pa.float16(),
}
_SCHEMA = pa.schema(
    [("content_id", pa.string()), ("rows", pa.int32())]
    + [(name, pa.list_(kind)) for name, kind in _COLUMNS.items()]
)


class RowStore:
    """The rows that index runs have embedded and not yet published."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "rows"

    def folder(self, model_id: str) -> Path:
        """Where the rows of a model lie."""
        return self._folder / f"{model_id}-{ROW_RECIPE}"

    def write(self, model_id: str, blocks: Mapping[str, Block]) -> Path:
        """Keep the rows of some contents.

        Raises:
            StorageError: The disk is full or read-only.
        """
        names = "\n".join(sorted(blocks)).encode()
        digest = hashlib.blake2b(names, digest_size=16).hexdigest()
        path = self.folder(model_id) / f"{digest}.parquet"
        aside = path.with_name(f".{digest}.{os.getpid()}")
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(_table(blocks), aside)
                aside.replace(path)
        except OSError as exc:
            aside.unlink(missing_ok=True)
            raise StorageError(refusal(path, exc)) from exc
        return path

    def load(self, model_id: str) -> dict[str, Block]:
        """All rows of a model that are kept, by content; a damaged file counts as absent."""
        found: dict[str, Block] = {}
        for path in sorted(self.folder(model_id).glob("*.parquet")):
            try:
                found.update(_blocks(pq.read_table(path, schema=_SCHEMA)))
            except (OSError, pa.ArrowException, ValueError) as exc:
                logger.warning("rows %s are damaged and made anew: %s", path, exc)
        return found

    def clear(self) -> None:
        """Remove all rows."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _parts(block: Block) -> dict[str, NDArray[Any]]:
    own = block.embedding
    return {
        "segment_s": block.segment_s,
        "phi": own.phi,
        "mu": own.mu,
        "var": own.var,
        "segment_emotion": block.segment_emotion,
        "curve": block.curve,
    }


def _table(blocks: Mapping[str, Block]) -> pa.Table:
    ordered = sorted(blocks)
    parts = [_parts(blocks[content]) for content in ordered]
    columns: dict[str, Any] = {
        "content_id": ordered,
        "rows": [len(blocks[content].segment_s) for content in ordered],
    }
    for name, kind in _COLUMNS.items():
        flat = [np.ascontiguousarray(part[name]).ravel() for part in parts]
        ends = np.cumsum([0, *map(len, flat)]).astype(np.int32)
        values = pa.array(np.concatenate(flat), type=kind)
        columns[name] = pa.ListArray.from_arrays(pa.array(ends), values)
    return pa.table(columns, schema=_SCHEMA)


def _blocks(table: pa.Table) -> Iterator[tuple[str, Block]]:
    contents, rows = table["content_id"].to_pylist(), table["rows"].to_pylist()
    for line, (content, count) in enumerate(zip(contents, rows, strict=True)):
        part = {name: table[name][line].values.to_numpy(zero_copy_only=False) for name in _COLUMNS}
        yield (
            content,
            Block(
                segment_s=part["segment_s"].reshape(count, 2),
                embedding=Embedding(
                    *(part[name].reshape(count, -1) for name in ("phi", "mu", "var"))
                ),
                segment_emotion=part["segment_emotion"].reshape(count, 2),
                curve=part["curve"].reshape(-1, 4),
            ),
        )
