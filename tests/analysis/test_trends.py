from typing import Any

import numpy as np
import pytest
from scipy import stats

from maid_lab.analysis.load_sentences import load_sentences
from maid_lab.analysis.summary import summarise
from maid_lab.analysis.trends import Trend, mann_kendall, trend_of
from maid_lab.model import profiles
from maid_lab.model.plan import Load, Plan, Scenario
from tests.analysis.rows import a_plan, frame, near, row

HOLD_S = 600.0


def plan_of(*, hold_s: float = HOLD_S) -> Plan:
    load = Load(name="main", profile="soak", model="users", segments=profiles.constant(5, hold_s, ramp_s=10, ramp_down_s=10), order=(0,))
    scenario = Scenario(name="browse", label=0, weight=1, steps=())
    return a_plan(loads=(load,), scenarios=(scenario,), duration_s=load.end_s, warmup_end_s=10.0)


def soaked(ms: Any, *, failing: Any = None, hold_s: float = HOLD_S, per_s: int = 25) -> dict[str, Trend]:
    """Return the trends of a soak whose service time is `ms(share of the hold)` with noise."""
    rng = np.random.default_rng(1)
    items = []
    for at in range(round(hold_s * per_s)):
        share = at / (hold_s * per_s)
        bad = failing is not None and rng.random() < failing(share)
        outcome: dict[str, Any] = {"outcome": "error_status", "status": 500} if bad else {}
        items.append(row(start_s=10 + at / per_s, ms=float(ms(share) * rng.lognormal(0, 0.3)), **outcome))
    summary = summarise(frame(items), plan=plan_of(hold_s=hold_s))
    assert len(load_sentences(summary.to_json())) == 3
    return {trend.measure: trend for trend in summary.trends}


def test_a_steady_target_has_no_trend() -> None:
    found = soaked(lambda _share: 20.0, failing=lambda _share: 0.02)
    assert {measure: trend.direction for measure, trend in found.items()} == {
        "p50 of latency": "none", "p95 of latency": "none", "errors": "none",
    }  # fmt: skip


def test_what_grows_is_found_with_its_slope() -> None:
    found = soaked(lambda share: 20.0 + 10 * share, failing=lambda share: 0.06 * share)
    assert {trend.direction for trend in found.values()} == {"rising"}
    median = found["p50 of latency"]
    assert median.change == near(10.0, rel=0.1)
    assert median.slope_per_h == near(60.0, rel=0.1)
    assert median.slope_low_per_h is not None
    assert median.slope_high_per_h is not None
    assert median.slope_low_per_h < 60 < median.slope_high_per_h
    assert median.change_share == near(0.4, rel=0.1)
    assert found["errors"].change == near(0.06, rel=0.35)
    assert (median.bins, median.bin_s, median.hold_s) == (60, 10, 600)


def test_what_shrinks_is_falling() -> None:
    assert soaked(lambda share: 30.0 - 10 * share)["p50 of latency"].direction == "falling"


def test_a_trend_too_small_to_matter_is_none() -> None:
    at = np.arange(30.0)
    found = trend_of(at, 100 + at / 100, load="a", measure="p50 of latency", unit="ms", hold_s=30, bin_s=1)
    assert (found.direction, found.reason) == ("none", "there is one, but it is too small to matter")
    assert found.p is not None
    assert found.p < 1e-6


def test_too_few_samples_are_no_answer() -> None:
    found = soaked(lambda _share: 20.0, hold_s=8.0)
    assert {trend.direction for trend in found.values()} == {"unknown"}
    assert found["p50 of latency"].reason == "too few samples: 7 pieces of 1 s have enough rows, 10 are needed"
    sparse = soaked(lambda _share: 20.0, hold_s=60.0)
    assert (sparse["p50 of latency"].direction, sparse["p95 of latency"].direction) == ("none", "unknown")


def test_the_test_is_kendalls_where_nothing_is_correlated() -> None:
    rng = np.random.default_rng(5)
    values = np.round(rng.normal(0, 1, 40) + np.arange(40) / 20, 1)
    found, kendall = mann_kendall(values), stats.kendalltau(np.arange(40), values, method="asymptotic")
    assert found.tau == near(kendall.statistic)
    # Kendall's asymptotic test has no correction for continuity, this one has.
    assert found.p == pytest.approx(kendall.pvalue, rel=0.15)
    assert found.correction >= 1


def test_autocorrelation_alone_is_rarely_taken_for_a_trend() -> None:
    rng = np.random.default_rng(9)
    corrected = plain = 0
    for _ in range(200):
        noise = rng.normal(0, 1, 60)
        values = np.empty(60)
        values[0] = noise[0]
        for at in range(1, 60):
            values[at] = 0.6 * values[at - 1] + noise[at]
        corrected += mann_kendall(values).p < 0.01
        plain += stats.kendalltau(np.arange(60), values).pvalue < 0.01
    assert plain > 20
    assert corrected < plain / 2


def test_equal_values_have_no_trend() -> None:
    assert mann_kendall(np.ones(20)).p == 1
