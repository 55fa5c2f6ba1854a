"""One pass over the rows of a run for everything that is asked of them: each column is read once, in batches, on two threads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import polars as pl

from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import is_ok, is_sent
from maid_lab.analysis.times import response, service, time_named
from maid_lab.model.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from maid_lab.model.plan import Plan

__all__ = ["Batch", "Tally", "columns_for", "scan"]

#: Rows of a batch.
_BATCH: Final = 500_000


class Batch:
    """Some rows of a run, with their columns as arrays.

    Parameters
    ----------
    frame : DataFrame
        The rows; columns that are asked for as arrays hold no nulls.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._arrays: dict[str, NDArray[Any]] = {}
        self._whole: dict[str, bool] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column. Shape (n,)."""
        if name not in self._arrays:
            self._arrays[name] = self.frame[name].to_numpy()
        return self._arrays[name]

    def where(self, name: str, mask: str) -> NDArray[Any]:
        """Return the values of a column in the rows of which a column of truths says yes. Shape (m,)."""
        if mask not in self._whole:
            self._whole[mask] = bool(self.frame[mask].all())
        return self[name] if self._whole[mask] else self[name][self[mask]]

    def places(self, mask: str) -> NDArray[np.intp]:
        """Return the places of the rows of which a column of truths says yes. Shape (m,)."""
        return np.flatnonzero(self[mask])


class Tally(Protocol):
    """Something that is counted over all rows."""

    @property
    def columns(self) -> Mapping[str, pl.Expr]:
        """What it needs of the rows, by the name under which batches have it."""

    def of(self, batch: Batch) -> Any:
        """Return what a batch adds; called on several threads at once."""

    def take(self, found: Any) -> None:
        """Add it; called in the order of the batches."""


def columns_for(plan: Plan) -> dict[str, pl.Expr]:
    """Return the columns that several tallies share: truths without nulls, times in ns with −1 for what is unknown."""
    measured, sent = is_measured(plan=plan).fill_null(value=False), is_sent().fill_null(value=False)
    timed = pl.col("start").is_not_null() & pl.col("end").is_not_null()
    return {
        "measured": measured,
        "sent": measured & sent,
        "good": (measured & is_ok() & timed).fill_null(value=False),
        "begin": pl.col("start").fill_null(0),
        "service": service().fill_null(-1),
        "response": response().fill_null(-1),
        "latency": time_named("latency", plan=plan).fill_null(-1),
    }


def scan(frame: pl.LazyFrame, tallies: Sequence[Tally]) -> None:
    """Feed all rows to the tallies."""
    columns: dict[str, pl.Expr] = {}
    for tally in tallies:
        columns |= tally.columns
    batches = frame.select(**columns).collect_batches(chunk_size=_BATCH)
    for found in ahead(partial(_found, tallies), batches):
        for tally, part in zip(tallies, found, strict=True):
            tally.take(part)


def _found(tallies: Sequence[Tally], frame: pl.DataFrame) -> list[Any]:
    batch = Batch(frame)
    return [tally.of(batch) for tally in tallies]
