"""Changes of a load while it runs, as pure functions of its segments."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model import profiles, steering
from maid_lab.model.plan import Segment
from maid_lab.model.rows import Phase
from maid_lab.model.schedules import level_at, total_starts

PLAN = profiles.constant(10, 60, ramp_s=10, ramp_down_s=5)


def pieces(segments: tuple[Segment, ...]) -> list[tuple[float, ...]]:
    return [tuple(round(x, 6) for x in (s.start_s, s.end_s, s.level_from, s.level_to)) for s in segments]


def test_a_new_level_replaces_what_remains_by_a_constant() -> None:
    assert pieces(steering.moved_to(PLAN, 20, 30)) == [(0, 10, 0, 10), (10, 20, 10, 10), (20, 75, 30, 30)]


def test_a_new_level_is_reached_at_the_slope_that_is_wanted() -> None:
    assert pieces(steering.moved_to(PLAN, 20, 30, per_s=2))[2:] == [(20, 30, 10, 30), (30, 75, 30, 30)]
    assert pieces(steering.moved_to(PLAN, 20, 5, per_s=1))[2:] == [(20, 25, 10, 5), (25, 75, 5, 5)]


def test_a_way_that_is_too_long_is_cut_at_the_end() -> None:
    assert pieces(steering.moved_to(PLAN, 65, 1000, per_s=1))[-1] == (65, 75, 10, 20)


def test_a_slope_changes_the_running_increase_and_moves_the_rest() -> None:
    found = steering.resloped(PLAN, 5, 2.5, Phase.INCREASE)
    assert pieces(found) == [(0, 5, 0, 5), (5, 7, 5, 10), (7, 67, 10, 10), (67, 72, 10, 0)]
    assert steering.resloped(PLAN, 20, 2.5, Phase.INCREASE) == PLAN


def test_the_run_time_counts_from_the_end_of_the_increase_and_keeps_the_decrease() -> None:
    assert pieces(steering.ended_after(PLAN, 20, 30)) == [(0, 10, 0, 10), (10, 40, 10, 10), (40, 45, 10, 0)]
    assert pieces(steering.ended_after(PLAN, 20, 100)) == [(0, 10, 0, 10), (10, 70, 10, 10), (70, 110, 10, 10), (110, 115, 10, 0)]


def test_a_run_time_that_has_passed_ends_the_time_at_level_now() -> None:
    assert pieces(steering.ended_after(PLAN, 20, 3)) == [(0, 10, 0, 10), (10, 20, 10, 10), (20, 25, 10, 0)]


def test_a_run_time_in_the_middle_of_the_increase_ends_it_there() -> None:
    ended = steering.ended_after(PLAN, 4, 0)
    assert pieces(ended)[-1] == (10, 15, 10, 0)


def test_a_test_plan_replaces_the_rest_from_the_level_that_is_there() -> None:
    assert pieces(steering.staged(PLAN, 20, ((5, 40), (0, 20), (10, 20)))) == [
        (0, 10, 0, 10), (10, 20, 10, 10), (20, 25, 10, 40), (25, 35, 20, 20),
    ]  # fmt: skip


def test_the_slope_of_a_phase_is_that_of_its_first_segment() -> None:
    assert steering.slope_of(PLAN, Phase.INCREASE) == 1
    assert steering.slope_of(PLAN, Phase.DECREASE) == 2
    assert steering.slope_of(profiles.constant(5, 10), Phase.INCREASE) is None


@given(
    at=st.floats(min_value=0.01, max_value=74),
    level=st.floats(min_value=0, max_value=1e6),
    per_s=st.none() | st.floats(min_value=0.01, max_value=1e6),
)
def test_what_was_before_a_change_stays(at: float, level: float, per_s: float | None) -> None:
    changed = steering.moved_to(PLAN, at, level, per_s=per_s)
    assert changed[-1].end_s == pytest.approx(75)
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(changed))
    for moment in (at * share for share in (0, 0.2, 0.7, 0.999)):
        assert level_at(changed, moment) == pytest.approx(level_at(PLAN, moment), abs=1e-6)
    before = tuple(s for s in changed if s.end_s <= at + 1e-9)
    if before and before[-1].end_s == pytest.approx(at):
        cut = steering.staged(PLAN, at, ())
        assert total_starts(before) == pytest.approx(total_starts(cut))
