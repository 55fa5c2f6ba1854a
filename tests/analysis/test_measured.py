from __future__ import annotations

from maid_lab.analysis.measured import MeasuredWindow, is_measured, measured_window
from tests.analysis.rows import a_plan, frame, row


def test_rows_of_other_sections_and_of_the_warm_up_are_not_measured() -> None:
    rows = [
        row(start_s=at, section=section)
        for at, section in ((1.9, "scenario"), (2.0, "scenario"), (3, "setup"), (3, "on_start"), (9, "teardown"))
    ]
    kept = frame(rows).filter(is_measured(plan=a_plan(warmup_s=2))).collect()
    assert kept["start"].to_list() == [2_000_000_000]


def test_after_skips_the_first_seconds_of_the_run() -> None:
    rows = frame([row(start_s=at) for at in range(10)])
    assert rows.filter(is_measured(plan=a_plan(warmup_s=2), after_s=5)).collect().height == 5


def test_the_window_ends_with_the_planned_load_even_when_answers_come_later() -> None:
    rows = frame([row(start_s=1), row(start_s=9.9, ms=3000)])
    assert measured_window(rows, plan=a_plan(duration_s=10)) == MeasuredWindow(start_s=0, end_s=10)


def test_the_window_ends_with_the_last_row_of_a_run_that_was_stopped_early() -> None:
    rows = frame([row(start_s=1), row(start_s=4, ms=500)])
    assert measured_window(rows, plan=a_plan(warmup_s=1, duration_s=10)) == MeasuredWindow(start_s=1, end_s=4.5)


def test_a_run_that_went_on_longer_is_measured_to_its_last_start() -> None:
    rows = frame([row(start_s=1), row(start_s=14, ms=500)])
    assert measured_window(rows, plan=a_plan(duration_s=10)).end_s == 14


def test_a_run_that_ended_in_its_warm_up_has_an_empty_window() -> None:
    assert measured_window(frame([row(start_s=1)]), plan=a_plan(warmup_s=5)).duration_s == 0
