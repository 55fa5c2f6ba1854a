"""What a summary counts over all requests, beside cells and samples; each class for one of its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.measured import window_to
from maid_lab.analysis.outcomes import is_failure, is_sent
from maid_lab.analysis.scan import columns_for
from maid_lab.analysis.times import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maid_lab.analysis.measured import MeasuredWindow
    from maid_lab.analysis.scan import Batch
    from maid_lab.model.plan import Plan

__all__ = ["ErrorTally", "FlightTally", "LagTally", "SlowestTally", "UserTally", "WindowTally"]

#: User numbers below this are counted in a table.
_TABLE: Final = 4_194_304
_NOBODY: Final = -2
_ROW: Final = ("start", "end", "intended", "first_byte", "name", "scenario", "worker", "user", "iteration", "outcome", "status", "error")


class WindowTally:
    """The last start and the last end of measured rows."""

    def __init__(self, plan: Plan) -> None:
        shared = columns_for(plan)
        self._plan = plan
        self.columns = {name: shared[name] for name in ("measured", "begin", "service")}
        self._last: tuple[int, int] | None = None

    def of(self, batch: Batch) -> tuple[int, int] | None:
        """Return the last start and end of a batch, ns."""
        start = batch.where("begin", "measured")
        if not len(start):
            return None
        last = int(start.max())
        return last, max(last, int((start + batch.where("service", "measured")).max()))

    def take(self, found: tuple[int, int] | None) -> None:
        """Add those of a batch."""
        if found is not None:
            self._last = found if self._last is None else (max(self._last[0], found[0]), max(self._last[1], found[1]))

    @property
    def window(self) -> MeasuredWindow:
        """The stretch that rates are taken over."""
        return window_to(*(self._last or (None, None)), plan=self._plan)


class LagTally:
    """The generator's lag at each measured request, 4 bytes for each."""

    def __init__(self, plan: Plan) -> None:
        self.columns = {"measured": columns_for(plan)["measured"], "lag": pl.col("lag")}
        self._parts: list[NDArray[Any]] = []

    def of(self, batch: Batch) -> NDArray[Any]:
        """Return the lags of a batch."""
        lag = batch.frame["lag"]
        measured = batch.frame["measured"]
        return (lag if measured.all() else lag.filter(measured)).drop_nulls().to_numpy()

    def take(self, found: NDArray[Any]) -> None:
        """Add those of a batch."""
        self._parts.append(found)

    @property
    def lag_us(self) -> NDArray[Any]:
        """All lags in µs, shape (n,)."""
        return np.concatenate(self._parts) if self._parts else np.empty(0, dtype=np.uint32)


class ErrorTally:
    """Failures by outcome, text, name and status."""

    def __init__(self, plan: Plan) -> None:
        failed = columns_for(plan)["measured"] & is_failure()
        self.columns = {
            "failed": failed.fill_null(value=False),
            **{name: pl.col(name) for name in ("start", "outcome", "error", "name", "status")},
        }
        self._parts: list[pl.DataFrame] = []

    def of(self, batch: Batch) -> pl.DataFrame | None:
        """Return the groups of a batch; None without a failure."""
        if not batch.frame["failed"].any():
            return None
        bad = batch.frame.select(*self.columns).filter("failed").group_by("outcome", "error", "name", "status")
        return bad.agg(count=pl.len(), first_s=pl.col("start").min() / NS_PER_S, last_s=pl.col("start").max() / NS_PER_S)

    def take(self, found: pl.DataFrame | None) -> None:
        """Add those of a batch."""
        if found is not None:
            self._parts.append(found.with_columns(pl.col("outcome", "error", "name").cast(pl.String), pl.col("status").fill_null(-1)))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One for each group, by the first of its failures."""
        if not self._parts:
            return []
        groups = pl.concat(self._parts).group_by("outcome", "error", "name", "status")
        return groups.agg(pl.col("count").sum(), pl.col("first_s").min(), pl.col("last_s").max()).sort("first_s", "name").to_dicts()


class SlowestTally:
    """The slowest measured requests; of those that took as long, the ones that started first."""

    def __init__(self, plan: Plan, number: int) -> None:
        shared = columns_for(plan)
        self._number = number
        self.columns = {name: shared[name] for name in ("sent", "latency")} | {name: pl.col(name) for name in _ROW}
        self._found: pl.DataFrame | None = None
        self._least = _NOBODY

    def of(self, batch: Batch) -> pl.DataFrame:
        """Return those of a batch that may be among them."""
        latency = batch["latency"]
        # Once some are known nearly all rows are passed over here.
        places = np.flatnonzero(batch["sent"] & (latency >= self._least))
        if len(places) > self._number:
            slow = latency[places]
            places = places[slow >= np.partition(slow, -self._number)[-self._number]]
        return self._ordered(batch.frame[places].select("latency", *_ROW))

    def take(self, found: pl.DataFrame) -> None:
        """Add those of a batch."""
        self._found = found if self._found is None else self._ordered(pl.concat([self._found, found]))
        if len(self._found) == self._number:
            self._least = int(self._found["latency"][-1])

    @property
    def rows(self) -> pl.DataFrame:
        """They, the slowest first."""
        return pl.DataFrame() if self._found is None else self._found

    def _ordered(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sort("latency", "start", descending=[True, False]).head(self._number)


class UserTally:
    """The slowest measured request of each user."""

    def __init__(self, plan: Plan) -> None:
        shared = columns_for(plan)
        self.columns = {name: shared[name] for name in ("sent", "latency")} | {"user": pl.col("user").fill_null(0)}
        self._parts: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def of(self, batch: Batch) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the users of a batch and their longest latency."""
        return _longest(batch.where("user", "sent"), batch.where("latency", "sent"))

    def take(self, found: tuple[NDArray[Any], NDArray[Any]]) -> None:
        """Add those of a batch."""
        self._parts.append(found)

    @property
    def slowest_ns(self) -> NDArray[Any]:
        """One for each user, −1 for one whose requests have no known end. Shape (users,)."""
        if not self._parts:
            return np.empty(0, dtype=np.int64)
        return _longest(*(np.concatenate(column) for column in zip(*self._parts, strict=True)))[1]


class FlightTally:
    """Time that requests were open within the measured stretch, if the run ends when it is planned to.

    Parameters
    ----------
    begin_ns, end_ns : int
        Where that stretch begins and ends.
    """

    def __init__(self, plan: Plan, *, begin_ns: int, end_ns: int) -> None:
        shared = columns_for(plan)
        flown = ((pl.col("section") == "scenario") & is_sent()).fill_null(value=False)
        self.columns = {name: shared[name] for name in ("sent", "begin", "service")} | {"flown": flown}
        self.begin_ns, self.end_ns = begin_ns, end_ns
        self._sums = [0, 0, 0, 0]

    def of(self, batch: Batch) -> list[int]:
        """Return the sums of a batch: time open, ns; requests; those with an end; their service time, ns."""
        start, lasted = batch.where("begin", "flown"), batch.where("service", "flown")
        end = start + lasted
        if len(lasted) and lasted.min() < 0:
            end[lasted < 0] = self.end_ns
        opened = np.maximum(np.minimum(end, self.end_ns) - np.maximum(start, self.begin_ns), 0)
        times = batch.where("service", "sent")
        unknown = int(np.count_nonzero(times < 0))
        return [int(opened.sum()), len(times), len(times) - unknown, int(times.sum()) + unknown]

    def take(self, found: list[int]) -> None:
        """Add those of a batch."""
        self._sums = [old + new for old, new in zip(self._sums, found, strict=True)]

    @property
    def figures(self) -> dict[str, Any]:
        """`open_ns`, the time that requests were open; `starts`, the measured ones; `service_ns`, their mean service time."""
        open_ns, starts, timed, service_ns = self._sums
        return {"open_ns": open_ns, "starts": starts, "service_ns": service_ns / timed if timed else None}


def _longest(users: NDArray[Any], latency: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return each user once, and the longest of its latencies."""
    if not len(users):
        return users, latency
    size = int(users.max()) + 1
    if size <= _TABLE:
        different, places = np.arange(size), users
    else:
        different, places = np.unique(users, return_inverse=True)
        size = len(different)
    longest = np.full(size, _NOBODY, dtype=np.int64)
    np.maximum.at(longest, places, latency)
    seen = np.flatnonzero(longest != _NOBODY)
    return different[seen], longest[seen]
