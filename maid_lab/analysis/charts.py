"""Charts of a run as Altair objects: the same functions as `chart_specs`, for notebooks, where a chart is to be shown and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from maid_lab.analysis import chart_specs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from maid_lab.analysis.chart_theme import Spec
    from maid_lab.analysis.summary_values import GroupStats

__all__ = [
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


def users_over_time(timeline: pl.DataFrame, planned: pl.DataFrame) -> alt.LayerChart:
    """Return planned level and real users over time, from `timeline.timeline` and `timeline.planned_level`."""
    return _chart(chart_specs.users_over_time(timeline, planned))


def throughput_over_time(timeline: pl.DataFrame) -> alt.LayerChart:
    """Return answered, good and failed requests per second over time."""
    return _chart(chart_specs.throughput_over_time(timeline))


def latency_over_time(timeline: pl.DataFrame, *, latency: str) -> alt.LayerChart:
    """Return p50, p95 and p99 over time; `latency` is `service` or `response` and names the axis."""
    return _chart(chart_specs.latency_over_time(timeline, latency=latency))


def latency_distribution(histogram: pl.DataFrame, *, latency: str) -> alt.LayerChart:
    """Return the histogram of latency, from `distribution.histogram`."""
    return _chart(chart_specs.latency_distribution(histogram, latency=latency))


def latency_heatmap(heat: pl.DataFrame, *, latency: str, duration_s: float) -> alt.LayerChart:
    """Return where the requests lie over time and latency, from `distribution.heatmap`."""
    return _chart(chart_specs.latency_heatmap(heat, latency=latency, duration_s=duration_s))


def latency_against_rate(points: pl.DataFrame, *, latency: str) -> alt.LayerChart:
    """Return p95 against the rate at which it was seen, from `distribution.latency_by_rate`."""
    return _chart(chart_specs.latency_against_rate(points, latency=latency))


def errors_over_time(failures: pl.DataFrame, *, width_s: float, duration_s: float) -> alt.LayerChart:
    """Return failures and unsent work over time by outcome, from `timeline.failures_over_time`."""
    return _chart(chart_specs.errors_over_time(failures, width_s=width_s, duration_s=duration_s))


def throughput_by_name(rates: pl.DataFrame) -> alt.LayerChart:
    """See `chart_specs.throughput_by_name`."""
    return _chart(chart_specs.throughput_by_name(rates))


def latency_by_name(rows: Sequence[GroupStats], *, latency: str) -> alt.LayerChart:
    """Return p50 to p99 by request name, the slowest first, from `Summary.requests`."""
    return _chart(chart_specs.latency_by_name(rows, latency=latency))


def _chart(spec: Spec) -> alt.LayerChart:
    chart: alt.LayerChart = alt.LayerChart.from_dict(spec)
    return chart
