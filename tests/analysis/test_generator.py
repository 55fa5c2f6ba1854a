from __future__ import annotations

from maid_lab.analysis.generator import generator_bound_share
from maid_lab.analysis.measured import MeasuredWindow
from maid_lab.analysis.summary import summarise
from tests.analysis.rows import a_plan, frame, row, series_of


def test_lag_and_late_share_are_of_measured_rows_in_milliseconds() -> None:
    rows = [row(start_s=at / 10, lag=900 if at < 50 else 1500) for at in range(100)]
    health = summarise(frame(rows), plan=a_plan(warmup_s=2, duration_s=10)).generator
    assert (health.lag_p50_ms, health.lag_max_ms, health.late_share) == (1.5, 1.5, 50 / 80)


def test_without_a_series_the_bound_seconds_are_unknown_not_zero() -> None:
    health = summarise(frame([row(start_s=1)]), plan=a_plan()).generator
    assert (health.bound_seconds, health.bound_share, health.cpu_max, health.is_bound) == (None, None, None, False)


def test_only_measured_seconds_count_towards_the_bound_share() -> None:
    window = MeasuredWindow(start_s=5, end_s=10)
    assert generator_bound_share(series_of(12, bound=frozenset({0, 1, 7, 11})), window=window) == 1 / 5


def test_more_than_one_second_in_twenty_is_generator_bound() -> None:
    rows = frame([row(start_s=at / 10) for at in range(400)])
    health = summarise(rows, plan=a_plan(duration_s=40), series=series_of(40, bound=frozenset({3, 4, 5}))).generator
    assert (health.bound_seconds, health.bound_share, health.is_bound, health.cpu_max) == (3, 3 / 40, True, 0.62)
