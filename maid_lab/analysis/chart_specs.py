"""Charts of a run as Vega-Lite specifications, one function each: data inside, labelled axes with units, at most 5,000 marks.

They are plain data, because importing Altair beside JupyterLab takes three seconds, which a report after each run need not pay; `charts` has
the same functions as Altair objects. Each mark that can be pointed at carries a `description`; as SVG it becomes an `aria-label`, which
serves screen readers and the report's tooltips.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from maid_lab.analysis.chart_theme import HEIGHT, OUTCOME_COLOURS, SERIES_COLOURS, WIDTH, themed, time_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maid_lab.analysis.chart_theme import Spec
    from maid_lab.analysis.summary_values import GroupStats

__all__ = [
    "MAX_NAMES",
    "errors_over_time",
    "latency_against_rate",
    "latency_by_name",
    "latency_distribution",
    "latency_heatmap",
    "latency_over_time",
    "throughput_by_name",
    "throughput_over_time",
    "users_over_time",
]

#: Names in the comparison by name; the slowest are kept.
MAX_NAMES: Final = 20

#: An axis turns logarithmic when values differ by more than this factor: a stall would press all else to the floor.
_LOG_FROM: Final = 30.0

_USERS: Final = "Users, requests in flight"
_PERCENTILES: Final = {"p50": SERIES_COLOURS["green"], "p95": SERIES_COLOURS["orange"], "p99": SERIES_COLOURS["purple"]}
_DESCRIBED: Final[Spec] = {"description": {"field": "description", "type": "nominal"}}


def users_over_time(timeline: pl.DataFrame, planned: pl.DataFrame) -> Spec:
    """Return planned level and real users over time; an open plan's level is in starts per second on an axis of its own."""
    is_open = "starts/s" in planned["unit"].to_list()
    plan_name = "planned starts/s" if is_open else "planned users"
    seen = _long(timeline, {"users": "users", "in_flight": "requests in flight"})
    colours = {plan_name: SERIES_COLOURS["orange"], "users": SERIES_COLOURS["blue"], "requests in flight": SERIES_COLOURS["grey"]}
    extent = _extent(timeline)
    levels = _scaled(
        _quantitative("value", title=_USERS), {"domain": [0, 1.1 * _highest(seen["value"], None if is_open else planned["level"])]}
    )
    plan_line: Spec = {
        "data": _data(planned.select("second", "load", "order", value="level", series=pl.lit(plan_name))),
        "mark": {"type": "line", "strokeDash": [5, 3], "strokeWidth": 1.6, "clip": True},
        "encoding": {
            "x": _time(extent),
            "y": _quantitative("value", title="Planned starts per second") if is_open else levels,
            "detail": {"field": "load", "type": "nominal"},
            "order": {"field": "order", "type": "quantitative"},
            "color": _series(colours),
        },
    }
    pointed = _bands(timeline, {"users": ("users", ".0f", ""), "in_flight": ("in flight", ".1f", "")}, extent=extent)
    independent: Spec = {"resolve": {"scale": {"y": "independent"}}} if is_open else {}
    return themed(_warmup(timeline), _lines(seen, colours=colours, y=levels, extent=extent), plan_line, pointed, **independent)


def throughput_over_time(timeline: pl.DataFrame) -> Spec:
    """Return answered, good and failed requests per second over time."""
    colours = {"answered": SERIES_COLOURS["blue"], "ok (goodput)": SERIES_COLOURS["green"], "failed": SERIES_COLOURS["vermilion"]}
    names = dict(zip(("rate", "goodput", "failures_per_s"), colours, strict=True))
    extent, rows = _extent(timeline), _long(timeline, names)
    pointed = _bands(timeline, {key: (name, ".1f", "/s") for key, name in names.items()}, extent=extent)
    return themed(
        _warmup(timeline), _lines(rows, colours=colours, y=_quantitative("value", title="Requests per second"), extent=extent), pointed
    )


def latency_over_time(timeline: pl.DataFrame, *, latency: str) -> Spec:
    """Return p50, p95 and p99 over time; `latency` is `service` or `response` and names the axis."""
    extent, rows = _extent(timeline), _long(timeline, {f"{name}_ms": name for name in _PERCENTILES})
    y = _milliseconds("value", rows["value"], title=f"{latency.capitalize()} time (ms)")
    pointed = _bands(timeline, {f"{name}_ms": (name, ".3g", " ms") for name in _PERCENTILES}, extent=extent)
    return themed(_warmup(timeline), _lines(rows, colours=_PERCENTILES, y=y, extent=extent), pointed)


def latency_distribution(histogram: pl.DataFrame, *, latency: str) -> Spec:
    """Return the histogram of latency over logarithmic bins."""
    edges = (pl.col(name).round_sig_figs(3) for name in ("low_ms", "high_ms"))
    shares = ((pl.col(name) * 100).round_sig_figs(4) for name in ("share", "cumulative"))
    text = pl.format("{} to {} ms: {} requests ({} %), {} % up to here", *edges, "count", *shares)
    return themed(
        {
            "data": _data(histogram.select("low_ms", "high_ms", "count", description=text)),
            "mark": {"type": "rect", "color": SERIES_COLOURS["blue"]},
            "encoding": {
                "x": _logarithmic("low_ms", histogram["low_ms"], title=f"{latency.capitalize()} time (ms)"),
                "x2": {"field": "high_ms"},
                "y": _quantitative("count", title="Requests"),
                "y2": {"datum": 0},
                **_DESCRIBED,
            },
        }
    )


def latency_heatmap(heat: pl.DataFrame, *, latency: str, duration_s: float) -> Spec:
    """Return where the requests lie over time and latency; the brighter, the more."""
    edges = (pl.col(name).round_sig_figs(3) for name in ("low_ms", "high_ms"))
    text = pl.format("{} s, {} to {} ms: {} requests", pl.col("second").round(1), *edges, "count")
    return themed(
        {
            "data": _data(heat.with_columns(description=text)),
            "mark": {"type": "rect", "clip": True},
            "encoding": {
                "x": _time(duration_s),
                "x2": {"field": "until_s"},
                "y": _logarithmic("low_ms", heat["low_ms"], title=f"{latency.capitalize()} time (ms)"),
                "y2": {"field": "high_ms"},
                "color": {
                    "field": "count",
                    "type": "quantitative",
                    "title": "Requests",
                    "scale": {"type": "log", "scheme": "viridis"},
                    "legend": {"gradientLength": 160, "tickCount": 4},
                },
                **_DESCRIBED,
            },
        }
    )


def latency_against_rate(points: pl.DataFrame, *, latency: str) -> Spec:
    """Return p95 against the rate at which it was seen, a point for each bin of time; the bend, if there is one, is the knee."""
    named = points.select(
        "rate",
        "p95_ms",
        series=pl.when("warmup").then(pl.lit("warm-up")).otherwise(pl.lit("measured")),
        description=pl.format(
            "{} s: {} /s, p95 {} ms", pl.col("second").round(1), pl.col("rate").round(1), pl.col("p95_ms").round_sig_figs(3)
        ),
    )
    return themed(
        {
            "data": _data(named),
            "mark": {"type": "point", "filled": True, "size": 26, "opacity": 0.75},
            "encoding": {
                "x": _quantitative("rate", title="Answered requests per second"),
                "y": _milliseconds("p95_ms", points["p95_ms"], title=f"p95 of {latency} time (ms)"),
                "color": _series({"measured": SERIES_COLOURS["blue"], "warm-up": SERIES_COLOURS["grey"]}),
                **_DESCRIBED,
            },
        }
    )


def errors_over_time(failures: pl.DataFrame, *, width_s: float, duration_s: float) -> Spec:
    """Return failures and unsent work over time, stacked by outcome."""
    known = set(failures["outcome"].to_list())
    present = {outcome: colour for outcome, colour in OUTCOME_COLOURS.items() if outcome in known}
    top = pl.col("per_s").cum_sum().over("second", order_by="outcome")
    rows = failures.with_columns(
        until_s=pl.col("second") + width_s,
        top=top,
        base=top - pl.col("per_s"),
        description=pl.format("{} s: {} {}", pl.col("second"), "count", pl.col("outcome").str.replace("_", " ")),
    )
    legend = {"labelExpr": "replace(datum.label, '_', ' ')", "columns": 4}
    return themed(
        {
            "data": _data(rows),
            "mark": {"type": "rect", "clip": True},
            "encoding": {
                "x": _time(duration_s),
                "x2": {"field": "until_s"},
                "y": _quantitative("top", title="Failures per second"),
                "y2": {"field": "base"},
                "color": {**_series(present, field="outcome"), "legend": legend},
                **_DESCRIBED,
            },
        }
    )


def throughput_by_name(rates: pl.DataFrame) -> Spec:
    """Return answers per second over time, one line for each request name; `rates` are those of `timeline.rates_by_name`."""
    colours = dict(zip(rates["name"].unique(maintain_order=True).to_list(), SERIES_COLOURS.values(), strict=False))
    extent = _extent(rates)
    middle = pl.col("second") + pl.col("width_s") / 2
    rows = rates.filter(pl.col("name").is_in(list(colours))).select(second=middle, value="rate", series="name")
    wide = rates.pivot("name", index=["second", "width_s"], values="rate")
    pointed = _bands(wide, {name: (name, ".1f", "/s") for name in colours}, extent=extent)
    legend = {"columns": 2, "labelLimit": 200}
    lines = _lines(rows, colours=colours, y=_quantitative("value", title="Answers per second"), extent=extent)
    lines["encoding"]["color"]["legend"] = legend
    return themed(lines, pointed)


def latency_by_name(rows: Sequence[GroupStats], *, latency: str) -> Spec:
    """Return p50 to p99 by request name as a line with three points each, the slowest first."""
    timed = [row for row in rows if row.times.p50 is not None]
    slowest = sorted(timed, key=lambda row: -(row.times.p99 or row.times.p95 or row.times.p50 or 0))[:MAX_NAMES]
    points = [_named_point(row, key) for row in slowest for key in _PERCENTILES if getattr(row.times, key) is not None]
    values = pl.Series([point["value"] for point in points], dtype=pl.Float64)
    y: Spec = {"field": "name", "type": "nominal", "title": None, "sort": [row.name for row in slowest], "axis": {"labelLimit": 170}}
    x = _milliseconds("value", values, title=f"{latency.capitalize()} time (ms)", grid=True)
    spans: Spec = {
        "mark": {"type": "line", "color": SERIES_COLOURS["grey"], "strokeWidth": 1.5},
        "encoding": {"x": x, "y": y, "detail": {"field": "name", "type": "nominal"}},
    }
    dots: Spec = {
        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
        "encoding": {"x": x, "y": y, "color": _series(_PERCENTILES), **_DESCRIBED},
    }
    height = max(60, min(HEIGHT * 2, 26 * len(slowest)))
    return themed(spans, dots, width=WIDTH - 130, height=height, data={"values": points})


def _named_point(row: GroupStats, key: str) -> Spec:
    value = getattr(row.times, key)
    return {
        "name": row.name,
        "series": key,
        "value": value,
        "description": f"{row.name}: {key} {value:.3g} ms of {row.times.samples:,} requests",
    }


def _long(timeline: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    middle = pl.col("second") + pl.col("width_s") / 2
    present = [name for name in names if name in timeline.columns]
    return pl.concat(timeline.select(second=middle, value=pl.col(name).cast(pl.Float64), series=pl.lit(names[name])) for name in present)


def _lines(rows: pl.DataFrame, *, colours: Mapping[str, str], y: Spec, extent: float) -> Spec:
    return {
        "data": _data(rows),
        "mark": {"type": "line", "clip": True},
        "encoding": {"x": _time(extent), "y": y, "color": _series(colours)},
    }


def _bands(timeline: pl.DataFrame, values: Mapping[str, tuple[str, str, str]], *, extent: float) -> Spec:
    """Return one invisible band for each bin that says all values of the bin: a mark a bin, not one for each series."""
    rows = [
        {"second": row["second"], "until_s": row["second"] + row["width_s"], "description": f"{row['second']:g} s: {_said(row, values)}"}
        for row in timeline.iter_rows(named=True)
    ]
    return _over_height({"values": rows}, {"opacity": 0}, extent=extent, **_DESCRIBED)


def _said(row: Mapping[str, Any], values: Mapping[str, tuple[str, str, str]]) -> str:
    known = ((label, row.get(key), form, unit) for key, (label, form, unit) in values.items())
    return ", ".join(f"{label} {'–' if value is None else f'{value:{form}}{unit}'}" for label, value, form, unit in known)


def _warmup(timeline: pl.DataFrame) -> Spec:
    end_s = timeline.filter("warmup").select((pl.col("second") + pl.col("width_s")).max()).item()
    spans = [{"second": 0.0, "until_s": end_s}] if end_s else []
    return _over_height({"values": spans}, {"color": SERIES_COLOURS["grey"], "opacity": 0.14}, extent=_extent(timeline))


def _over_height(data: Spec, mark: Spec, *, extent: float, **encoding: Any) -> Spec:
    """Return rectangles from `second` to `until_s` over the whole height."""
    span: Spec = {"x": _time(extent), "x2": {"field": "until_s"}, "y": {"value": 0}, "y2": {"value": HEIGHT}}
    return {"data": data, "mark": {"type": "rect", "clip": True, **mark}, "encoding": {**span, **encoding}}


def _extent(timeline: pl.DataFrame) -> float:
    return float(timeline.select((pl.col("second") + pl.col("width_s")).max()).item() or 1.0)


def _highest(*columns: pl.Series | None) -> float:
    return (
        max((float(top) for column in columns if column is not None and isinstance(top := column.max(), int | float)), default=1.0) or 1.0
    )


def _data(table: pl.DataFrame) -> Spec:
    return {"values": table.to_dicts()}


def _quantitative(field: str, *, title: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": title}


def _scaled(encoding: Spec, scale: Spec, **axis: Any) -> Spec:
    return {**encoding, "scale": scale, "axis": axis} if axis else {**encoding, "scale": scale}


def _time(extent: float) -> Spec:
    return {"field": "second", "type": "quantitative", "scale": {"domain": [0, extent], "nice": False}, "axis": time_axis(extent)}


def _series(colours: Mapping[str, str], *, field: str = "series") -> Spec:
    return {"field": field, "type": "nominal", "title": None, "scale": {"domain": list(colours), "range": list(colours.values())}}


def _milliseconds(field: str, values: pl.Series, *, title: str, grid: bool | None = None) -> Spec:
    """Return a linear axis from zero, or a logarithmic one when the values need it."""
    known = _positive(values)
    low, high = known.quantile(0.05), known.max()
    axis = {} if grid is None else {"grid": grid}
    if isinstance(low, float) and isinstance(high, float) and high / low > _LOG_FROM:
        return _scaled(_quantitative(field, title=title), {"type": "log", "nice": True}, values=_decades(known), format=",~g", **axis)
    return _scaled(_quantitative(field, title=title), {"zero": True}, **axis)


def _logarithmic(field: str, values: pl.Series, *, title: str) -> Spec:
    return _scaled(_quantitative(field, title=title), {"type": "log", "nice": False}, values=_decades(_positive(values)), format=",~g")


def _positive(values: pl.Series) -> pl.Series:
    known = values.drop_nulls()
    return known.filter(known > 0)


def _decades(values: pl.Series) -> list[float]:
    """Return the ticks of a logarithmic axis: powers of ten, with 2 and 5 between them when there are few."""
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return [1.0]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 2 else (1,)
    return [step * 10.0**power for power in range(first, last + 1) for step in steps]
