from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maid_lab.analysis.verdict import Judgement, ThresholdResult, judge
from maid_lab.model.states import Verdict
from maid_lab.model.thresholds import parse_threshold
from tests.analysis.rows import a_plan, frame, near, realistic, row, series_of, steady


def _judge(*texts: str, rows: list[dict[str, Any]], **given_too: Any) -> Judgement:
    plan = given_too.pop("plan", a_plan())
    return judge([parse_threshold(text) for text in texts], frame(rows), plan=plan, **given_too)


def _one(text: str, *, rows: list[dict[str, Any]], **given_too: Any) -> ThresholdResult:
    (result,) = _judge(text, rows=rows, **given_too).results
    return result


def test_a_threshold_that_holds_passes_with_its_figure() -> None:
    assert _judge("p95 < 191ms", rows=steady(200)) == Judgement(
        results=(
            ThresholdResult(text="p95 < 191ms", status=Verdict.PASS, observed=near(0.19005), limit=near(0.191), unit="s", samples=200),
        ),
        verdict=Verdict.PASS,
    )


@pytest.mark.parametrize(
    ("text", "status", "observed"),
    [
        ("avg <= 100.5ms", "pass", 0.1005),
        ("min >= 2ms", "fail", 0.001),
        ("max < 1s", "pass", 0.2),
        ("med > 100ms", "pass", 0.1005),
        ("stdev < 10ms", "fail", float(np.std(np.arange(1, 201), ddof=1)) / 1000),
        ("p90 < 100ms", "fail", 0.1801),
        ("count == 200", "pass", 200),
        ("rate >= 20/s", "pass", 20),
        ("goodput > 20/s", "fail", 20),
        ("error_rate < 1%", "pass", 0),
        ("check_rate > 99%", "pass", 1),
        ("apdex(50ms, *) >= 0.9", "fail", 0.625),
        ("avg(bytes_in, *) < 2KB", "pass", 1000),
        ("dropped < 1", "pass", 0),
        ("dropped < 0.1%", "pass", 0),
        ("p50(response, *) < 1s", "pass", 0.1005),
    ],
)
def test_each_statistic_is_judged_over_all_measured_rows(text: str, status: str, observed: float) -> None:
    result = _one(text, rows=steady(200))
    assert (str(result.status), result.observed) == (status, near(observed))
    assert bool(result.reason) == (status == "fail")


@pytest.mark.parametrize(
    ("text", "needed"), [("p95 < 1s", 200), ("p99 < 1s", 1000), ("p99.9 < 1s", 10_000), ("error_rate < 1%", 100), ("avg < 1s", 30)]
)
def test_too_few_samples_are_unknown_and_say_how_many_are_needed(text: str, needed: int) -> None:
    rows = [row(start_s=at / 100, ms=1) for at in range(needed - 1)]
    few = _one(text, rows=rows, plan=a_plan(duration_s=needed / 100))
    assert (few.status, few.reason) == (Verdict.UNKNOWN, f"needs {needed:,} samples, has {needed - 1:,}")
    assert _one(text, rows=[*rows, row(start_s=0, ms=1)], plan=a_plan(duration_s=needed / 100)).status is Verdict.PASS


def test_without_matching_rows_counts_and_rates_are_zero_and_all_else_unknown() -> None:
    texts = (
        "count(status:5xx) == 0",
        "rate(request:nothing) < 1/s",
        "goodput(request:nothing) < 1/s",
        "dropped == 0",
        "max(request:nothing) < 1s",
    )
    judged = _judge(*texts, "error_rate(request:nothing) < 1%", rows=steady(200))
    assert [str(result.status) for result in judged.results] == ["pass", "pass", "pass", "pass", "unknown", "unknown"]
    assert judged.results[-1].reason == "no measured row matches"
    assert judged.verdict is Verdict.UNKNOWN


def test_failures_count_in_shares_but_not_in_times_and_unsent_work_in_neither() -> None:
    rows = [*steady(100), *(row(start_s=1, ms=9000, outcome=outcome) for outcome in ("timeout", "check_failed", "aborted", "unsent"))]
    judged = _judge("error_rate < 1%", "max < 1s", "check_rate > 99.5%", "count == 102", "count(outcome:aborted) == 1", rows=rows)
    observed = [result.observed for result in judged.results]
    assert observed == [near(2 / 102), near(0.1), near(100 / 101), 102, 1]


def test_setup_and_warm_up_are_not_judged_and_after_skips_more() -> None:
    rows = [row(start_s=at / 100, ms=900 if at < 300 else 5) for at in range(1000)] + [row(start_s=5, ms=9000, section="setup")]
    plan = a_plan(warmup_s=2)
    assert _one("max < 1s", rows=rows, plan=plan).samples == 800
    assert _one("max < 10ms", rows=rows, plan=plan).status is Verdict.FAIL
    assert _one("max < 10ms after 3s", rows=rows, plan=plan).status is Verdict.PASS


def test_over_must_hold_in_each_full_window_and_names_the_worst() -> None:
    rows = [row(start_s=at / 100, ms=500 if 400 <= at < 500 else 5) for at in range(1000)]
    whole, window = _judge("avg < 100ms", "avg < 100ms over 2s", rows=rows).results
    assert whole.status is Verdict.PASS
    assert (window.status, window.windows, window.windows_failed, window.observed) == (Verdict.FAIL, 9, 2, near(0.2525))
    assert window.worst_at_s in (3.0, 4.0)
    assert window.reason == "failed in 2 of 9 windows, first at 3 s"


def test_windows_with_too_few_samples_are_skipped_and_all_skipped_is_unknown() -> None:
    rows = [*(row(start_s=at / 100, ms=1) for at in range(300)), row(start_s=9.5, ms=1)]
    some, none = _judge("p50 < 10ms over 1s", "p95 < 10ms over 1s", rows=rows).results
    assert (some.status, some.windows, some.windows_skipped) == (Verdict.PASS, 10, 7)
    assert (none.status, none.reason) == (Verdict.UNKNOWN, "each of 10 windows has fewer than 200 samples")


def test_a_window_longer_than_the_run_is_unknown() -> None:
    assert _one("error_rate < 1% over 30s", rows=steady(200)).reason == "the measured time holds no full window of 30 s"


def test_rates_over_windows_count_answers_when_they_arrive() -> None:
    stall = [row(start_s=at / 100, ms=5 if at < 500 else 10 + (1000 - at) * 10) for at in range(1000)]
    result = _one("rate >= 50/s over 2s", rows=stall)
    assert (result.status, result.observed) == (Verdict.FAIL, 0.0)


def test_dropped_is_a_count_or_a_share_of_due_starts() -> None:
    loops = frame(
        [row(start_s=at / 10, outcome="dropped" if 50 <= at < 55 else "ok", scenario="buy" if at % 2 else "browse") for at in range(100)]
    )
    texts = ("dropped < 10", "dropped < 1%", "dropped(scenario:buy) < 2", "dropped < 50% over 1s", "dropped < 50% over 1s after 6s")
    judged = _judge(*texts, rows=steady(200), plan=a_plan(model="rate"), iterations=loops)
    assert [(str(result.status), result.observed) for result in judged.results] == [
        ("pass", 5.0), ("fail", 0.05), ("fail", 2.0), ("fail", 0.5), ("pass", 0.0),
    ]  # fmt: skip


def test_a_transaction_is_judged_by_its_own_rows_and_its_requests_by_theirs() -> None:
    pays = frame([row(start_s=at / 100, ms=300, transaction="pay", kind="transaction", name="pay") for at in range(250)])
    requests = [row(start_s=at / 100, ms=20, transaction="pay", first_byte=round(at * 1e7) + 10**7) for at in range(250)]
    judged = _judge("p95(transaction:pay) < 100ms", "p95(ttfb, transaction:pay) < 100ms", rows=requests, transactions=pays)
    assert [(str(result.status), result.observed) for result in judged.results] == [
        ("fail", near(0.3)),
        ("pass", near(0.01)),
    ]
    assert _one("p95(transaction:pay) < 100ms", rows=requests).status is Verdict.PASS


def test_open_plans_are_judged_by_response_time() -> None:
    rows = [row(start_s=at / 100, ms=10, blocked_ms=200) for at in range(1000)]
    assert _one("p95 < 100ms", rows=rows, plan=a_plan(model="rate")).observed == near(0.21)
    assert _one("p95(service, *) < 100ms", rows=rows, plan=a_plan(model="rate")).observed == near(0.01)


def test_a_generator_bound_run_has_no_times_or_rates_but_still_its_errors() -> None:
    judged = _judge(
        "p95 < 1s",
        "rate > 1/s",
        "apdex(1s, *) > 0.5",
        "error_rate < 1%",
        "count > 1",
        rows=steady(200),
        series=series_of(10, bound=frozenset({4})),
    )
    assert [str(result.status) for result in judged.results] == ["unknown", "unknown", "unknown", "pass", "pass"]
    assert judged.results[0].reason == "the generator was the limit in 10% of the measured seconds"


def test_metrics_that_rows_do_not_hold_are_unknown_not_passed() -> None:
    judged = _judge("p95(event_gap, sse) < 1s", "max(messages_out, *) < 9", "avg(custom:depth, *) < 3", rows=steady(200))
    assert [result.reason for result in judged.results] == [
        "no stream has a message",
        "rows hold no messages_out",
        "rows hold no custom:depth",
    ]


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        ((), None),
        (("max < 1s",), "pass"),
        (("max < 1s", "p99 < 1s"), "unknown"),
        (("max < 1s", "p99 < 1s", "min > 1s"), "fail"),
        (("max < 1s", "min > 1s warn"), "pass"),
        (("min > 1s warn",), None),
    ],
)
def test_fail_outweighs_unknown_and_warnings_have_no_part_in_the_verdict(texts: tuple[str, ...], verdict: str | None) -> None:
    assert _judge(*texts, rows=steady(200)).to_json()["verdict"] == verdict


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0, 9.99), min_size=1, max_size=80), st.integers(1, 5))
def test_windows_agree_with_counting_by_hand(starts: list[float], length_s: int) -> None:
    stamps = [*starts, 9.99]
    result = _one(f"count < 5 over {length_s}s", rows=[row(start_s=at, ms=0) for at in stamps])
    counts = [sum(begin <= round(at * 1e9) / 1e9 < begin + length_s for at in stamps) for begin in range(10 - length_s + 1)]
    assert (result.windows, result.observed) == (len(counts), max(counts))


def test_many_windows_over_many_rows_are_judged_in_seconds() -> None:
    began = time.perf_counter()
    plan = a_plan(warmup_s=20, duration_s=120)
    judge([parse_threshold("p99 < 3s over 30s"), parse_threshold("error_rate < 50% over 5s")], realistic(100_000), plan=plan)
    assert time.perf_counter() - began < 10


def gaps(count: int, *, gap_ms: float = 10.0, name: str = "GET /", outcome: str = "ok", start_s: float = 1.0) -> list[dict[str, Any]]:
    """One stream of `count` messages; the first is half a second behind its request."""
    ends = [start_s + 0.5 + at * gap_ms / 1000 for at in range(count)]
    starts = [start_s, *ends[:-1]]
    return [
        row(start_s=begin, ms=(end - begin) * 1000, name=name, outcome=outcome, kind="sse") | {"number": at}
        for at, (begin, end) in enumerate(zip(starts, ends, strict=True))
    ]


def events_of(*streams: list[dict[str, Any]]) -> pl.LazyFrame:
    rows = [each for stream in streams for each in stream]
    return frame([{key: value for key, value in each.items() if key != "number"} for each in rows]).with_columns(
        number=pl.Series([each["number"] for each in rows], dtype=pl.UInt32)
    )


def test_gaps_between_messages_are_samples_of_their_own_without_the_wait_for_the_first() -> None:
    events = events_of(gaps(201), gaps(101, gap_ms=40, name="other"), gaps(50, gap_ms=900, outcome="reset"))
    judged = _judge(
        "p95(event_gap, request:GET /) < 15ms", "max(event_gap, sse) < 30ms", "avg(event_gap, request:other) >= 39ms", "p50(event_gap, http) < 1s",
        rows=steady(10), events=events,
    )  # fmt: skip
    assert [(str(each.status), each.observed, each.samples) for each in judged.results] == [
        ("pass", near(0.01), 200), ("fail", near(0.04), 300), ("pass", near(0.04), 100), ("unknown", None, 0),
    ]  # fmt: skip


def test_messages_of_a_stream_are_a_plain_number() -> None:
    rows = frame(steady(40)).with_columns(messages_in=pl.int_range(pl.len(), dtype=pl.UInt32))
    (result,) = judge([parse_threshold("avg(messages_in, *) > 19")], rows, plan=a_plan()).results
    assert (str(result.status), result.observed, result.unit, result.samples) == ("pass", near(19.5), "", 40)
    (unknown,) = judge([parse_threshold("min(messages_in, *) > 1")], frame(steady(40)), plan=a_plan()).results
    assert str(unknown.status) == "unknown"
