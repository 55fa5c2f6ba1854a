"""Counts by cell, and the durations of good rows by name, that all tables of a summary are put together from."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from maid_lab.analysis.codes import agreeing, codes_of
from maid_lab.analysis.outcomes import ANSWERED, SENT
from maid_lab.analysis.scan import columns_for
from maid_lab.model.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from maid_lab.analysis.scan import Batch
    from maid_lab.model.plan import Plan

__all__ = ["Cell", "CellGroup", "CellTally", "SampleTally", "Samples", "grouped"]

_KEYS: Final = ("scenario", "transaction", "name", "section", "outcome", "status", "kind", "method")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """Rows that agree in scenario, transaction, name, section, outcome, status, kind, method and whether they are measured."""

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


class CellTally:
    """Counts by cell.

    Parameters
    ----------
    plan : Plan
        Says which rows are measured.
    present : sequence of str
        Columns that the rows have.
    """

    def __init__(self, plan: Plan, present: Sequence[str]) -> None:
        self._keys = [key for key in _KEYS if key in present]
        self._sums = [name for name in ("bytes_in", "bytes_out") if name in present]
        shared = {"measured": columns_for(plan)["measured"]}
        self.columns = shared | {key: pl.col(key) for key in self._keys} | {name: pl.col(name).fill_null(0) for name in self._sums}
        self._found: dict[tuple[Any, ...], list[int]] = {}

    def of(self, batch: Batch) -> list[tuple[tuple[Any, ...], list[int]]]:
        """Return the keys and sums of each cell of a batch."""
        keys = batch.frame.select(*self._keys, "measured")
        if not len(keys):
            return []
        code, size = agreeing(keys.get_columns())
        counts = np.bincount(code, minlength=size)
        # Sums as float64 are exact below 2^53, which half a million values of 32 bits cannot reach.
        sums = [np.bincount(code, weights=batch[name], minlength=size) for name in self._sums]
        cells = np.flatnonzero(counts)
        example = np.zeros(size, dtype=np.intp)
        example[code] = np.arange(len(code))
        words = keys[example[cells]].with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String)).rows()
        return [(words[at], [int(counts[cell]), *(int(found[cell]) for found in sums)]) for at, cell in enumerate(cells)]

    def take(self, found: list[tuple[tuple[Any, ...], list[int]]]) -> None:
        """Add the cells of a batch."""
        for key, sums in found:
            known = self._found.get(key)
            self._found[key] = sums if known is None else [old + new for old, new in zip(known, sums, strict=True)]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells, sorted."""
        names = (*self._keys, "measured", "count", *self._sums)
        return tuple(sorted(_cell(dict(zip(names, (*key, *sums), strict=True))) for key, sums in self._found.items()))


class SampleTally:
    """Durations of measured rows with outcome ok by the values of a column.

    Parameters
    ----------
    plan : Plan
        Says which rows are measured.
    by : str
        The column.
    """

    def __init__(self, plan: Plan, by: str) -> None:
        shared = columns_for(plan)
        self._by = by
        self.columns = {name: shared[name] for name in ("good", "service", "response")} | {by: pl.col(by)}
        self._batches: deque[_Parted] = deque()

    def of(self, batch: Batch) -> _Parted:
        """Return the samples of a batch in the order of their keys."""
        codes, size = codes_of(batch.frame[self._by])
        good = batch.places("good")
        codes = codes[good]
        # Numbers of 8 or 16 bits are sorted by radix, in a few passes over the array.
        order = good[np.argsort(codes, kind="stable")] if size > 1 else good
        counts = np.bincount(codes, minlength=size)
        sizes: list[tuple[str, int]] = []
        begin = 0
        for count in counts[counts > 0].tolist():
            key = batch.frame[self._by][int(order[begin])]
            sizes.append(("" if key is None else str(key), count))
            begin += count
        return _Parted(sizes, Samples(batch["service"][order], batch["response"][order]))

    def take(self, found: _Parted) -> None:
        """Add the samples of a batch."""
        self._batches.append(found)

    def samples(self) -> tuple[Samples, dict[str, Samples]]:
        """Return all samples, and those of each key: parts of the same memory. What was tallied is given away."""
        sizes: dict[str, int] = {}
        for batch in self._batches:
            for key, size in batch.sizes:
                sizes[key] = sizes.get(key, 0) + size
        everything = Samples(*(np.empty(sum(sizes.values()), dtype=np.int64) for _ in range(2)))
        ends = dict(zip(sizes, accumulate(sizes.values()), strict=True))
        free = {key: end - sizes[key] for key, end in ends.items()}
        for _ in ahead(partial(_place, everything), self._placed(free)):
            pass
        return everything, {
            key: Samples(everything.service[end - sizes[key] : end], everything.response[end - sizes[key] : end])
            for key, end in ends.items()
        }

    def _placed(self, free: dict[str, int]) -> Iterator[tuple[_Parted, list[int]]]:
        """Yield each batch once and forget it, with the first free place for each of its parts, so that no sample is held twice for long."""
        while self._batches:
            batch = self._batches.popleft()
            firsts = []
            for key, size in batch.sizes:
                firsts.append(free[key])
                free[key] += size
            yield batch, firsts


class _Parted(NamedTuple):
    """Samples in the order of their keys, and how many each key has; null and the empty text are one key in two places."""

    sizes: list[tuple[str, int]]
    samples: Samples


def _place(everything: Samples, work: tuple[_Parted, list[int]]) -> None:
    (sizes, found), firsts = work
    begin = 0
    for first, (_, size) in zip(firsts, sizes, strict=True):
        for whole, part in ((everything.service, found.service), (everything.response, found.response)):
            whole[first : first + size] = part[begin : begin + size]
        begin += size


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
