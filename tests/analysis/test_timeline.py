from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.analysis import scan
from maid_lab.analysis.timeline import MAX_BINS, bin_width_s, failures_over_time, planned_level, timeline
from tests.analysis.rows import a_plan, frame, realistic, row


@given(st.floats(0.1, 1e6), st.integers(0, 10**9))
def test_there_are_never_more_than_600_bins(duration_s: float, rows: int) -> None:
    assert duration_s / bin_width_s(duration_s, rows=rows) <= MAX_BINS


@pytest.mark.parametrize(
    ("duration_s", "rows", "width_s"),
    [(10, 10**6, 0.25), (40, 10**6, 0.5), (300, 10**6, 1.0), (3600, 10**8, 10.0), (300, 300, 15.0), (10, 10, 0.5)],
)
def test_bins_are_as_narrow_as_rows_and_screen_allow(duration_s: float, rows: int, width_s: float) -> None:
    assert bin_width_s(duration_s, rows=rows) == width_s


def test_latency_belongs_to_the_start_and_throughput_to_the_end() -> None:
    rows = [
        row(start_s=0.5, ms=2000, bytes_in=500),
        row(start_s=0.6, ms=100, bytes_in=300),
        row(start_s=2.1, ms=10, outcome="timeout", bytes_in=0),
    ]
    table = timeline(frame(rows), plan=a_plan(warmup_s=1), width_s=1.0)
    assert table.select("second", "warmup", "requests", "rate", "goodput", "failures_per_s", "p50_ms", "bytes_in_per_s").rows() == [
        (0.0, True, 2, 1.0, 1.0, 0.0, 1050.0, 300.0),
        (1.0, False, 0, 0.0, 0.0, 0.0, None, 0.0),
        (2.0, False, 1, 1.0, 1.0, 1.0, None, 500.0),
    ]


def test_a_timeline_adds_up_to_all_rows() -> None:
    rows = realistic(20_000)
    table = timeline(rows, plan=a_plan(warmup_s=20, duration_s=120))
    assert table["requests"].sum() == 20_000
    failed = rows.filter(pl.col("outcome").cast(pl.String) != "ok").collect().height
    assert (table["failures_per_s"] * table["width_s"]).sum() == pytest.approx(failed)
    assert failures_over_time(rows, width_s=1.0)["count"].sum() == failed


def test_a_timeline_of_no_rows_has_no_bins() -> None:
    assert timeline(frame([]), plan=a_plan()).height == 0


def test_the_planned_level_has_the_corners_of_the_profile() -> None:
    assert planned_level(a_plan(warmup_s=2, duration_s=10, level=8)).select("second", "level", "unit").rows() == [
        (0.0, 0.0, "users"),
        (2.0, 8.0, "users"),
        (2.0, 8.0, "users"),
        (10.0, 8.0, "users"),
    ]


@pytest.mark.parametrize("batch", [7, 500_000])
def test_a_timeline_is_the_same_as_sql_has_it_however_the_rows_are_parted(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_BATCH", batch)
    rows = realistic(2_000)
    rows.collect().write_parquet(tmp_path / "rows.parquet")
    table = timeline(rows, plan=a_plan(duration_s=120), width_s=5.0)
    begun = duckdb.execute(
        f"""select start // 5000000000 as bin, quantile_cont("end" - start, 0.5) filter (outcome = 'ok') / 1e6 as p50_ms, avg(users) as users,
        avg(in_flight) as in_flight, max(lag) / 1000 as lag_ms from '{tmp_path / "rows.parquet"}' where section = 'scenario' group by 1 order by 1"""
    ).fetchall()
    assert [(row["second"] / 5, *(row[name] for name in ("p50_ms", "users", "in_flight", "lag_ms"))) for row in table.to_dicts()][
        : len(begun)
    ] == [tuple(pytest.approx(value, rel=1e-12) for value in row) for row in begun]
    ended = duckdb.execute(
        f"""select "end" // 5000000000 as bin, count(*) filter (outcome = 'ok') / 5 as goodput, sum(bytes_in) / 5 as bytes_in_per_s
        from '{tmp_path / "rows.parquet"}' where section = 'scenario' group by 1 order by 1"""
    ).fetchall()
    assert {bin_: (goodput, size) for bin_, goodput, size in ended} == {
        round(row["second"] / 5): (row["goodput"], row["bytes_in_per_s"]) for row in table.to_dicts() if row["bytes_in_per_s"]
    }


def test_a_last_row_that_ends_exactly_with_a_bin_has_one_more() -> None:
    table = timeline(frame([row(start_s=at / 10, ms=100) for at in range(30)]), plan=a_plan(duration_s=3), width_s=0.1)
    assert len(table) == 31
    assert table["rate"].to_list() == [0, *[10] * 30]
