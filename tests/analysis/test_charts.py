from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from maid_lab.analysis import chart_specs, charts
from maid_lab.analysis.chart_theme import MAX_MARKS
from maid_lab.analysis.distribution import heatmap, histogram, latency_by_rate
from maid_lab.analysis.summary import summarise
from maid_lab.analysis.timeline import failures_over_time, planned_level, rates_by_name, timeline
from maid_lab.model.plan import Plan
from tests.analysis.rows import a_plan, frame, realistic, row

Make = Callable[[ModuleType, pl.LazyFrame, Plan], Any]

#: Each chart, made by the module of specifications or by that of Altair objects.
MAKERS: dict[str, Make] = {
    "users": lambda module, rows, plan: module.users_over_time(timeline(rows, plan=plan), planned_level(plan)),
    "throughput": lambda module, rows, plan: module.throughput_over_time(timeline(rows, plan=plan)),
    "latency": lambda module, rows, plan: module.latency_over_time(timeline(rows, plan=plan), latency="service"),
    "distribution": lambda module, rows, plan: module.latency_distribution(histogram(rows, plan=plan), latency="service"),
    "heatmap": lambda module, rows, plan: module.latency_heatmap(heatmap(rows, plan=plan), latency="service", duration_s=120),
    "rate": lambda module, rows, plan: module.latency_against_rate(latency_by_rate(timeline(rows, plan=plan)), latency="service"),
    "errors": lambda module, rows, plan: module.errors_over_time(failures_over_time(rows, width_s=1), width_s=1, duration_s=120),
    "granular": lambda module, rows, _plan: module.throughput_by_name(rates_by_name(rows, names=6)),
    "names": lambda module, rows, plan: module.latency_by_name(summarise(rows, plan=plan).requests, latency="service"),
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
    spec = MAKERS[name](chart_specs, rows, a_plan(warmup_s=20, duration_s=120, level=50))
    text = json.dumps(spec)
    assert "://" not in text
    assert 0 < marks_in(spec) <= MAX_MARKS
    assert "(ms)" in text or "per second" in text or "Users" in text
    assert spec["config"]["background"] == "transparent"
    assert spec["config"]["axis"]["labelColor"] == "currentColor"


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("model", ["users", "rate"])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_a_chart_of_few_rows_or_none_is_valid_altair(name: str, model: str, count: int) -> None:
    rows = frame([row(start_s=at / 4, ms=at + 1, outcome="timeout" if at % 9 == 0 else "ok") for at in range(count)])
    assert MAKERS[name](charts, rows, a_plan(model=model)).to_dict()["layer"]


def test_both_modules_offer_the_same_charts() -> None:
    assert set(charts.__all__) == {name for name in chart_specs.__all__ if name.islower()}


def test_all_marks_of_a_long_run_stay_below_the_limit() -> None:
    rows = realistic(30_000, duration_s=86_400, ramp_s=600)
    plan = a_plan(warmup_s=600, duration_s=86_400)
    counts = {name: marks_in(make(chart_specs, rows, plan)) for name, make in MAKERS.items() if name != "errors"}
    assert max(counts.values()) <= MAX_MARKS
