from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from maid_lab.analysis import scan
from maid_lab.analysis.cells import SampleTally
from maid_lab.analysis.summary import summarise
from maid_lab.analysis.summary_values import Apdex, CodeCount, LittlesLaw, OutcomeCount, SectionCount, SlowUsers, Totals
from tests.analysis.rows import a_plan, frame, iterations_of, near, realistic, row, series_of, steady, transactions_of


def _mixed() -> pl.LazyFrame:
    bad = [
        row(start_s=5.0, ms=2000, outcome="error_status", status=503, error="HTTP 503", name="POST /pay", user=3),
        row(start_s=5.5, ms=9000, outcome="timeout", status=-1, error="after 9 s", bytes_in=0, user=4),
        row(start_s=6.0, ms=0, outcome="aborted", status=-1, bytes_in=0, bytes_out=0, user=4),
    ]
    other = [row(start_s=0.1, section="setup", status=500, outcome="error_status"), row(start_s=0.5), row(start_s=9.9, section="teardown")]
    good = [{**item, "start": item["start"] + 10**9, "end": item["end"] + 10**9} for item in steady(40, over_s=8)]
    return frame([*good, *bad, *other])


def test_totals_count_measured_rows_and_keep_what_was_not_sent_apart() -> None:
    summary = summarise(_mixed(), plan=a_plan(warmup_s=1))
    assert summary.totals == Totals(
        rows=46, requests=43, sent=42, answered=41, ok=40, failures=2, dropped=0, unsent=0, aborted=1, duration_s=9.0, throughput=41 / 9,
        goodput=40 / 9, bytes_in=41_000, bytes_out=4200, users=10,
    )  # fmt: skip
    assert summary.totals.error_rate == near(2 / 42)
    assert summary.outcomes[0] == OutcomeCount(outcome="ok", count=40, share=40 / 43)
    assert summary.status_codes[-1] == CodeCount(status=503, kind="http", count=1, share=1 / 43)
    assert summary.unmeasured == (
        SectionCount(section="setup", count=1, failures=1),
        SectionCount(section="teardown", count=1, failures=0),
        SectionCount(section="warm-up", count=1, failures=0),
    )


def test_times_of_failures_never_enter_those_of_good_requests() -> None:
    overall = summarise(_mixed(), plan=a_plan(warmup_s=1)).overall
    assert (overall.service.samples, overall.service.max, overall.service.p50) == (40, 40.0, 20.5)
    assert overall.service.p95 is None
    assert dict(overall.service.refused)["p95"] == "needs 200 samples, has 40"


def test_errors_slowest_and_apdex_come_from_the_same_rows() -> None:
    summary = summarise(_mixed(), plan=a_plan(warmup_s=1), apdex_t_ms=20)
    assert [(item.outcome, item.template, item.count, item.first_s, item.names) for item in summary.errors] == [
        ("error_status", "HTTP 503", 1, 5.0, ("POST /pay",)),
        ("timeout", "after <n> s", 1, 5.5, ("GET /",)),
    ]
    assert [item.service_ms for item in summary.slowest[:3]] == [9000.0, 2000.0, 40.0]
    assert len(summary.slowest) == 20
    assert summary.apdex == Apdex(t_ms=20, satisfied=20, tolerating=20, frustrated=2, score=30 / 42)
    assert summary.slow_users == (
        SlowUsers(limit_ms=100.0, users=2, share=0.2),
        SlowUsers(limit_ms=300.0, users=2, share=0.2),
        SlowUsers(limit_ms=1000.0, users=2, share=0.2),
        SlowUsers(limit_ms=3000.0, users=1, share=0.1),
        SlowUsers(limit_ms=10000.0, users=0, share=0.0),
    )


def test_littles_law_holds_for_a_steady_run() -> None:
    law = summarise(frame([row(start_s=at / 100, ms=50) for at in range(1000)]), plan=a_plan()).littles_law
    assert law == LittlesLaw(in_flight=near(5.0, rel=0.01), predicted=near(5.0), deviation=near(0.0, abs=0.01))


def test_an_open_plan_shows_response_time_and_keeps_service_time_beside_it() -> None:
    rows = [row(start_s=at / 100, ms=10, blocked_ms=30) for at in range(100)]
    (named,) = summarise(frame(rows), plan=a_plan(model="rate")).requests
    assert (named.latency, named.times.p50, named.service.p50) == ("response", 40.0, 10.0)
    assert named.to_json()["p50_ms"] == 40.0


def test_dropped_iterations_are_counted_with_the_dropped_requests() -> None:
    loops = frame([row(start_s=at / 10, kind="iteration", outcome="dropped" if at % 10 == 0 else "ok") for at in range(100)])
    summary = summarise(frame(steady(30)), plan=a_plan(model="rate"), iterations=loops)
    assert summary.totals.dropped == 10
    assert OutcomeCount(outcome="dropped", count=10, share=0.25) in summary.outcomes


def test_tables_of_transactions_and_scenarios_have_their_own_times() -> None:
    requests = realistic(20_000)
    plan = a_plan(warmup_s=20, duration_s=120, level=50)
    summary = summarise(
        requests, plan=plan, transactions=transactions_of(requests), iterations=iterations_of(requests), series=series_of(120)
    )
    assert [item.name for item in summary.transactions] == ["fill cart", "pay"]
    assert [item.name for item in summary.scenarios] == ["browse", "buy", "search"]
    assert sum(item.count for item in summary.requests) == summary.totals.sent
    assert summary.generator.bound_seconds == 0
    assert summary.generator.workers == 2


@pytest.mark.parametrize("kind", ["text", "category", "enum"])
def test_the_summary_is_equal_to_sql_over_the_same_rows(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "requests.parquet"
    texts = ("scenario", "transaction", "name", "kind", "method", "outcome", "error", "section")
    rows = realistic(30_000).with_columns(pl.col(texts).cast(pl.String)).collect()
    types = {
        name: {"text": pl.String(), "category": pl.Categorical(), "enum": pl.Enum(rows[name].unique().drop_nulls().sort())}[kind]
        for name in texts
    }
    rows.cast(types).write_parquet(path)  # type: ignore[arg-type]  # a mapping of names to any data type
    summary = summarise(pl.scan_parquet(path), plan=a_plan(warmup_s=20, duration_s=120))
    sql = """
        select name, count(*), count(*) filter (outcome <> 'ok'),
            quantile_cont("end" - start, 0.95) filter (outcome = 'ok') / 1e6, avg("end" - start) filter (outcome = 'ok') / 1e6
        from read_parquet(?) where section = 'scenario' and start >= 20e9 group by name order by name"""
    theirs = duckdb.execute(sql, [str(path)]).fetchall()
    ours = [(item.name, item.count, item.failures, item.service.p95, item.service.avg) for item in summary.requests]
    assert ours == [(name, count, failed, near(p95, rel=1e-9), near(mean, rel=1e-9)) for name, count, failed, p95, mean in theirs]


def test_a_run_without_measured_rows_has_a_summary_that_says_so() -> None:
    summary = summarise(frame([row(start_s=1)]), plan=a_plan(warmup_s=5))
    assert (summary.totals.sent, summary.totals.error_rate, summary.totals.throughput, summary.apdex.score) == (0, None, 0.0, None)
    assert summary.requests == ()
    assert summary.unmeasured == (SectionCount(section="warm-up", count=1, failures=0),)


def test_an_empty_file_is_no_error() -> None:
    assert summarise(frame([]), plan=a_plan()).totals.rows == 0


def test_the_json_has_the_documented_keys_and_no_foreign_types() -> None:
    data = json.loads(json.dumps(summarise(frame(steady(250)), plan=a_plan()).to_json(), allow_nan=False))
    (first,) = data["requests"]
    assert {"name", "count", "failures", "rate", "p50_ms", "p95_ms", "p99_ms", "max_ms"} <= first.keys()
    assert first["p50_ms"] == np.quantile(np.arange(1, 251), 0.5)
    assert first["p99_ms"] is None
    assert first["refused"]["p99"] == "needs 1,000 samples, has 250"


def test_columns_that_a_foreign_file_lacks_cost_only_their_figures() -> None:
    bare = frame(steady(30)).drop("first_byte", "lag", "worker", "iteration", "error", "kind", "method")
    summary = summarise(bare, plan=a_plan())
    assert (summary.totals.sent, summary.slowest[0].ttfb_ms, summary.generator.lag_max_ms) == (30, None, 0.0)


def test_the_summary_is_the_same_however_the_rows_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    requests, plan = realistic(3_000), a_plan(duration_s=120, warmup_s=5)
    tables: dict[str, Any] = {"iterations": iterations_of(requests), "transactions": transactions_of(requests)}
    whole = summarise(requests, plan=plan, **tables).to_json()

    monkeypatch.setattr(scan, "_BATCH", 37)

    assert rounded(summarise(requests, plan=plan, **tables).to_json()) == rounded(whole)


def test_a_run_cut_short_is_open_until_its_last_answer() -> None:
    rows = frame([row(start_s=at / 10, ms=500) for at in range(20)])
    law = summarise(rows, plan=a_plan(duration_s=60)).littles_law
    assert law.in_flight == near(20 * 0.5 / 2.4)


@pytest.mark.parametrize("kind", [pl.String, pl.Enum(["", "a", "b"])])
def test_samples_without_a_key_and_with_an_empty_one_are_one_group(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_BATCH", 4)
    names = ["", None, "a", "", "b", None, "", "a"]
    rows = frame([row(start_s=at / 10, ms=at + 1) for at in range(8)]).with_columns(name=pl.Series(names, dtype=kind))
    tally = SampleTally(a_plan(), "name")

    scan.scan(rows, [tally])
    everything, by_name = tally.samples()

    found = {key: sorted((samples.service // 10**6).tolist()) for key, samples in by_name.items()}
    assert found == {"": [1, 2, 4, 6, 7], "a": [3, 8], "b": [5]}
    assert sorted((everything.service // 10**6).tolist()) == [*range(1, 9)]


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value
