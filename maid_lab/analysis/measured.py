"""Which rows are measured, and the stretch of time that rates are taken over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from maid_lab.analysis.times import NS_PER_S

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan

__all__ = ["MeasuredWindow", "is_measured", "measured_window", "window_to"]

#: A run whose last row ended this close to its planned end was not cut short: its users were thinking.
_CLOSE_S: Final = 1.0
_CLOSE_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredWindow:
    """Where measuring began and ended, seconds since the start of the run."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds; 0 when nothing was measured."""
        return max(0.0, self.end_s - self.start_s)


def is_measured(*, plan: Plan, after_s: float = 0.0) -> pl.Expr:
    """Whether a row is measured: of section `scenario` and started within the measured time, and after `after_s` seconds of the run."""
    from_ns = round(max(plan.warmup_end_s, after_s) * NS_PER_S)
    measured = (pl.col("section") == "scenario") & (pl.col("start") >= from_ns)
    return measured & (pl.col("start") < round(plan.measured_until_s * NS_PER_S)) if plan.measured_until_s else measured


def measured_window(requests: pl.LazyFrame, *, plan: Plan, after_s: float = 0.0) -> MeasuredWindow:
    """Return the stretch that rates are taken over.

    It begins where the warm-up (or `after_s`) ends. It ends with the planned load, or with the last row when the run ended clearly earlier
    (more than 1 s, or 5 % of a shorter run) or went on longer. Rows belong to it by their start, so what is answered after its end makes up
    for what was sent before its begin.
    """
    rows = requests.filter(is_measured(plan=plan, after_s=after_s))
    stamps = rows.select(last_start=pl.col("start").max(), last_end=pl.max_horizontal("start", "end").max()).collect().row(0, named=True)
    return window_to(stamps["last_start"], stamps["last_end"], plan=plan, after_s=after_s)


def window_to(last_start_ns: int | None, last_end_ns: int | None, *, plan: Plan, after_s: float = 0.0) -> MeasuredWindow:
    """Return the measured stretch of a run from the last start and the last end of measured rows, ns; None when there are no such rows."""
    begin = max(plan.warmup_end_s, after_s)
    if last_start_ns is None or last_end_ns is None:
        return MeasuredWindow(start_s=begin, end_s=begin)
    if plan.measured_until_s:
        return MeasuredWindow(start_s=begin, end_s=plan.measured_until_s)
    last_start, last_end = last_start_ns / NS_PER_S, last_end_ns / NS_PER_S
    planned = plan.duration_s or last_end
    if last_end >= planned - min(_CLOSE_S, _CLOSE_SHARE * planned):
        last_end = planned
    return MeasuredWindow(start_s=begin, end_s=max(last_start, last_end))
