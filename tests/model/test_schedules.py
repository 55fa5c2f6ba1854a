from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.plan import Segment
from maid_lab.model.profiles import constant, ramping
from maid_lab.model.schedules import arrivals, level_at, scenario_order, total_starts, user_lifetimes

stages = st.lists(st.tuples(st.floats(0.5, 20), st.floats(0, 12)), min_size=1, max_size=5)
workers = st.integers(1, 5)


def all_lifetimes(segments: tuple[Segment, ...], count: int) -> dict[int, list[tuple[float, float]]]:
    return {number: spans for worker in range(count) for number, spans in user_lifetimes(segments, worker, count)}


def live_at(lifetimes: dict[int, list[tuple[float, float]]], at: float) -> int:
    return sum(any(start <= at < end for start, end in spans) for spans in lifetimes.values())


def test_a_ramp_starts_one_user_every_part_of_it_the_first_at_its_beginning() -> None:
    lifetimes = all_lifetimes(constant(4, 10, ramp_s=8, ramp_down_s=4), 1)
    assert lifetimes == {0: [(0, 22)], 1: [(2, 21)], 2: [(4, 20)], 3: [(6, 19)]}


def test_a_jump_starts_all_users_at_once() -> None:
    assert all_lifetimes(constant(3, 10), 1) == {0: [(0, 10)], 1: [(0, 10)], 2: [(0, 10)]}


def test_a_user_may_leave_and_come_again() -> None:
    segments = ramping([(2, 2), (2, 0), (2, 2)])
    assert all_lifetimes(segments, 1)[1] == [(1, 3), (5, 6)]


@given(stages, st.floats(0.001, 0.999))
def test_the_number_of_live_users_is_the_level_rounded_up(written: list[tuple[float, float]], share: float) -> None:
    segments = ramping(written)
    at = share * segments[-1].end_s
    level = level_at(segments, at)
    # At a crossing the last digit of a time decides; the moments beside it say the same.
    allowed = {-int(-(level - 1e-6) // 1), -int(-(level + 1e-6) // 1)}
    assert live_at(all_lifetimes(segments, 1), at) in allowed


@given(stages, workers)
def test_all_workers_together_have_the_users_of_one(written: list[tuple[float, float]], count: int) -> None:
    segments = ramping(written)
    assert all_lifetimes(segments, count) == all_lifetimes(segments, 1)


@given(stages)
def test_the_youngest_user_leaves_first(written: list[tuple[float, float]]) -> None:
    lifetimes = all_lifetimes(ramping(written), 1)
    for older, younger in pairwise(sorted(lifetimes)):
        for start, end in lifetimes[younger]:
            assert any(first <= start + 1e-6 and end <= last + 1e-6 for first, last in lifetimes[older])


@given(stages, workers, st.sampled_from(["uniform", "poisson"]))
def test_all_workers_together_start_what_one_starts(written: list[tuple[float, float]], count: int, kind: str) -> None:
    segments = ramping(written)
    one = list(arrivals(segments, kind, 7, 0, 1))  # type: ignore[arg-type]
    many = [start for worker in range(count) for start in arrivals(segments, kind, 7, worker, count)]  # type: ignore[arg-type]
    assert sorted(many) == one


@given(stages)
def test_uniform_starts_follow_the_integral_of_the_rate(written: list[tuple[float, float]]) -> None:
    segments = ramping(written)
    starts = list(arrivals(segments, "uniform", 1, 0, 1))
    assert len(starts) == pytest.approx(total_starts(segments), abs=1.0001)
    assert [number for number, _ in starts] == list(range(len(starts)))
    for number, due in starts:
        before = [Segment(start_s=s.start_s, end_s=min(s.end_s, due), level_from=s.level_from, level_to=level_at((s,), due) if due < s.end_s else s.level_to)
                  for s in segments if s.start_s < due]  # fmt: skip
        assert total_starts(before) == pytest.approx(number, abs=1e-6)


def test_starts_at_a_constant_rate_are_evenly_spaced() -> None:
    assert list(arrivals(constant(2, 2), "uniform", 0, 0, 1)) == [(0, 0), (1, 0.5), (2, 1), (3, 1.5)]


def test_poisson_starts_have_the_mean_and_spread_of_their_rate() -> None:
    due = [at for _, at in arrivals(constant(100, 200), "poisson", 3, 0, 1)]
    gaps = [later - earlier for earlier, later in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    # 20,000 exponential draws: both lie within five standard errors (3.5 %) of 10 ms.
    assert [mean, spread] == [pytest.approx(0.01, rel=0.036), pytest.approx(0.01, rel=0.06)]


def test_the_seed_decides_the_poisson_starts() -> None:
    segments = constant(5, 10)
    first, again, other = (list(arrivals(segments, "poisson", seed, 0, 1)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_starts_from_a_moment_on_keep_their_numbers() -> None:
    segments = constant(2, 4)
    assert list(arrivals(segments, "uniform", 0, 1, 2, from_s=2)) == [(5, 2.5), (7, 3.5)]


def test_nothing_starts_where_the_rate_is_zero() -> None:
    segments = ramping([(5, 0), (0, 1), (3, 1)])
    assert list(arrivals(segments, "uniform", 0, 0, 1)) == [(0, 5), (1, 6), (2, 7)]


def test_the_level_is_zero_outside_of_the_segments() -> None:
    segments = constant(4, 2, ramp_s=2)
    assert [level_at(segments, at) for at in (-1, 0, 1, 2, 3.9, 4)] == [0, 0, 2, 4, 4, 0]


@pytest.mark.parametrize(
    ("weights", "scheduler", "order"),
    [
        ((3, 2, 1), "round-robin", (0, 1, 2, 0, 1, 0)), ((3, 2, 1), "serial", (0, 0, 0, 1, 1, 2)), ((70, 20, 10), "serial", (0,) * 7 + (1,) * 2 + (2,)),
        ((0, 5), "round-robin", (1,)), ((4, 4), "round-robin", (0, 1)),
    ],
)  # fmt: skip
def test_weights_become_an_order(weights: tuple[int, ...], scheduler: str, order: tuple[int, ...]) -> None:
    assert scenario_order(weights, scheduler, 0) == order


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any), st.sampled_from(["round-robin", "serial", "random"]), st.integers())
def test_each_order_holds_the_shares_of_the_weights(weights: list[int], scheduler: str, seed: int) -> None:
    order = scenario_order(weights, scheduler, seed)
    assert [order.count(index) * sum(weights) for index in range(len(weights))] == [weight * len(order) for weight in weights]
    assert order == scenario_order(weights, scheduler, seed)


def test_weights_that_are_all_zero_have_no_order() -> None:
    with pytest.raises(ValueError, match="all weights are zero"):
        scenario_order((0, 0), "serial", 0)
