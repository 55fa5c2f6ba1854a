"""Charts of a run, one function each: Altair specifications with their data inside, labelled axes with units, at most 5,000 marks.

Each mark that can be pointed at carries a `description`; as SVG it becomes an `aria-label`, which serves screen readers and the report's
tooltips.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from maid_lab.analysis.chart_theme import HEIGHT, OUTCOME_COLOURS, SERIES_COLOURS, WIDTH, themed, time_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maid_lab.analysis.chart_theme import Chart
    from maid_lab.analysis.summary_values import GroupStats

__all__ = [
    "errors_over_time",
    "latency_against_rate",
    "latency_by_name",
    "latency_distribution",
    "latency_heatmap",
    "latency_over_time",
    "throughput_over_time",
    "users_over_time",
]

#: Names in the comparison by name; the slowest are kept.
MAX_NAMES: Final = 20

_LOG_FROM: Final = 30.0
_LOG: Final = alt.Scale(type="log", nice=False)
_USERS: Final = "Users, requests in flight"


def users_over_time(timeline: pl.DataFrame, planned: pl.DataFrame) -> Chart:
    """Return planned level and real users over time; an open plan's level is in starts per second on an axis of its own."""
    seen = _long(timeline, {"users": "users", "in_flight": "requests in flight"})
    colours = {"users": SERIES_COLOURS["blue"], "requests in flight": SERIES_COLOURS["grey"]}
    is_open = "starts/s" in planned["unit"].to_list()
    extent = _extent(timeline)
    lines = _lines(seen, colours=colours, y=alt.Y("value:Q", title=_USERS), extent=extent)
    plan_name = "planned starts/s" if is_open else "planned users"
    color = alt.Color("series:N", title=None, scale=_series_scale({plan_name: SERIES_COLOURS["orange"], **colours}))
    plan = alt.Chart(planned.select("second", "load", "order", value="level", series=pl.lit(plan_name)))
    level = alt.Y("value:Q", title="Planned starts/s" if is_open else _USERS)
    planned_line = plan.mark_line(strokeDash=[5, 3], strokeWidth=1.6, clip=True).encode(
        x=_time(extent), y=level, detail="load:N", order="order:Q", color=color
    )
    layers: list[Any] = [_warmup(timeline), lines.encode(color=color), planned_line]
    pointed = _bands(timeline, {"users": ("users", ".0f", ""), "in_flight": ("in flight", ".1f", "")}, extent=extent)
    chart = alt.layer(*layers, pointed)
    return themed(chart.resolve_scale(y="independent") if is_open else chart)


def throughput_over_time(timeline: pl.DataFrame) -> Chart:
    """Return answered, good and failed requests per second over time."""
    colours = {"answered": SERIES_COLOURS["blue"], "ok (goodput)": SERIES_COLOURS["green"], "failed": SERIES_COLOURS["vermilion"]}
    rows = _long(timeline, {"rate": "answered", "goodput": "ok (goodput)", "failures_per_s": "failed"})
    extent = _extent(timeline)
    lines = _lines(rows, colours=colours, y=alt.Y("value:Q", title="Requests per second"), extent=extent)
    pointed = _bands(
        timeline,
        {"rate": ("answered", ".1f", "/s"), "goodput": ("ok", ".1f", "/s"), "failures_per_s": ("failed", ".1f", "/s")},
        extent=extent,
    )
    return themed(alt.layer(_warmup(timeline), lines, pointed))


def latency_over_time(timeline: pl.DataFrame, *, latency: str) -> Chart:
    """Return p50, p95 and p99 over time; `latency` is `service` or `response` and names the axis."""
    colours = {"p50": SERIES_COLOURS["green"], "p95": SERIES_COLOURS["orange"], "p99": SERIES_COLOURS["purple"]}
    rows = _long(timeline, {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"})
    extent = _extent(timeline)
    scale, axis = _milliseconds(rows["value"], title=f"{latency.capitalize()} time (ms)")
    y = alt.Y("value:Q", scale=scale, axis=axis)
    lines = _lines(rows, colours=colours, y=y, extent=extent)
    pointed = _bands(
        timeline, {"p50_ms": ("p50", ".3g", " ms"), "p95_ms": ("p95", ".3g", " ms"), "p99_ms": ("p99", ".3g", " ms")}, extent=extent
    )
    return themed(alt.layer(_warmup(timeline), lines, pointed))


def latency_distribution(histogram: pl.DataFrame, *, latency: str) -> Chart:
    """Return the histogram of latency over logarithmic bins."""
    edges = (pl.col(name).round_sig_figs(3) for name in ("low_ms", "high_ms"))
    shares = ((pl.col(name) * 100).round_sig_figs(4) for name in ("share", "cumulative"))
    text = pl.format("{} to {} ms: {} requests ({} %), {} % up to here", *edges, "count", *shares)
    bars = alt.Chart(histogram.with_columns(description=text)).mark_rect(color=SERIES_COLOURS["blue"], strokeWidth=0)
    return themed(
        bars.encode(
            x=alt.X(
                "low_ms:Q",
                scale=_LOG,
                axis=alt.Axis(title=f"{latency.capitalize()} time (ms)", values=_decades(histogram["low_ms"]), format=",~g"),
            ),
            x2="high_ms:Q",
            y=alt.Y("count:Q", title="Requests", axis=alt.Axis(format="~s")),
            y2=alt.datum(0),
            description="description:N",
        )
    )


def latency_heatmap(heat: pl.DataFrame, *, latency: str, duration_s: float) -> Chart:
    """Return where the requests lie over time and latency; the darker, the more."""
    text = pl.format(
        "{} s, {} to {} ms: {} requests", pl.col("second").round(1), *(pl.col(c).round_sig_figs(3) for c in ("low_ms", "high_ms")), "count"
    )
    cells = alt.Chart(heat.with_columns(description=text)).mark_rect(clip=True)
    return themed(
        cells.encode(
            x=_time(duration_s),
            x2="until_s:Q",
            y=alt.Y(
                "low_ms:Q",
                scale=_LOG,
                axis=alt.Axis(title=f"{latency.capitalize()} time (ms)", values=_decades(heat["low_ms"]), format=",~g"),
            ),
            y2="high_ms:Q",
            color=alt.Color(
                "count:Q",
                title="Requests",
                scale=alt.Scale(type="log", scheme="viridis"),
                legend=alt.Legend(gradientLength=160, tickCount=4),
            ),
            description="description:N",
        )
    )


def latency_against_rate(points: pl.DataFrame, *, latency: str) -> Chart:
    """Return p95 against the rate at which it was seen, a point for each bin of time; the bend, if there is one, is the knee."""
    named = points.with_columns(
        series=pl.when("warmup").then(pl.lit("warm-up")).otherwise(pl.lit("measured")),
        description=pl.format(
            "{} s: {} /s, p95 {} ms", pl.col("second").round(1), pl.col("rate").round(1), pl.col("p95_ms").round_sig_figs(3)
        ),
    )
    colours = _series_scale({"measured": SERIES_COLOURS["blue"], "warm-up": SERIES_COLOURS["grey"]})
    scale, axis = _milliseconds(points["p95_ms"], title=f"p95 of {latency} time (ms)")
    return themed(
        alt.Chart(named)
        .mark_point(filled=True, size=26, opacity=0.75)
        .encode(
            x=alt.X("rate:Q", title="Answered requests per second"),
            y=alt.Y("p95_ms:Q", scale=scale, axis=axis),
            color=alt.Color("series:N", title=None, scale=colours),
            description="description:N",
        )
    )


def errors_over_time(failures: pl.DataFrame, *, width_s: float, duration_s: float) -> Chart:
    """Return failures and unsent work over time, stacked by outcome."""
    present = [outcome for outcome in OUTCOME_COLOURS if outcome in set(failures["outcome"].to_list())]
    rows = failures.with_columns(
        until_s=pl.col("second") + width_s,
        top=pl.col("per_s").cum_sum().over("second", order_by="outcome"),
        description=pl.format("{} s: {} {}", pl.col("second"), "count", pl.col("outcome").str.replace("_", " ")),
    )
    scale = alt.Scale(domain=present, range=[OUTCOME_COLOURS[outcome] for outcome in present])
    bars = alt.Chart(rows.with_columns(base=pl.col("top") - pl.col("per_s"))).mark_rect(clip=True, strokeWidth=0)
    return themed(
        bars.encode(
            x=_time(duration_s),
            x2="until_s:Q",
            y=alt.Y("top:Q", title="Failures per second"),
            y2="base:Q",
            color=alt.Color("outcome:N", title=None, scale=scale, legend=alt.Legend(labelExpr="replace(datum.label, '_', ' ')", columns=4)),
            description="description:N",
        )
    )


def latency_by_name(rows: Sequence[GroupStats], *, latency: str) -> Chart:
    """Return p50 to p99 by request name as a line with three points each, the slowest first."""
    slowest = sorted(
        (row for row in rows if row.times.p50 is not None), key=lambda row: -(row.times.p99 or row.times.p95 or row.times.p50 or 0)
    )[:MAX_NAMES]
    table = pl.DataFrame(
        [_named_point(row, key) for row in slowest for key in ("p50", "p95", "p99") if getattr(row.times, key) is not None], schema=_NAMED
    )
    colours = _series_scale({"p50": SERIES_COLOURS["green"], "p95": SERIES_COLOURS["orange"], "p99": SERIES_COLOURS["purple"]})
    base = alt.Chart(table).encode(y=alt.Y("name:N", title=None, sort=[row.name for row in slowest], axis=alt.Axis(labelLimit=170)))
    scale, axis = _milliseconds(table["value"], title=f"{latency.capitalize()} time (ms)")
    x = alt.X("value:Q", scale=scale, axis=axis)
    spans = base.mark_line(color=SERIES_COLOURS["grey"], strokeWidth=1.5).encode(x=x, detail="name:N")
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=x, color=alt.Color("series:N", title=None, scale=colours), description="description:N"
    )
    return themed(alt.layer(spans, points), height=max(60, min(HEIGHT * 2, 26 * len(slowest))), width=WIDTH - 130)


_NAMED: Final[dict[str, Any]] = {"name": pl.String, "series": pl.String, "value": pl.Float64, "description": pl.String}


def _named_point(row: GroupStats, key: str) -> Mapping[str, Any]:
    value = getattr(row.times, key)
    return {
        "name": row.name,
        "series": key,
        "value": value,
        "description": f"{row.name}: {key} {value:.3g} ms of {row.times.samples:,} requests",
    }


def _long(timeline: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    present = [name for name in names if name in timeline.columns]
    parts = [
        timeline.select(second=pl.col("second") + pl.col("width_s") / 2, value=pl.col(name).cast(pl.Float64), series=pl.lit(names[name]))
        for name in present
    ]
    return pl.concat(parts)


def _lines(rows: pl.DataFrame, *, colours: Mapping[str, str], y: alt.Y, extent: float) -> alt.Chart:
    color = alt.Color("series:N", title=None, scale=_series_scale(colours))
    lines: alt.Chart = alt.Chart(rows).mark_line(clip=True).encode(x=_time(extent), y=y, color=color)
    return lines


def _bands(timeline: pl.DataFrame, values: Mapping[str, tuple[str, str, str]], *, extent: float) -> alt.Chart:
    """Return one invisible band for each bin that says all values of the bin: a mark a bin, not one for each series."""
    rows = [
        {
            "second": row["second"],
            "until_s": row["second"] + row["width_s"],
            "description": f"{row['second']:g} s: " + ", ".join(_said(row, values)),
        }
        for row in timeline.iter_rows(named=True)
    ]
    table = pl.DataFrame(rows, schema={"second": pl.Float64, "until_s": pl.Float64, "description": pl.String})
    bands = alt.Chart(table).mark_rect(opacity=0, clip=True)
    full: alt.Chart = bands.encode(x=_time(extent), x2="until_s:Q", description="description:N", y=alt.value(0), y2=alt.value(HEIGHT))
    return full


def _said(row: Mapping[str, Any], values: Mapping[str, tuple[str, str, str]]) -> list[str]:
    known = ((label, row.get(key), form, unit) for key, (label, form, unit) in values.items())
    return [
        f"{label} {'–' if value is None else format(value, form)}{unit if value is not None else ''}" for label, value, form, unit in known
    ]


def _warmup(timeline: pl.DataFrame) -> alt.Chart:
    bins = timeline.filter("warmup")
    spans = [{"second": 0.0, "until_s": float(bins.select((pl.col("second") + pl.col("width_s")).max()).item())}] if bins.height else []
    table = pl.DataFrame(spans, schema={"second": pl.Float64, "until_s": pl.Float64})
    shade = alt.Chart(table).mark_rect(color=SERIES_COLOURS["grey"], opacity=0.14, clip=True)
    full: alt.Chart = shade.encode(x=_time(_extent(timeline)), x2="until_s:Q", y=alt.value(0), y2=alt.value(HEIGHT))
    return full


def _extent(timeline: pl.DataFrame) -> float:
    end = timeline.select((pl.col("second") + pl.col("width_s")).max()).item()
    return float(end or 1.0)


def _time(extent: float) -> alt.X:
    return alt.X("second:Q", scale=alt.Scale(domain=[0, extent], nice=False), axis=time_axis(extent))


def _series_scale(colours: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def _milliseconds(values: pl.Series, *, title: str, grid: bool = True) -> tuple[alt.Scale, alt.Axis]:
    scale = _latency_scale(values)
    ticks: dict[str, Any] = {"values": _decades(values)} if scale.to_dict().get("type") == "log" else {}
    return scale, alt.Axis(title=title, format="~s" if not ticks else ",~g", grid=grid, **ticks)


def _decades(values: pl.Series) -> list[float]:
    """Return the ticks of a logarithmic axis: powers of ten, with 2 and 5 between them when there are few."""
    known = values.drop_nulls().filter(values.drop_nulls() > 0)
    if known.is_empty():
        return [1.0]
    low, high = math.floor(math.log10(float(known.min()))), math.ceil(math.log10(float(known.max())))  # type: ignore[arg-type]  # a float column
    steps = (1, 2, 5) if high - low <= 2 else (1,)
    return [step * 10.0**power for power in range(low, high + 1) for step in steps]


def _latency_scale(values: pl.Series) -> alt.Scale:
    """Return a logarithmic scale when values differ by more than a factor of 30: a stall would press all else to the floor."""
    known = values.drop_nulls().filter(values.drop_nulls() > 0)
    low, high = known.quantile(0.05), known.max()
    wide = low is not None and float(high) / float(low) > _LOG_FROM  # type: ignore[arg-type]  # a float column
    return alt.Scale(type="log", nice=True) if wide else alt.Scale(zero=True)
