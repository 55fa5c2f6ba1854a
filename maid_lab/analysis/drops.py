"""Starts of the open model: how many were due, and how many found no free user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import is_outcome
from maid_lab.analysis.times import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maid_lab.model.plan import Plan

__all__ = ["DueStarts", "due_starts"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DueStarts:
    """Stamps of due starts and of the dropped ones among them, sorted, seconds since the start of the run."""

    all_s: NDArray[np.float64]
    dropped_s: NDArray[np.float64]

    @property
    def due(self) -> int:
        """Starts that were due."""
        return len(self.all_s)

    def value(self, begin_s: float, end_s: float, *, percent: bool) -> float:
        """Return the dropped starts of [begin, end) as a count, or with `percent` as a share of the due ones (0 when none was due)."""
        due, dropped = (int(np.subtract(*np.searchsorted(stamps, [end_s, begin_s]))) for stamps in (self.all_s, self.dropped_s))
        if not percent:
            return float(dropped)
        return dropped / due if due else 0.0


def due_starts(requests: pl.LazyFrame, iterations: pl.LazyFrame | None, *, plan: Plan, wanted: pl.Expr, after_s: float = 0.0) -> DueStarts:
    """Return the measured due starts of a run.

    A load that counts iterations drops iterations, one that counts requests (`of: requests`) drops requests; starts of both kinds are due.
    """
    of_requests = any(load.model == "rate" and load.of == "requests" for load in plan.loads)
    measured = is_measured(plan=plan, after_s=after_s) & wanted
    parts = [_stamps(requests.filter(measured), only_dropped=not of_requests)]
    if iterations is not None:
        of_iterations = any(load.model == "rate" and load.of == "iterations" for load in plan.loads)
        parts.append(_stamps(iterations.filter(measured), only_dropped=not of_iterations))
    together = pl.concat(parts).sort("start_s")
    return DueStarts(all_s=together["start_s"].to_numpy(), dropped_s=together.filter("dropped")["start_s"].to_numpy())


def _stamps(rows: pl.LazyFrame, *, only_dropped: bool) -> pl.DataFrame:
    stamps = rows.select(start_s=pl.col("start") / NS_PER_S, dropped=is_outcome(["dropped"]))
    return (stamps.filter("dropped") if only_dropped else stamps).collect()
