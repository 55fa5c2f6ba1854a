from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from maid_lab.analysis import charts
from maid_lab.analysis.chart_theme import MAX_MARKS
from maid_lab.analysis.distribution import heatmap, histogram, latency_by_rate
from maid_lab.analysis.summary import summarise
from maid_lab.analysis.timeline import failures_over_time, planned_level, timeline
from maid_lab.model.plan import Plan
from tests.analysis.rows import a_plan, frame, realistic

Make = Callable[[pl.LazyFrame, Plan], Any]

MAKERS: dict[str, Make] = {
    "users": lambda rows, plan: charts.users_over_time(timeline(rows, plan=plan), planned_level(plan)),
    "throughput": lambda rows, plan: charts.throughput_over_time(timeline(rows, plan=plan)),
    "latency": lambda rows, plan: charts.latency_over_time(timeline(rows, plan=plan), latency="service"),
    "distribution": lambda rows, plan: charts.latency_distribution(histogram(rows, plan=plan), latency="service"),
    "heatmap": lambda rows, plan: charts.latency_heatmap(heatmap(rows, plan=plan), latency="service", duration_s=120),
    "rate": lambda rows, plan: charts.latency_against_rate(latency_by_rate(timeline(rows, plan=plan)), latency="service"),
    "errors": lambda rows, plan: charts.errors_over_time(failures_over_time(rows, width_s=1), width_s=1, duration_s=120),
    "names": lambda rows, plan: charts.latency_by_name(summarise(rows, plan=plan).requests, latency="service"),
}


@pytest.fixture(scope="module")
def rows() -> pl.LazyFrame:
    return realistic(20_000)


def marks_in(spec: Any) -> int:
    """Return the rows of all data sets inside a specification, each counted once."""
    if isinstance(spec, list):
        return sum(map(marks_in, spec))
    if not isinstance(spec, dict):
        return 0
    inline = len(spec["data"]["values"]) if "values" in spec.get("data", {}) else 0
    return (
        inline + sum(map(len, spec.get("datasets", {}).values())) + sum(marks_in(spec[key]) for key in ("layer", "hconcat") if key in spec)
    )


@pytest.mark.parametrize("name", MAKERS)
def test_a_chart_has_its_data_inside_few_marks_and_titled_axes(name: str, rows: pl.LazyFrame) -> None:
    spec = MAKERS[name](rows, a_plan(warmup_s=20, duration_s=120, level=50)).to_dict()
    text = json.dumps({key: value for key, value in spec.items() if key != "$schema"})
    assert "://" not in text
    assert 0 < marks_in(spec) <= MAX_MARKS
    assert "(ms)" in text or "per second" in text or "Users" in text
    assert spec["config"]["background"] == "transparent"
    assert spec["config"]["axis"]["labelColor"] == "currentColor"


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("model", ["users", "rate"])
def test_a_chart_of_no_rows_is_still_a_chart(name: str, model: str) -> None:
    assert MAKERS[name](frame([]), a_plan(model=model)).to_dict()["layer"]


def test_all_marks_of_a_long_run_stay_below_the_limit() -> None:
    rows = realistic(30_000, duration_s=86_400, ramp_s=600)
    plan = a_plan(warmup_s=600, duration_s=86_400)
    width_s = float(timeline(rows, plan=plan)["width_s"][0])
    counts = {name: marks_in(make(rows, plan).to_dict()) for name, make in MAKERS.items() if name != "errors"}
    counts["errors"] = marks_in(
        charts.errors_over_time(failures_over_time(rows, width_s=2 * width_s), width_s=2 * width_s, duration_s=86_400).to_dict()
    )
    assert max(counts.values()) <= MAX_MARKS
