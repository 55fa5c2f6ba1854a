import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.plan import Segment
from maid_lab.model.profiles import constant, plan_stages, ramping, spike, steps, wave, wave_points
from maid_lab.model.rows import Phase
from maid_lab.model.schedules import level_at


def pieces(segments: tuple[Segment, ...]) -> list[tuple[float, float, float, float]]:
    return [(s.start_s, s.end_s, s.level_from, s.level_to) for s in segments]


def test_a_constant_load_ramps_holds_and_ramps_down() -> None:
    segments = constant(20, 60, ramp_s=10, ramp_down_s=5)
    assert pieces(segments) == [(0, 10, 0, 20), (10, 70, 20, 20), (70, 75, 20, 0)]
    assert [segment.phase for segment in segments] == [Phase.INCREASE, Phase.MAINTAIN, Phase.DECREASE]


def test_without_ramps_there_is_only_the_hold() -> None:
    assert pieces(constant(20, 60)) == [(0, 60, 20, 20)]


def test_stages_go_on_from_the_level_before_and_may_jump() -> None:
    assert pieces(ramping([(10, 5), (0, 20), (10, 20), (5, 0)], start=1)) == [(0, 10, 1, 5), (10, 20, 20, 20), (20, 25, 20, 0)]


@pytest.mark.parametrize(
    ("first", "last", "step", "levels"),
    [
        (10, 35, 10, [10, 20, 30, 35]),
        (10, 30, 10, [10, 20, 30]),
        (30, 10, 10, [30, 20, 10]),
        (5, 5, 0, [5]),
        (0.1, 0.3, 0.1, [0.1, 0.2, 0.3]),
    ],
)
def test_steps_end_exactly_at_the_last_level(first: float, last: float, step: float, levels: list[float]) -> None:
    assert [s.level_from for s in steps(first, last, step, 10)] == pytest.approx(levels)


def test_steps_ramp_before_each_but_the_first() -> None:
    assert pieces(steps(10, 20, 10, 30, ramp_s=5)) == [(0, 30, 10, 10), (30, 35, 10, 20), (35, 65, 20, 20)]


def test_a_spike_returns_to_its_base() -> None:
    expected = [(0, 60, 20, 20), (60, 65, 20, 400), (65, 95, 400, 400), (95, 100, 400, 20), (100, 180, 20, 20)]
    assert pieces(spike(20, 400, 60, 30, 180)) == expected


def test_a_wave_is_sixty_chords_of_the_cosine() -> None:
    segments = wave(10, 30, 60, 120)
    assert len(segments) == 120
    for second in range(120):
        assert level_at(segments, second) == pytest.approx(10 + 20 * (1 - math.cos(2 * math.pi * second / 60)) / 2)


def test_a_day_curve_is_linear_between_its_points_and_cut_at_the_end() -> None:
    curve = [(0.0, 10.0), (0.5, 50.0), (1.0, 10.0)]
    assert pieces(wave_points(curve, 100, 175)) == [(0, 50, 10, 50), (50, 100, 50, 10), (100, 150, 10, 50), (150, 175, 50, 30)]


def test_points_that_leave_out_the_ends_hold_them() -> None:
    assert pieces(wave_points([(0.2, 10.0), (0.8, 20.0)], 10, 10)) == [(0, 2, 10, 10), (2, 8, 10, 20), (8, 10, 20, 20)]


@pytest.mark.parametrize(("text", "stages"), [("10,30s;10,5m;0,10s", ((30, 10), (300, 10), (10, 0))), (" 5 , 1m ; ", ((60, 5),))])
def test_a_test_plan_is_that_of_goose(text: str, stages: tuple[tuple[float, float], ...]) -> None:
    assert plan_stages(text) == stages


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty"), ("10", "'10' is not a step"), ("10,30s;x,1m", "'x,1m' is not a step"), ("1,2,3", "not a step")]
)
def test_a_wrong_test_plan_names_the_part(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_stages(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: steps(1, 2, 0, 10), "step is 0"), (lambda: steps(0, 1e6, 0.1, 1), "more than 100000 steps"), (lambda: wave(1, 2, 0, 10), "period above 0"),
        (lambda: wave(1, 2, 0.001, 86_400), "more than 100000 pieces"), (lambda: wave_points([(0.5, 1), (0.2, 2)], 10, 10), "ascend"),
        (lambda: wave_points([(0.5, 1), (1.2, 2)], 10, 10), "ascend"), (lambda: spike(1, 9, 50, 30, 60), "30 s after the duration"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_profile_says_why(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


lengths = st.floats(min_value=0, max_value=1000, allow_nan=False)
levels = st.floats(min_value=0, max_value=1000, allow_nan=False)


@given(st.lists(st.tuples(lengths, levels), min_size=1, max_size=8))
def test_segments_follow_each_other_without_gap_and_take_the_given_time(stages: list[tuple[float, float]]) -> None:
    segments = ramping(stages)
    assert all(before.end_s == after.start_s for before, after in pairwise(segments))
    assert (segments[-1].end_s if segments else 0) == pytest.approx(sum(length for length, _ in stages))
    assert all(segment.end_s > segment.start_s for segment in segments)
