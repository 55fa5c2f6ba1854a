"""One pass over the rows: counts by cell, and the durations of good rows by name, that all tables of a summary are put together from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import ANSWERED, SENT, is_ok
from maid_lab.analysis.times import response, service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from maid_lab.model.plan import Plan

__all__ = ["Cell", "CellGroup", "Samples", "cells_of", "cells_query", "grouped", "samples_of", "samples_query"]

_KEYS: Final = ("scenario", "transaction", "name", "section", "outcome", "status")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """Rows that agree in scenario, transaction, name, section, outcome, status and whether they are measured."""

    scenario: str
    transaction: str
    name: str
    section: str
    outcome: str
    status: int
    measured: bool
    kind: str
    method: str
    count: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class CellGroup:
    """Cells that one row of a table sums up."""

    cells: tuple[Cell, ...] = ()

    def count(self, outcomes: Iterable[str] | None = None) -> int:
        """Return the number of rows, all or those of the given outcomes."""
        wanted = None if outcomes is None else frozenset(outcomes)
        return sum(cell.count for cell in self.cells if wanted is None or cell.outcome in wanted)

    @property
    def sent(self) -> int:
        """Rows that were sent."""
        return self.count(SENT)

    @property
    def answered(self) -> int:
        """Rows with a whole answer."""
        return self.count(ANSWERED)

    @property
    def ok(self) -> int:
        """Rows with outcome ok."""
        return self.count(("ok",))

    @property
    def failures(self) -> int:
        """Rows that were sent and are not ok."""
        return self.sent - self.ok

    @property
    def bytes_in(self) -> int:
        """Bytes received, head and body."""
        return sum(cell.bytes_in for cell in self.cells)

    @property
    def bytes_out(self) -> int:
        """Bytes sent, head and body."""
        return sum(cell.bytes_out for cell in self.cells)

    def words(self, field: str) -> tuple[str, ...]:
        """Return the different values of a text field, sorted, without the empty one."""
        return tuple(sorted({getattr(cell, field) for cell in self.cells} - {""}))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Durations in ns of measured rows with outcome ok."""

    service: NDArray[np.int64]
    response: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Iterable[Samples]) -> Samples:
        """Return the samples of several groups together."""
        found = list(parts)
        if len(found) == 1:
            return found[0]
        empty = np.empty(0, dtype=np.int64)
        return cls(np.concatenate([empty, *(part.service for part in found)]), np.concatenate([empty, *(part.response for part in found)]))


def cells_query(frame: pl.LazyFrame, *, plan: Plan) -> pl.LazyFrame:
    """Return the query that `cells_of` reads; apart, so that it can be collected together with others in one pass."""
    columns = frame.collect_schema().names()
    given = [pl.col(name).first() for name in ("kind", "method") if name in columns]
    sums = [pl.col(name).cast(pl.Int64).sum() for name in ("bytes_in", "bytes_out") if name in columns]
    keys = [key for key in _KEYS if key in columns]
    return frame.with_columns(measured=is_measured(plan=plan)).group_by(*keys, "measured").agg(pl.len().alias("count"), *given, *sums)


def cells_of(table: pl.DataFrame) -> tuple[Cell, ...]:
    """Return the cells of a collected `cells_query`, sorted."""
    return tuple(sorted(_cell(row) for row in table.iter_rows(named=True)))


def samples_query(frame: pl.LazyFrame, *, plan: Plan, by: str) -> pl.LazyFrame:
    """Return the query that `samples_of` reads: durations of measured rows with outcome ok, as one list for each value of `by`."""
    good = frame.filter(is_measured(plan=plan) & is_ok()).select(pl.col(by).alias("key"), service(), response())
    return good.group_by("key").agg(pl.col("service").drop_nulls(), pl.col("response").drop_nulls())


def samples_of(table: pl.DataFrame) -> dict[str, Samples]:
    """Return the samples of a collected `samples_query` by key."""
    keys = table["key"].cast(pl.String).to_list()
    return {key or "": Samples(table["service"][at].to_numpy(), table["response"][at].to_numpy()) for at, key in enumerate(keys)}


def grouped(cells: Iterable[Cell], key: Callable[[Cell], str]) -> Mapping[str, CellGroup]:
    """Return the cells by key, sorted; cells whose key is empty are left out."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(key(cell), []).append(cell)
    return {name: CellGroup(tuple(found[name])) for name in sorted(found) if name}


def _cell(row: dict[str, Any]) -> Cell:
    words: dict[str, Any] = {key: row.get(key) or "" for key in ("scenario", "transaction", "name", "section", "outcome", "kind", "method")}
    counts: dict[str, Any] = {key: row.get(key) or 0 for key in ("count", "bytes_in", "bytes_out")}
    status = row.get("status")
    return Cell(**words, **counts, status=-1 if status is None else status, measured=bool(row["measured"]))
