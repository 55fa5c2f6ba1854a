"""What a timeline counts: requests by the stretch of time in which they started or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.outcomes import is_answered, is_failure, is_ok, is_sent
from maid_lab.analysis.quantiles import quantiles
from maid_lab.analysis.times import NS_PER_MS, time_named
from maid_lab.model.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from maid_lab.analysis.scan import Batch
    from maid_lab.model.plan import Plan

__all__ = ["BinTally"]

_ENDED: Final = ("answered", "ok", "failed")
_BYTES: Final = ("bytes_in", "bytes_out")
_MEANS: Final = ("users", "in_flight")


class BinTally:
    """Counts, sums and latencies by bin.

    Parameters
    ----------
    plan : Plan
        Says which time is the latency.
    present : sequence of str
        Columns that the rows have.
    width_ns : int
        Width of a bin.
    bins : int
        Number of bins, of which the first begins with the run; no row may start or end after the last.
    """

    def __init__(self, plan: Plan, present: Sequence[str], *, width_ns: int, bins: int) -> None:
        kind = pl.UInt16 if bins <= 65_536 else pl.UInt32
        latency = time_named("latency", plan=plan)
        self.columns: dict[str, pl.Expr] = {
            "begun": (pl.col("start") // width_ns).clip(lower_bound=0).cast(kind),
            "ended": (pl.col("end").fill_null(pl.col("start")) // width_ns).clip(lower_bound=0).cast(kind),
            "sent": is_sent().fill_null(value=False),
            "answered": is_answered().fill_null(value=False),
            "ok": is_ok().fill_null(value=False),
            "failed": is_failure().fill_null(value=False),
            "timed": (is_ok() & latency.is_not_null()).fill_null(value=False),
            "latency": latency.fill_null(-1),
            **{name: pl.col(name).fill_null(0) for name in _BYTES},
            **{name: pl.col(name) for name in (*_MEANS, "lag") if name in present},
        }
        self.bins = bins
        self._means = [name for name in _MEANS if name in present]
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._lag = np.full(bins, -1, dtype=np.int64)
        self._latencies: list[list[NDArray[np.int64]]] = [[] for _ in range(bins)]

    def of(self, batch: Batch) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64], list[tuple[int, NDArray[np.int64]]]]:
        """Return the sums of a batch by bin, the largest lag, and the latencies of its good requests."""
        ended = batch["ended"]
        sums = {"sent": self._counted(batch.where("begun", "sent"))}
        sums |= {name: self._counted(batch.where("ended", name)) for name in _ENDED}
        sums |= {name: self._counted(ended, batch[name]) for name in _BYTES}
        for name in self._means:
            begun, values = batch["begun"], batch.frame[name]
            if values.null_count():
                begun, values = begun[values.is_not_null().to_numpy()], values.drop_nulls()
            sums |= {name: self._counted(begun, values.to_numpy()), f"{name} known": self._counted(begun)}
        return sums, self._largest_lag(batch), _parted(batch.where("begun", "timed"), batch.where("latency", "timed"))

    def take(self, found: tuple[dict[str, NDArray[np.float64]], NDArray[np.int64], list[tuple[int, NDArray[np.int64]]]]) -> None:
        """Add a batch."""
        sums, lag, latencies = found
        for name, values in sums.items():
            self._sums[name] = self._sums[name] + values if name in self._sums else values
        np.maximum(self._lag, lag, out=self._lag)
        for at, samples in latencies:
            self._latencies[at].append(samples)

    def counts(self, name: str) -> NDArray[np.float64]:
        """Return the sum of sent, answered, ok, failed, bytes_in or bytes_out. Shape (bins,)."""
        return self._sums.get(name, np.zeros(self.bins))

    def means(self) -> dict[str, list[float | None]]:
        """Return the means of users and requests in flight, of those two that rows have; None in a bin in which none started."""
        found = {}
        for name in self._means:
            known = self.counts(f"{name} known")
            means = self.counts(name) / np.maximum(known, 1)
            found[name] = [mean if count else None for mean, count in zip(means.tolist(), known.tolist(), strict=True)]
        return found

    def lag_ms(self) -> list[float | None]:
        """Return the largest lag; None in a bin in which none started."""
        return [lag / 1000 if lag >= 0 else None for lag in self._lag.tolist()]

    def percentiles(self, points: Mapping[str, tuple[float, int]]) -> dict[str, list[float | None]]:
        """Return percentiles of the latency in milliseconds; what was tallied is given away.

        Parameters
        ----------
        points : mapping of str to (float, int)
            Key → quantile, and how many samples it needs; with fewer it is None.
        """
        latencies, self._latencies = self._latencies, []

        def of_bin(parts: list[NDArray[np.int64]]) -> dict[str, float]:
            samples = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
            wanted = {key: quantile for key, (quantile, needed) in points.items() if len(samples) >= needed}
            return dict(zip(wanted, quantiles(samples, list(wanted.values()), in_place=True), strict=True)) if wanted else {}

        found = list(ahead(of_bin, latencies))
        return {key: [value[key] / NS_PER_MS if key in value else None for value in found] for key in points}

    def _counted(self, bins: NDArray[Any], weights: NDArray[Any] | None = None) -> NDArray[np.float64]:
        return np.bincount(bins, weights=weights, minlength=self.bins).astype(np.float64)

    def _largest_lag(self, batch: Batch) -> NDArray[np.int64]:
        largest = np.full(self.bins, -1, dtype=np.int64)
        if "lag" in self.columns:
            lag = batch.frame["lag"]
            np.maximum.at(
                largest, batch["begun"], (lag.cast(pl.Int64).fill_null(-1) if lag.null_count() else lag).to_numpy().astype(np.int64)
            )
        return largest


def _parted(bins: NDArray[Any], values: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    """Return the values of each bin that has some."""
    ordered = values[np.argsort(bins, kind="stable")]
    counts = np.bincount(bins)
    present = np.flatnonzero(counts)
    ends = np.cumsum(counts[present]).tolist()
    return [(at, ordered[end - size : end]) for at, end, size in zip(present.tolist(), ends, counts[present].tolist(), strict=True)]
