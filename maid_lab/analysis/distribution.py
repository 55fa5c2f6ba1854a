"""How latency is spread: a histogram with logarithmic bins, and the same over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import polars as pl

from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import is_ok
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, time_named

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan

__all__ = ["BINS_PER_DECADE", "heatmap", "histogram", "latency_by_rate"]

#: Bins for each factor of ten; a bin is 26 % wider than the one before.
BINS_PER_DECADE: Final = 10

_MAX_HEAT_COLUMNS: Final = 80
_MAX_HEAT_ROWS: Final = 32
_FINEST_NS: Final = 1_000


def histogram(requests: pl.LazyFrame, *, plan: Plan, metric: str = "latency") -> pl.DataFrame:
    """Return the distribution of a time over measured rows with outcome ok.

    Returns
    -------
    DataFrame
        One row for each bin from the smallest to the largest sample, empty ones too: low_ms, high_ms, count, share, cumulative (share of
        all samples up to the bin's end).
    """
    counted = _good(requests, plan=plan, metric=metric).group_by(_log_bin(BINS_PER_DECADE)).agg(count=pl.len()).collect()
    if counted.is_empty():
        return pl.DataFrame(
            schema={"low_ms": pl.Float64, "high_ms": pl.Float64, "count": pl.Int64, "share": pl.Float64, "cumulative": pl.Float64}
        )
    first, last = counted.select(low=pl.col("level").min(), high=pl.col("level").max()).row(0)
    bins = pl.DataFrame({"level": range(first, last + 1)}, schema={"level": pl.Int64})
    full = bins.join(counted, on="level", how="left").sort("level").with_columns(pl.col("count").fill_null(0).cast(pl.Int64))
    share = pl.col("count") / pl.col("count").sum()
    return full.select(
        low_ms=_edge_ms("level", BINS_PER_DECADE),
        high_ms=_edge_ms("level", BINS_PER_DECADE, offset=1),
        count="count",
        share=share,
        cumulative=share.cum_sum(),
    )


def heatmap(requests: pl.LazyFrame, *, plan: Plan, metric: str = "latency") -> pl.DataFrame:
    """Return counts over time and latency, all rows of scenarios with outcome ok, the warm-up too; at most 2,560 cells.

    Returns
    -------
    DataFrame
        second, until_s (edges of the time bin), low_ms, high_ms (edges of the latency bin), count; only cells with rows.
    """
    rows = _timed(requests.filter((pl.col("section") == "scenario") & is_ok()), plan=plan, metric=metric)
    extent = rows.select(last=pl.col("start").max(), low=pl.col("ns").min(), high=pl.col("ns").max()).collect().row(0, named=True)
    if extent["last"] is None:
        return pl.DataFrame(
            schema={"second": pl.Float64, "until_s": pl.Float64, "low_ms": pl.Float64, "high_ms": pl.Float64, "count": pl.UInt32}
        )
    width_s = max(extent["last"] / NS_PER_S / (_MAX_HEAT_COLUMNS - 1), 0.01)
    per_decade = _bins_per_decade(extent["low"], extent["high"])
    time_bin = (pl.col("start") // round(width_s * NS_PER_S)).alias("bin")
    counted = rows.group_by(time_bin, _log_bin(per_decade)).agg(count=pl.len()).sort("bin", "level")
    return counted.select(
        second=pl.col("bin") * width_s,
        until_s=(pl.col("bin") + 1) * width_s,
        low_ms=_edge_ms("level", per_decade),
        high_ms=_edge_ms("level", per_decade, offset=1),
        count="count",
    ).collect()


def latency_by_rate(timeline: pl.DataFrame) -> pl.DataFrame:
    """Return rate against latency, one point for each bin of a timeline that has a p95: second, rate, p50_ms, p95_ms, users, warmup."""
    users = [] if "users" not in timeline.columns else ["users"]
    return timeline.filter(pl.col("p95_ms").is_not_null()).select("second", "rate", "p50_ms", "p95_ms", *users, "warmup")


def _good(requests: pl.LazyFrame, *, plan: Plan, metric: str) -> pl.LazyFrame:
    return _timed(requests.filter(is_measured(plan=plan) & is_ok()), plan=plan, metric=metric)


def _timed(rows: pl.LazyFrame, *, plan: Plan, metric: str) -> pl.LazyFrame:
    return rows.select("start", ns=time_named(metric, plan=plan)).drop_nulls()


def _log_bin(per_decade: int) -> pl.Expr:
    # Shorter than 1 µs is below what the clock of a generator can tell apart; it also keeps the logarithm defined.
    decades = pl.max_horizontal("ns", pl.lit(_FINEST_NS)).cast(pl.Float64).log10()
    return (decades * per_decade).floor().cast(pl.Int64).alias("level")


def _edge_ms(level: str, per_decade: int, *, offset: int = 0) -> pl.Expr:
    return pl.lit(10.0).pow((pl.col(level) + offset) / per_decade) / NS_PER_MS


def _bins_per_decade(low_ns: int, high_ns: int) -> int:
    decades = max(math.log10(max(high_ns, _FINEST_NS)) - math.log10(max(low_ns, _FINEST_NS)), 0.1)
    return max(1, min(2 * BINS_PER_DECADE, math.floor((_MAX_HEAT_ROWS - 2) / decades)))
