"""Comparisons against sums by hand, of equal runs, and of runs that are known to differ."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from maid_lab.analysis.comparison import Side, compare
from maid_lab.analysis.comparison_values import METRICS, Comparison
from maid_lab.analysis.comparison_words import comparison_sentences, delta_cell
from maid_lab.analysis.summary import summarise
from maid_lab.model.plan import Plan
from tests.analysis.rows import a_plan, frame, iterations_of, near, realistic, row, steady, transactions_of

PLAN = a_plan(duration_s=10)
REALISTIC = a_plan(warmup_s=20, duration_s=120)


def side(rows: pl.LazyFrame, *, plan: Plan = PLAN, label: str = "run", has_rows: bool = True, **values: Any) -> Side:
    transactions, iterations = transactions_of(rows), iterations_of(rows)
    summary = summarise(rows, plan=plan, transactions=transactions, iterations=iterations).to_json()
    if not has_rows:
        return Side(label=label, summary=summary, **values)
    frames = {"request": rows, "transaction": transactions, "scenario": iterations}
    return Side(label=label, summary=summary, plan=plan, frames=frames, **values)


def slowed(rows: pl.LazyFrame, factor: float) -> pl.LazyFrame:
    return rows.with_columns(end=pl.col("start") + ((pl.col("end") - pl.col("start")) * factor).cast(pl.Int64))


def failing(rows: pl.LazyFrame, every: int) -> pl.LazyFrame:
    hit = pl.int_range(pl.len()) % every == 0
    return rows.with_columns(outcome=pl.when(hit).then(pl.lit("error_status")).otherwise(pl.col("outcome").cast(pl.String)))


def whole(found: Comparison, metric: str) -> Any:
    return found.rows[0].of(metric)


def test_deltas_are_the_sums_of_hand() -> None:
    # 1 … 400 ms, and 400 of these 100 ms slower of which 4 fail; 10 s each.
    before = [row(start_s=at / 40, ms=at + 1) for at in range(400)]
    after = [row(start_s=at / 40, ms=at + 101, outcome="timeout" if at in (0, 100, 200, 399) else "ok") for at in range(400)]
    found = compare(side(frame(before)), side(frame(after)))
    times = [at + 101 for at in range(400) if at not in (0, 100, 200, 399)]
    assert whole(found, "count").delta == 0
    assert whole(found, "failures").delta == 4
    assert whole(found, "error_rate").delta == near(0.01)
    assert whole(found, "rate").delta == near(-0.4)
    assert whole(found, "avg_ms").delta == near(sum(times) / 396 - 200.5)
    assert whole(found, "avg_ms").change == near((sum(times) / 396 - 200.5) / 200.5)
    assert whole(found, "p50_ms").delta == near(float(pl.Series(times).quantile(0.5, "linear") or 0) - 200.5)
    assert whole(found, "max_ms").delta == near(99.0)
    assert [row.name for row in found.rows] == ["all requests", "GET /", "browse"]
    assert found.rows[1].deltas == found.rows[0].deltas


def test_a_run_against_itself_is_the_same_in_all() -> None:
    one = side(realistic(20_000), plan=REALISTIC)
    found = compare(one, one)
    assert found.verdict == "same"
    assert found.intervals
    assert all(delta.delta in (0, None) and delta.verdict in ("same", "") for each in found.rows for delta in each.deltas)
    assert {each.table for each in found.rows} == {"all", "request", "transaction", "scenario"}
    assert found.judged == sum(delta.verdict != "" for each in found.rows for delta in each.deltas) > 40


def test_equal_runs_with_other_chances_are_the_same() -> None:
    sides = [side(realistic(20_000, seed=seed), plan=REALISTIC) for seed in range(9)]
    verdicts = [compare(one, other).verdict for one, other in pairwise(sides)]
    assert verdicts.count("same") >= 7


@pytest.mark.parametrize(("factor", "verdict"), [(1.3, "worse"), (0.7, "better"), (1.03, "same")])
def test_a_slowed_run_is_worse_and_a_faster_one_better(factor: float, verdict: str) -> None:
    rows = realistic(20_000)
    found = compare(side(rows, plan=REALISTIC), side(slowed(realistic(20_000, seed=8), factor), plan=REALISTIC))
    assert found.verdict == verdict
    median = whole(found, "p50_ms")
    assert median.verdict == verdict
    if verdict != "same":
        assert median.low < median.delta < median.high
        assert median.change == near(factor - 1, abs=0.05)
        assert not median.low <= 0 <= median.high


def test_one_slow_name_makes_that_name_and_the_run_worse() -> None:
    rows = realistic(20_000, seed=3)
    slow = pl.when(pl.col("name").cast(pl.String) == "search").then(2.0).otherwise(1.0)
    after = rows.with_columns(end=pl.col("start") + ((pl.col("end") - pl.col("start")) * slow).cast(pl.Int64))
    found = compare(side(realistic(20_000), plan=REALISTIC), side(after, plan=REALISTIC))
    verdicts = {each.name: each.verdict for each in found.rows if each.table == "request"}
    assert found.verdict == "worse"
    assert [name for name, verdict in verdicts.items() if verdict == "worse"] == ["search"]


def test_more_failures_are_worse_and_fewer_answers_too() -> None:
    found = compare(side(frame(steady(2000))), side(failing(frame(steady(2000)), 20)))
    assert (whole(found, "error_rate").verdict, found.verdict) == ("worse", "worse")
    back = compare(side(failing(frame(steady(2000)), 20)), side(frame(steady(2000))))
    assert whole(back, "error_rate").verdict == "better"
    half = compare(side(frame(steady(2000))), side(frame(steady(2000)[::2])))
    assert whole(half, "rate").verdict == "worse"


def test_a_change_below_the_least_that_counts_is_the_same_however_sure() -> None:
    rows = [row(start_s=at / 100, ms=100.0) for at in range(1000)]
    after = [row(start_s=at / 100, ms=104.9) for at in range(1000)]
    median = whole(compare(side(frame(rows)), side(frame(after))), "p50_ms")
    assert (median.low, median.high, median.verdict) == (near(4.9), near(4.9), "same")


def test_times_that_changed_by_less_than_the_generator_is_late_are_the_same() -> None:
    def verdict(lag: int) -> str:
        sides = [side(frame([row(start_s=at / 100, ms=ms, lag=lag) for at in range(1000)])) for ms in (0.25, 0.3)]
        return str(whole(compare(*sides), "p50_ms").verdict)

    assert [verdict(lag) for lag in (20, 49, 51, 200)] == ["worse", "worse", "same", "same"]


def test_too_few_samples_are_not_judged() -> None:
    found = compare(side(frame(steady(30))), side(frame(steady(30))))
    assert (whole(found, "p95_ms").reason, whole(found, "p95_ms").delta) == ("too few samples", None)
    assert whole(found, "rate").reason == "too few samples"
    assert whole(found, "p50_ms").verdict == "same"
    fewer = compare(side(frame(steady(10))), side(frame(steady(10))))
    assert (whole(fewer, "error_rate").verdict, fewer.rows[0].verdict, fewer.verdict) == ("same", "", "")


@pytest.mark.parametrize("which", ["baseline", "candidate"])
def test_a_report_alone_gives_deltas_without_intervals_and_says_so(which: str) -> None:
    sides = {name: side(frame(steady(2000)), has_rows=name != which) for name in ("baseline", "candidate")}
    found = compare(sides["baseline"], replace(sides["candidate"], summary=side(slowed(frame(steady(2000)), 2)).summary))
    assert (found.verdict, found.intervals, found.judged) == ("", False, 0)
    assert f"Of the {which} only a summary is there" in found.notes[0]
    median = whole(found, "p50_ms")
    assert (median.delta, median.low, median.verdict, median.reason) == (near(1000.5), None, "", "no rows")


def test_names_that_only_one_run_has_are_listed() -> None:
    found = compare(side(frame(steady(50, name="old"))), side(frame(steady(50, name="new"))))
    assert {each.name: each.note for each in found.rows if each.note} == {"new": "not in the baseline", "old": "only in the baseline"}
    assert all(delta.delta is None for each in found.rows if each.note for delta in each.deltas)


def test_an_open_and_a_closed_run_are_compared_by_service_time() -> None:
    rows = frame(steady(2000, blocked_ms=500))
    found = compare(side(rows), side(rows, plan=a_plan(model="rate", duration_s=10)))
    assert (found.latency, whole(found, "p50_ms").delta) == ("service", 0)
    assert "One run has an open load" in found.notes[0]
    both = compare(*[side(rows, plan=a_plan(model="rate", duration_s=10))] * 2)
    assert (both.latency, whole(both, "p50_ms").baseline) == ("response", near(1500.5))


def test_what_a_reader_must_know_stands_in_the_notes() -> None:
    rows = frame(steady(200))
    other = a_plan(duration_s=10, content_hash="d" * 64)
    found = compare(side(rows, generator_bound=True), side(rows, plan=other))
    assert "In the baseline the generator was the limit" in found.notes[0]
    assert "their loads differ" in found.notes[1]
    assert compare(side(rows), side(rows, plan=a_plan(duration_s=10, seed=8, plan_hash="x"))).notes == ()


def test_words_and_cells() -> None:
    found = compare(side(frame(steady(2000)), label="A"), side(slowed(frame(steady(2000)), 2), label="B")).to_json()
    said = comparison_sentences(found)
    assert said[0] == "B: worse than the baseline A."
    assert said[1].startswith("Worse: avg_ms of all requests, p50_ms of all requests")
    cell = delta_cell("p50_ms", found["rows"][0]["deltas"]["p50_ms"])
    assert cell.startswith("+1,000 (+100%) [+")
    assert delta_cell("error_rate", {"delta": 0.0123, "change": None, "low": -0.01, "high": 0.02}) == "+1.23 [-1.00, +2.00]"
    assert delta_cell("rate", {"delta": None}) == "–"
    assert list(found["rows"][0]["deltas"]) == list(METRICS)


def test_runs_without_rows_are_compared_too() -> None:
    found = compare(side(frame([])), side(frame([])))
    assert [delta.metric for delta in found.rows[0].deltas if delta.delta is not None] == ["count", "failures", "rate"]
    assert found.verdict == ""
