from __future__ import annotations

import polars as pl
import pytest

from maid_lab.analysis.distribution import heatmap, histogram, latency_by_rate
from maid_lab.analysis.timeline import timeline
from tests.analysis.rows import a_plan, frame, realistic, row


def test_a_histogram_holds_each_good_measured_row_in_its_bin() -> None:
    rows = [row(start_s=1, ms=ms) for ms in (1.05, 1.1, 12.0, 900.0)] + [row(start_s=1, ms=50, outcome="timeout"), row(start_s=0.1, ms=5)]
    table = histogram(frame(rows), plan=a_plan(warmup_s=0.5))
    full = table.filter(pl.col("count") > 0)
    assert full["count"].to_list() == [2, 1, 1]
    assert all(low <= ms < high for (low, high), ms in zip(full.select("low_ms", "high_ms").rows(), (1.1, 12.0, 900.0), strict=True))
    assert table["high_ms"][:-1].to_list() == pytest.approx(table["low_ms"][1:].to_list())
    assert table["cumulative"][-1] == pytest.approx(1.0)


def test_a_heat_map_adds_up_and_stays_below_its_cells() -> None:
    rows = realistic(50_000)
    table = heatmap(rows, plan=a_plan(warmup_s=20, duration_s=120))
    assert table["count"].sum() == rows.filter(pl.col("outcome").cast(pl.String) == "ok").collect().height
    assert table.height <= 2560
    assert (table["until_s"] > table["second"]).all()


def test_no_rows_give_empty_tables_with_the_same_columns() -> None:
    assert histogram(frame([]), plan=a_plan()).columns == ["low_ms", "high_ms", "count", "share", "cumulative"]
    assert heatmap(frame([]), plan=a_plan()).columns == ["second", "until_s", "low_ms", "high_ms", "count"]


def test_points_of_rate_and_latency_are_bins_with_a_p95() -> None:
    table = timeline(realistic(20_000), plan=a_plan(warmup_s=20, duration_s=120))
    assert latency_by_rate(table).height == table["p95_ms"].is_not_null().sum()
