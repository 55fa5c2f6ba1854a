"""Recovery after a spike: how long until response is again what it was before."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import is_ok
from maid_lab.analysis.quantiles import quantiles, required_samples
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, time_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from maid_lab.analysis.measured import MeasuredWindow
    from maid_lab.model.plan import Load, Plan

__all__ = ["TOLERANCE", "WINDOW_S", "Recovery", "recoveries"]

#: A window of this length has to be good, seconds.
WINDOW_S: Final = 10.0
#: A window is good when its p95 is at most so many times the p95 before the spike.
TOLERANCE: Final = 1.2
_QUANTILE: Final = 0.95
_NEEDED: Final = required_samples(_QUANTILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How a load of profile `spike` went on after its fall.

    `status` is `recovered`, `not recovered` or `unknown`; `reason` says why it is not the first. `at_s` is when the rise began and
    `fall_end_s` when the load was back at its base, seconds since the start of the run. `after_s` is the time from then to the first window
    whose p95 is good, `p95_ms` that p95.
    """

    load: str
    status: str
    reason: str
    at_s: float
    fall_end_s: float
    before_p95_ms: float | None = None
    limit_ms: float | None = None
    after_s: float | None = None
    p95_ms: float | None = None
    windows: int = 0
    windows_skipped: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


def recoveries(requests: pl.LazyFrame, *, plan: Plan, window: MeasuredWindow) -> tuple[Recovery, ...]:
    """Return the recovery of each load of profile `spike`.

    The first window of ten seconds that begins at the end of the fall, or any whole second later, and has at most 1.2 times the p95 of the
    rows before the spike ends it. Windows without 200 rows of outcome ok are skipped. Rows belong to a window by their start, and to a load by
    their scenario.

    Parameters
    ----------
    requests : LazyFrame
        Rows of the run.
    window : MeasuredWindow
        Until when the run lasted.
    """
    return tuple(_recovery(requests, load, plan=plan, end_s=window.end_s) for load in plan.loads if load.profile == "spike")


def _recovery(requests: pl.LazyFrame, load: Load, *, plan: Plan, end_s: float) -> Recovery:
    at_s, fall_end_s = _spike_of(load)
    found = Recovery(load=load.name, status="unknown", reason="", at_s=at_s, fall_end_s=fall_end_s)
    names = sorted({plan.scenarios[index].name for index in load.order if index < len(plan.scenarios)})
    rows = (
        requests.filter(is_measured(plan=plan) & is_ok() & pl.col("scenario").cast(pl.String).is_in(names))
        .filter((pl.col("start") < round(at_s * NS_PER_S)) | (pl.col("start") >= round(fall_end_s * NS_PER_S)))
        .select(start="start", latency=time_named("latency", plan=plan))
        .sort("start")
        .collect()
    )
    starts, times = rows["start"].to_numpy(), rows["latency"].to_numpy()
    before = times[: np.searchsorted(starts, round(at_s * NS_PER_S))]
    if len(before) < _NEEDED:
        return _with(found, reason=f"too few samples before the spike: a p95 needs {_NEEDED}, there are {len(before)}")
    limit = quantiles(before, [_QUANTILE])[0] * TOLERANCE
    found = _with(found, before_p95_ms=limit / TOLERANCE / NS_PER_MS, limit_ms=limit / NS_PER_MS)
    if end_s - fall_end_s < WINDOW_S:
        left = max(0.0, end_s - fall_end_s)
        return _with(found, reason=f"the run went on for {left:.1f} s after the fall; {WINDOW_S:.0f} s are needed")
    return _first_good(found, starts, times, limit=limit, last_s=end_s - WINDOW_S)


def _first_good(found: Recovery, starts: NDArray[Any], times: NDArray[Any], *, limit: float, last_s: float) -> Recovery:
    skipped = windows = 0
    while (begin_s := found.fall_end_s + windows) <= last_s + 1e-9:
        windows += 1
        first, last = np.searchsorted(starts, [round(begin_s * NS_PER_S), round((begin_s + WINDOW_S) * NS_PER_S)])
        if last - first < _NEEDED:
            skipped += 1
            continue
        p95 = quantiles(times[first:last], [_QUANTILE])[0]
        if p95 <= limit:
            after_s, p95_ms = begin_s - found.fall_end_s, p95 / NS_PER_MS
            return _with(found, status="recovered", after_s=after_s, p95_ms=p95_ms, windows=windows, windows_skipped=skipped)
    counts = {"windows": windows, "windows_skipped": skipped}
    if skipped == windows:
        return _with(found, reason=f"too few samples after the fall: no {WINDOW_S:.0f} s have {_NEEDED} good answers", **counts)
    return _with(found, status="not recovered", reason="not recovered within the run", **counts)


def _with(found: Recovery, **changes: Any) -> Recovery:
    return Recovery(**{**asdict(found), **changes})


def _spike_of(load: Load) -> tuple[float, float]:
    """Return when the rise begins and the fall ends, from the segments: levels may have been scaled and times stretched since the recipe."""
    base = load.segments[0].level_from
    away: Sequence[Any] = [s for s in load.segments if s.level_from != base or s.level_to != base]
    if not away:
        return load.end_s, load.end_s
    return load.start_at_s + away[0].start_s, load.start_at_s + away[-1].end_s
