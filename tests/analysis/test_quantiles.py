from __future__ import annotations

import math
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.analysis.quantiles import TimeStats, quantiles, required_samples
from tests.analysis.rows import near

POINTS = [0.5, 0.9, 0.95, 0.99, 0.999]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_are_those_of_numpy(values: list[int], points: list[float]) -> None:
    samples = np.array(values, dtype=np.int64)
    assert quantiles(samples, points) == pytest.approx(np.quantile(samples, points).tolist(), rel=1e-12, abs=1e-9)


def test_quantiles_are_those_of_duckdb(tmp_path: Path) -> None:
    samples = np.random.default_rng(3).lognormal(15, 1, 10_007).astype(np.int64)
    pl.DataFrame({"ns": samples}).write_parquet(tmp_path / "samples.parquet")
    (theirs,) = duckdb.execute("select quantile_cont(ns, ?) from read_parquet(?)", [POINTS, str(tmp_path / "samples.parquet")]).fetchall()[
        0
    ]
    assert quantiles(samples, POINTS) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(("quantile", "needed"), [(0.5, 20), (0.9, 100), (0.95, 200), (0.99, 1000), (0.999, 10_000), (0.9999, 100_000)])
def test_a_quantile_needs_ten_samples_beyond_it(quantile: float, needed: int) -> None:
    assert required_samples(quantile) == needed


def test_time_stats_refuse_what_the_sample_does_not_support() -> None:
    stats = TimeStats.of(np.arange(1, 201, dtype=np.int64) * 1_000_000)
    assert stats == TimeStats(
        samples=200,
        avg=100.5,
        min=1.0,
        p50=100.5,
        p60=near(120.4),
        p70=near(140.3),
        p75=near(150.25),
        p80=near(160.2),
        p90=180.1,
        p95=near(190.05),
        max=200.0,
        stdev=near(math.sqrt(200 * 201 / 12)),
        refused=(
            ("p98", "needs 500 samples, has 200"),
            ("p99", "needs 1,000 samples, has 200"),
            ("p999", "needs 10,000 samples, has 200"),
            ("p9999", "needs 100,000 samples, has 200"),
        ),
    )


def test_time_stats_without_samples_say_so() -> None:
    stats = TimeStats.of(np.empty(0, dtype=np.int64))
    assert stats.samples == 0
    assert stats.max is None
    assert dict(stats.refused)["p50"] == "no request with outcome ok"
