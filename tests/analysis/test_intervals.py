"""Intervals against published figures, sums by hand, and runs that are known to be equal or different."""

import numpy as np
import pytest

from maid_lab.analysis.intervals import SECTIONS, Spread, mean_spread, newcombe, quantile_spread, rate_spread
from maid_lab.analysis.quantiles import required_samples
from tests.analysis.rows import near

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        # Newcombe (1998), table II, method 10; differences there are one − other.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_differences_of_shares_are_those_of_the_paper(one: tuple[int, int], other: tuple[int, int], low: float, high: float) -> None:
    assert newcombe(other, one, alpha=0.05) == (near(low, abs=5e-5), near(high, abs=5e-5))


def test_no_failure_on_either_side_leaves_room_for_some() -> None:
    low, high = newcombe((0, 1000), (0, 1000), alpha=0.05)
    assert low == -high
    assert 0.003 < high < 0.004


def test_the_interval_of_paired_differences_by_hand() -> None:
    # Differences 1, 3, 2, 4, 5, 3, 2, 4, 3, 3: mean 3, variance 12/9; t of nine degrees of freedom is 2.2622.
    spread = Spread.of([0.0] * 10, [1, 3, 2, 4, 5, 3, 2, 4, 3, 3], 3.0)
    assert spread == Spread(near(12 / 90), 9)
    assert spread.around(3.0, alpha=0.05) == (near(3 - 0.82604, abs=1e-4), near(3 + 0.82604, abs=1e-4))
    # A whole that lies 1 beside the mean of the sections.
    assert Spread.of([0.0] * 10, [1, 3, 2, 4, 5, 3, 2, 4, 3, 3], 4.0).variance == near(12 / 90 + 1)
    assert Spread(0.0, 9).around(1.5, alpha=0.05) == (1.5, 1.5)


def test_what_both_runs_went_through_cancels_out() -> None:
    # Twenty sections of two with means 0.5, 2.5, … 38.5 in both.
    ramp = np.arange(40.0)
    assert mean_spread(ramp, ramp + 1) == Spread(near(0.0), 19)
    assert mean_spread(ramp, ramp[:19]) is None


def test_the_spread_of_a_rate_is_that_of_counts_in_equal_times() -> None:
    uneven = np.concatenate([np.full(3 if at % 2 else 1, at + 0.5) for at in range(20)])
    even = np.repeat(np.arange(20), 2) * 2 + 101.0
    # Counts 1 and 3 by turns in sections of 1 s against 2 in sections of 2 s: differences 0 and -2, mean -1, variance 20/19.
    assert rate_spread(uneven, even, spans=((0, 20), (100, 140))) == Spread(near(20 / 19 / 20), 19)
    assert rate_spread(uneven[:39], even, spans=((0, 20), (100, 140))) is None
    assert rate_spread(uneven, even, spans=((3, 3), (100, 140))) is None


@pytest.mark.parametrize(("quantile", "sections"), [(0.5, 10), (0.95, 10), (0.99, 10)])
def test_a_quantile_has_a_spread_when_it_has_samples_enough(quantile: float, sections: int) -> None:
    n = required_samples(quantile)
    values = np.random.default_rng(1).exponential(10, 2 * n)
    found, more = quantile_spread(values[:n], values[n:], quantile), quantile_spread(values, values[::-1], quantile)
    assert quantile_spread(values[: n - 1], values, quantile) is None
    assert found is not None
    assert more is not None
    assert (found.freedom, more.freedom) == (sections - 1, SECTIONS - 1)


def test_one_bad_moment_is_no_property_of_a_run() -> None:
    calm = np.full(2000, 10.0)
    stalled = calm.copy()
    stalled[300:340] = 500.0
    spread = quantile_spread(calm, stalled, 0.99)
    assert spread is not None
    low, high = spread.around(float(np.quantile(stalled, 0.99)) - 10.0, alpha=0.05)
    assert low < 0 < high


def _correlated(rng: np.random.Generator, n: int) -> FloatArray:
    """Return times whose logarithms are an autoregressive series: what follows a slow request is slow."""
    noise, logs = rng.normal(0, 0.2, n), np.zeros(n)
    for at in range(1, n):
        logs[at] = 0.8 * logs[at - 1] + noise[at]
    return 10 * np.exp(logs)


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_intervals_of_equal_runs_hold_zero_as_often_as_they_say(quantile: float) -> None:
    rng = np.random.default_rng(11)
    missed = 0
    for _ in range(200):
        one, other = _correlated(rng, 1000), _correlated(rng, 1000)
        spread = quantile_spread(one, other, quantile)
        assert spread is not None
        low, high = spread.around(float(np.quantile(other, quantile) - np.quantile(one, quantile)), alpha=0.05)
        missed += not low <= 0 <= high
    assert missed <= 200 * 0.08
