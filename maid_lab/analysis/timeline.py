"""How a run went over time: one row for each stretch of time, at most 600 of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from maid_lab.analysis.bin_tally import BinTally
from maid_lab.analysis.outcomes import is_answered, is_ok
from maid_lab.analysis.scan import scan
from maid_lab.analysis.times import NS_PER_S

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan

__all__ = ["MAX_BINS", "bin_width_s", "failures_over_time", "planned_level", "rates_by_name", "timeline"]

#: Most bins of a timeline; charts of three lines stay below 5,000 marks.
MAX_BINS: Final = 600

_WIDTHS_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_MIN_BINS: Final = 20
_ROWS_PER_BIN: Final = 100

#: A bin shows a percentile when at least one of its samples lies beyond it. Bins describe and are not judged, so the stricter rule does
#: not apply.
_SAMPLES: Final = {"p50_ms": (0.5, 2), "p95_ms": (0.95, 20), "p99_ms": (0.99, 100)}

#: Column of a timeline → what is counted for it.
_PER_S: Final = {
    "rate": "answered",
    "goodput": "ok",
    "failures_per_s": "failed",
    "bytes_in_per_s": "bytes_in",
    "bytes_out_per_s": "bytes_out",
}


def bin_width_s(duration_s: float, *, rows: int) -> float:
    """Return the width of a bin in seconds.

    The narrowest of 1 s … 1 h with at most 600 bins and on average 100 rows in each, but never so wide that fewer than 20 bins are left.
    Runs below a minute start at 0.5 s, those of at most 15 s at 0.25 s, so that they have points enough for a line.
    """
    per_second = rows / duration_s if duration_s > 0 else 0.0
    finest = 0.25 if duration_s <= 15 else 0.5 if duration_s < 60 else 1.0
    widest = max((width for width in _WIDTHS_S if duration_s / width >= _MIN_BINS), default=finest)
    for width in (width for width in _WIDTHS_S if width >= finest):
        if duration_s / width <= MAX_BINS and (per_second * width >= _ROWS_PER_BIN or width >= widest):
            return width
    return duration_s / MAX_BINS


def timeline(requests: pl.LazyFrame, *, plan: Plan, width_s: float | None = None) -> pl.DataFrame:
    """Return the run over time, all rows of scenarios, the warm-up too.

    Latency, users, in flight and lag are of the requests that started in a bin; rates, failures and bytes of those that ended in it.

    Returns
    -------
    DataFrame
        One row for each bin without gaps: second (begin of the bin), width_s, warmup, requests, rate, goodput, failures_per_s, p50_ms,
        p95_ms, p99_ms (null with too few samples), users, in_flight, bytes_in_per_s, bytes_out_per_s, lag_ms (largest).
    """
    rows = _scenario_rows(requests)
    extent = rows.select(last=pl.max_horizontal("start", "end").max(), rows=pl.len()).collect().row(0, named=True)
    duration_s = (extent["last"] or 0) / NS_PER_S
    width = width_s or bin_width_s(duration_s, rows=extent["rows"])
    width_ns = round(width * NS_PER_S)
    bins = 0 if extent["last"] is None else max(0, extent["last"]) // width_ns + 1
    tally = BinTally(plan, rows.collect_schema().names(), width_ns=width_ns, bins=bins)
    scan(rows, [tally])
    columns = {
        "requests": tally.counts("sent").astype(np.uint32),
        **tally.percentiles(_SAMPLES),
        **tally.means(),
        **({"lag_ms": tally.lag_ms()} if "lag" in tally.columns else {}),
        **{name: tally.counts(counted) / width for name, counted in _PER_S.items()},
    }
    kinds = {name: pl.UInt32 if name == "requests" else pl.Float64 for name in columns}
    table = pl.DataFrame(columns, schema=kinds).with_row_index("bin")
    return table.with_columns(
        second=pl.col("bin").cast(pl.Int64) * width, width_s=pl.lit(width), warmup=pl.col("bin").cast(pl.Int64) * width < plan.warmup_end_s
    ).drop("bin")


def failures_over_time(requests: pl.LazyFrame, *, width_s: float) -> pl.DataFrame:
    """Return failures and unsent work by outcome: second, outcome, count, per_s; only bins that have some."""
    bad = _scenario_rows(requests).filter(is_ok().not_())
    counted = (
        bad.group_by(_bin(pl.col("end").fill_null(pl.col("start")), width_s), pl.col("outcome").cast(pl.String))
        .agg(count=pl.len())
        .sort("bin", "outcome")
    )
    return counted.select(
        second=pl.col("bin") * width_s, outcome="outcome", count=pl.col("count"), per_s=pl.col("count") / width_s
    ).collect()


def rates_by_name(requests: pl.LazyFrame, *, names: int) -> pl.DataFrame:
    """Return answers over time of each request name: second, width_s, name, rate (per second), without gaps.

    The `names` that were sent most often keep their own; those beyond are added up as `all others`.
    """
    rows = _scenario_rows(requests).filter(is_answered())
    extent = rows.select(last=pl.col("end").max(), rows=pl.len()).collect().row(0, named=True)
    schema = {"second": pl.Float64, "width_s": pl.Float64, "name": pl.String, "rate": pl.Float64}
    if extent["last"] is None:
        return pl.DataFrame(schema=schema)
    width = bin_width_s(extent["last"] / NS_PER_S, rows=extent["rows"])
    # Text only after counting: of each row it would take as long as the rest.
    counted = rows.group_by("name", _bin(pl.col("end"), width)).agg(count=pl.len()).collect().with_columns(pl.col("name").cast(pl.String))
    often = counted.group_by("name").agg(pl.col("count").sum()).sort("count", "name", descending=[True, False])["name"].to_list()
    kept = often if len(often) <= names else often[: names - 1]
    counted = counted.with_columns(name=pl.when(pl.col("name").is_in(kept)).then("name").otherwise(pl.lit("all others")))
    shown = kept if len(often) <= names else [*kept, "all others"]
    bins = pl.DataFrame({"bin": range(math.floor(extent["last"] / NS_PER_S / width) + 1)}, schema={"bin": pl.Int64})
    grid = bins.join(pl.DataFrame({"name": shown, "order": range(len(shown))}), how="cross")
    table = grid.join(counted.group_by("name", "bin").agg(pl.col("count").sum()), on=["name", "bin"], how="left").sort("order", "bin")
    return table.select(
        second=pl.col("bin") * width, width_s=pl.lit(width), name="name", rate=pl.col("count").fill_null(0).cast(pl.Float64) / width
    ).cast(schema)  # type: ignore[arg-type]  # names to types, as the stubs have it for other mappings


def planned_level(plan: Plan) -> pl.DataFrame:
    """Return the planned load as corner points: second, load, level and unit (`users` or `starts/s`)."""
    points = [
        {
            "second": load.start_at_s + at,
            "load": load.name,
            "level": level,
            "unit": "starts/s" if load.model == "rate" else "users",
            "order": order,
        }
        for load in plan.loads
        for number, segment in enumerate(load.segments)
        for order, (at, level) in enumerate(((segment.start_s, segment.level_from), (segment.end_s, segment.level_to)), start=2 * number)
    ]
    schema = {"second": pl.Float64, "load": pl.String, "level": pl.Float64, "unit": pl.String, "order": pl.Int64}
    return pl.DataFrame(points, schema=schema)


def _scenario_rows(requests: pl.LazyFrame) -> pl.LazyFrame:
    return requests.filter(pl.col("section") == "scenario")


def _bin(stamp: pl.Expr, width_s: float) -> pl.Expr:
    return (stamp // round(width_s * NS_PER_S)).alias("bin")
