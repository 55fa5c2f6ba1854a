"""The search for capacity against targets whose capacity is known."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.capacity import Bisection, Judged
from maid_lab.model.plan import Search


def searched(search: Search, holds: float) -> tuple[Bisection, list[float]]:
    bisection, levels = Bisection(search), []
    while not bisection.reason:
        levels.append(bisection.level)
        bisection.take("pass" if bisection.level <= holds else "fail")
    return bisection, levels


def search(first: float = 10, last: float = 1000, **changes: Any) -> Search:
    usual: dict[str, Any] = {"first": first, "last": last, "slo": ("p95 < 0.2",), "max_probes": 40}
    return Search(**usual | changes)


def test_the_level_doubles_until_one_fails_and_is_then_bisected() -> None:
    found, levels = searched(search(), 130)
    assert levels[:6] == [10, 20, 40, 80, 160, 120]
    assert 120 <= found.good <= 130 < found.bad
    assert found.bad - found.good <= 0.05 * found.bad


def test_the_last_level_is_tried_and_ends_the_search_when_it_holds() -> None:
    found, levels = searched(search(first=300, last=1000), 5000)
    assert levels == [300, 600, 1000]
    assert (found.good, found.reason) == (1000, "the last level holds")


def test_a_first_level_that_fails_sends_the_search_down() -> None:
    found, levels = searched(search(first=100), 7)
    assert levels[:3] == [100, 50, 25]
    assert found.good == 7
    assert all(level >= 1 for level in levels)


def test_nothing_holds_when_one_user_is_too_many() -> None:
    found, _ = searched(search(first=4), 0)
    assert found.good == 0


def test_an_unknown_probe_is_made_again_for_longer_and_then_counts_as_bad() -> None:
    bisection = Bisection(search())
    bisection.take("unknown")
    assert (bisection.level, bisection.is_long) == (10, True)
    bisection.take("unknown")
    assert (bisection.bad, bisection.is_long) == (10, False)
    again = Bisection(search())
    again.take("unknown")
    again.take("pass")
    assert (again.good, again.level) == (10, 20)


def test_the_number_of_probes_is_bounded() -> None:
    found, levels = searched(search(max_probes=3), 700)
    assert (len(levels), found.good, found.reason) == (3, 40, "all 3 probes were made")


@given(
    first=st.integers(1, 1000),
    factor=st.integers(1, 1000),
    holds=st.floats(0, 2_000_000),
    tolerance=st.floats(0.001, 0.5),
    whole=st.booleans(),
)
def test_any_capacity_is_found_within_the_tolerance(first: int, factor: int, holds: float, tolerance: float, whole: bool) -> None:
    found, levels = searched(search(first=first, last=first * factor, tolerance=tolerance, whole=whole, max_probes=60), holds)
    assert found.good <= holds or found.good == 0
    assert len(levels) <= 60
    if math.isfinite(found.bad) and found.good and not whole:
        assert found.bad - found.good <= tolerance * found.bad + 1e-9
    if not math.isfinite(found.bad):
        assert found.good == first * factor


@pytest.mark.parametrize("judged", ["fail", "unknown"])
def test_a_bad_probe_after_a_long_one_is_short_again(judged: Judged) -> None:
    bisection = Bisection(search())
    bisection.take("unknown")
    bisection.take(judged)
    assert not bisection.is_long
