"""Whether the generator kept up: its lateness by row, and the seconds in which it, not the target, was the limit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maid_lab.analysis.quantiles import quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from maid_lab.analysis.measured import MeasuredWindow

__all__ = ["BOUND_SHARE_LIMIT", "LATE_MS", "GeneratorHealth", "generator_bound_share", "generator_health", "lag_figures"]

#: Share of measured seconds above which times and rates are not trusted.
BOUND_SHARE_LIMIT: Final = 0.05

#: A start is called late when the generator was at least this much behind its plan, in milliseconds.
LATE_MS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorHealth:
    """Health of the generator over the measured rows.

    Attributes
    ----------
    lag_p50_ms, lag_p99_ms, lag_max_ms : float or None
        Lateness at the start of requests; None without rows.
    late_share : float
        Share of requests that left `LATE_MS` late or more.
    bound_seconds, bound_share : int, float or None
        Measured seconds in which the generator was the limit; None when the run kept no series.
    cpu_max, loop_lag_max_ms : float or None
        Highest CPU use of a worker (1 = one core) and event-loop lag; None when the run kept no series.
    """

    lag_p50_ms: float | None
    lag_p99_ms: float | None
    lag_max_ms: float | None
    late_share: float
    bound_seconds: int | None
    bound_share: float | None
    workers: int | None
    cpu_max: float | None
    loop_lag_max_ms: float | None

    @property
    def is_bound(self) -> bool:
        """Whether more than 5 % of the measured seconds were limited by the generator."""
        return self.bound_share is not None and self.bound_share > BOUND_SHARE_LIMIT

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {**asdict(self), "is_bound": self.is_bound}


def lag_figures(lag_us: NDArray[Any]) -> dict[str, Any]:
    """Return the figures of the lag of measured rows, given in µs and put into another order: `GeneratorHealth` has them by these names."""
    if not len(lag_us):
        return {"lag_p50_ms": None, "lag_p99_ms": None, "lag_max_ms": None, "late_share": 0.0}
    p50, p99 = quantiles(lag_us, [0.5, 0.99], in_place=True)
    return {
        "lag_p50_ms": p50 / 1000,
        "lag_p99_ms": p99 / 1000,
        "lag_max_ms": int(lag_us.max()) / 1000,
        "late_share": int(np.count_nonzero(lag_us >= LATE_MS * 1000)) / len(lag_us),
    }


def generator_bound_share(series: Sequence[Mapping[str, Any]] | None, *, window: MeasuredWindow) -> float | None:
    """Return the share of measured seconds that were generator-bound; None without a series."""
    seconds = _measured_seconds(series, window=window)
    return sum(bool(second.get("generator_bound")) for second in seconds) / len(seconds) if seconds else None


def generator_health(lag: Mapping[str, Any], series: Sequence[Mapping[str, Any]] | None, *, window: MeasuredWindow) -> GeneratorHealth:
    """Return the health from `lag_figures` and the run's series by second."""
    seconds = _measured_seconds(series, window=window)
    workers = [worker for second in seconds for worker in second.get("workers", ())]
    return GeneratorHealth(
        **lag,
        bound_seconds=sum(bool(second.get("generator_bound")) for second in seconds) if seconds else None,
        bound_share=generator_bound_share(series, window=window),
        workers=len({worker.get("worker") for worker in workers}) or None,
        cpu_max=max((float(worker.get("cpu") or 0) for worker in workers), default=None),
        loop_lag_max_ms=max((float(worker.get("loop_lag_ms") or 0) for worker in workers), default=None),
    )


def _measured_seconds(series: Sequence[Mapping[str, Any]] | None, *, window: MeasuredWindow) -> list[Mapping[str, Any]]:
    # A line is written at the end of its second; its middle decides whether it is measured.
    return [
        second
        for second in series or ()
        if window.start_s <= float(second.get("elapsed_s", 0.0)) - 0.5 < max(window.end_s, window.start_s + 1)
    ]
