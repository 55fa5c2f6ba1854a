import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.plan import Segment
from maid_lab.model.profiles import constant, plan_stages, ramping, steps, wave, wave_points
from maid_lab.model.rows import Phase


def written(segments: tuple[Segment, ...]) -> list[tuple[float, float, float, float]]:
    return [(s.start_s, s.end_s, s.level_from, s.level_to) for s in segments]


def test_a_constant_level_is_ramped_held_and_ramped_down() -> None:
    segments = constant(20, 60, ramp_s=10, ramp_down_s=5)
    assert written(segments) == [(0, 10, 0, 20), (10, 70, 20, 20), (70, 75, 20, 0)]
    assert [segment.phase for segment in segments] == [Phase.INCREASE, Phase.MAINTAIN, Phase.DECREASE]


def test_without_ramps_the_level_stands_from_the_first_moment() -> None:
    assert written(constant(20, 60)) == [(0, 60, 20, 20)]


def test_stages_go_from_the_level_before_and_a_stage_of_no_time_is_a_jump() -> None:
    assert written(ramping([(10, 5), (0, 50), (20, 50), (5, 0)], start=1)) == [(0, 10, 1, 5), (10, 30, 50, 50), (30, 35, 50, 0)]


def test_stages_that_take_no_time_give_no_segments() -> None:
    assert ramping([(0, 5)]) == ()


@pytest.mark.parametrize(
    ("first", "last", "step", "levels"),
    [
        (10, 40, 10, [10, 20, 30, 40]), (10, 35, 10, [10, 20, 30, 35]), (40, 10, 10, [40, 30, 20, 10]), (5, 5, 10, [5]), (5, 5, 0, [5]),
        (10, 12, 50, [10, 12]), (0, 0.3, 0.1, [0, 0.1, 0.2, 0.3]),
    ],
)  # fmt: skip
def test_steps_end_at_exactly_the_last_level(first: float, last: float, step: float, levels: list[float]) -> None:
    segments = steps(first, last, step, 30)
    assert [segment.level_from for segment in segments] == pytest.approx(levels)
    assert segments[-1].level_to == last
    assert [(segment.start_s, segment.end_s) for segment in segments] == [(30 * n, 30 * n + 30) for n in range(len(levels))]


def test_each_step_but_the_first_has_its_ramp() -> None:
    assert written(steps(1, 3, 1, 10, ramp_s=2)) == [(0, 10, 1, 1), (10, 12, 1, 2), (12, 22, 2, 2), (22, 24, 2, 3), (24, 34, 3, 3)]


def test_a_step_of_nothing_never_reaches_another_level() -> None:
    with pytest.raises(ValueError, match="step is 0"):
        steps(1, 2, 0, 10)


@given(low=st.floats(0, 100), height=st.floats(0, 100), period=st.floats(1, 1e4), share=st.floats(0, 1))
def test_a_wave_stays_within_a_chord_of_its_cosine(low: float, height: float, period: float, share: float) -> None:
    segments = wave(low, low + height, period, period)
    assert len(segments) == 60
    at = share * period
    segment = next(s for s in segments if s.end_s >= at - 1e-9 * period or s is segments[-1])
    level = segment.level_from + (segment.level_to - segment.level_from) * (at - segment.start_s) / (segment.end_s - segment.start_s)
    # The largest distance of a chord of length 2π/60 from a cosine is (2π/60)²/8 of its amplitude.
    assert abs(level - (low + height * (1 - math.cos(2 * math.pi * share)) / 2)) <= height / 2 * (2 * math.pi / 60) ** 2 / 8 + 1e-6


def test_a_wave_begins_and_ends_low_and_is_high_in_the_middle() -> None:
    segments = wave(10, 50, 60, 120)
    assert (segments[0].level_from, segments[29].level_to, segments[59].level_to) == pytest.approx((10, 50, 10))
    assert len(segments) == 120
    assert segments[-1].end_s == pytest.approx(120)


def test_points_repeat_until_the_duration_cuts_them() -> None:
    segments = wave_points([(0, 0), (0.5, 10), (1, 0)], period_s=20, duration_s=25)
    assert written(segments) == [(0, 10, 0, 10), (10, 20, 10, 0), (20, 25, 0, 5)]


def test_points_that_leave_out_the_ends_keep_their_level_there() -> None:
    assert written(wave_points([(0.25, 4), (0.75, 8)], period_s=4, duration_s=4)) == [(0, 1, 4, 4), (1, 3, 4, 8), (3, 4, 8, 8)]


@pytest.mark.parametrize(("points", "period"), [([], 10.0), ([(0.0, 1.0)], 0.0)])
def test_a_wave_without_points_or_period_is_refused(points: list[tuple[float, float]], period: float) -> None:
    with pytest.raises(ValueError, match="needs points and a period"):
        wave_points(points, period, 10)


def test_two_points_at_one_place_are_a_jump() -> None:
    assert written(wave_points([(0, 1), (0.5, 1), (0.5, 9), (1, 9)], 10, 10)) == [(0, 5, 1, 1), (5, 10, 9, 9)]


def test_a_test_plan_reads_as_goose_writes_it() -> None:
    assert plan_stages("10,30s;10,5m; 0 , 10s ;") == ((30, 10), (300, 10), (10, 0))


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty"), (";", "empty"), ("10", "'10' is not a step"), ("10,1s;x,2s", "'x,2s'"), ("1,soon", "soon")]
)
def test_a_test_plan_that_is_none_names_its_part(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_stages(text)
