"""The rows of one threshold as sorted arrays, so that any window of them is a slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.outcomes import is_answered, is_ok, is_outcome, is_sent
from maid_lab.analysis.quantiles import quantiles
from maid_lab.analysis.times import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Slice", "ThresholdRows", "threshold_rows"]

_MOMENTS: Final[dict[str, Callable[[NDArray[np.float64]], Any]]] = {"avg": np.mean, "min": np.min, "max": np.max}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """What a statistic is taken over: samples of good rows (seconds or bytes) and counts, over `duration_s` seconds."""

    values: NDArray[np.float64]
    rows: int
    sent: int
    answered: int
    ok: int
    check_failed: int
    answered_in_time: int
    ok_in_time: int
    duration_s: float

    def statistic(self, stat: str, *, quantile: float | None, apdex_t_s: float) -> float | None:
        """Return the value of a statistic in its base unit (seconds, bytes, per second, share); None when it is not defined here.

        The rates count rows by their end, all else by their start.
        """
        if quantile is not None:
            return quantiles(self.values, [quantile])[0] if len(self.values) else None
        if stat in ("avg", "min", "max", "stdev"):
            return self._moment(stat)
        if stat == "apdex":
            return self._apdex(apdex_t_s)
        if stat == "error_rate":
            return (self.sent - self.ok) / self.sent if self.sent else None
        if stat == "check_rate":
            return 1 - self.check_failed / self.answered if self.answered else None
        amount = {"count": self.rows, "rate": self.answered_in_time, "goodput": self.ok_in_time}[stat]
        return float(amount) if stat == "count" else amount / self.duration_s if self.duration_s > 0 else 0.0

    def _moment(self, stat: str) -> float | None:
        if len(self.values) < (2 if stat == "stdev" else 1):
            return None
        if stat == "stdev":
            return float(np.std(self.values, ddof=1))
        return float(_MOMENTS[stat](self.values))

    def _apdex(self, t_s: float) -> float | None:
        if not self.sent:
            return None
        satisfied = np.count_nonzero(self.values <= t_s)
        tolerating = np.count_nonzero(self.values <= 4 * t_s) - satisfied
        return float(satisfied + tolerating / 2) / self.sent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThresholdRows:
    """Rows sorted by start; stamps in seconds since the start of the run, `value` NaN where the row has no sample."""

    start: NDArray[np.float64]
    value: NDArray[np.float64]
    ok: NDArray[np.bool_]
    sent: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    check_failed: NDArray[np.bool_]
    answered_end: NDArray[np.float64]
    ok_end: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)

    def window(self, begin_s: float, end_s: float) -> Slice:
        """Return the rows of [begin, end)."""
        low, high = np.searchsorted(self.start, [begin_s, end_s])
        return self._slice(
            slice(low, high),
            answered=_within(self.answered_end, begin_s, end_s),
            ok=_within(self.ok_end, begin_s, end_s),
            duration_s=end_s - begin_s,
        )

    def whole(self, *, duration_s: float) -> Slice:
        """Return all rows; rates count every answer to a measured request."""
        return self._slice(slice(None), answered=len(self.answered_end), ok=len(self.ok_end), duration_s=duration_s)

    def _slice(self, part: slice, *, answered: int, ok: int, duration_s: float) -> Slice:
        value = self.value[part]
        return Slice(
            values=value[~np.isnan(value)],
            rows=len(value),
            sent=int(self.sent[part].sum()),
            answered=int(self.answered[part].sum()),
            ok=int(self.ok[part].sum()),
            check_failed=int(self.check_failed[part].sum()),
            answered_in_time=answered,
            ok_in_time=ok,
            duration_s=duration_s,
        )


def threshold_rows(rows: pl.LazyFrame, *, value: pl.Expr, in_ns: bool) -> ThresholdRows:
    """Return the arrays of already filtered rows.

    Parameters
    ----------
    value : Expr
        The metric; taken of rows with outcome ok.
    in_ns : bool
        Whether it is a duration in nanoseconds, which becomes seconds.
    """
    flags: dict[str, Any] = {"ok": is_ok(), "sent": is_sent(), "answered": is_answered(), "check_failed": is_outcome(["check_failed"])}
    sample = pl.when(is_ok()).then(value.cast(pl.Float64) / (NS_PER_S if in_ns else 1))
    table = rows.select(start=pl.col("start") / NS_PER_S, end=pl.col("end") / NS_PER_S, value=sample, **flags).sort("start").collect()
    return ThresholdRows(
        start=table["start"].to_numpy(),
        value=table["value"].fill_null(float("nan")).to_numpy(),
        **{name: table[name].to_numpy() for name in flags},
        answered_end=np.sort(table.filter("answered")["end"].to_numpy()),
        ok_end=np.sort(table.filter("ok")["end"].to_numpy()),
    )


def _within(stamps: NDArray[np.float64], begin_s: float, end_s: float) -> int:
    low, high = np.searchsorted(stamps, [begin_s, end_s])
    return int(high - low)
