import math
import time
from bisect import bisect_right
from itertools import islice, pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.plan import Segment
from maid_lab.model.profiles import constant, ramping, wave
from maid_lab.model.schedules import arrivals, level_at, scenario_order, total_starts, user_lifetimes

Lives = dict[int, list[tuple[float, float]]]


def lives(segments: tuple[Segment, ...], workers: int = 1, *, from_s: float = 0.0) -> Lives:
    dealt = [dict(user_lifetimes(segments, worker, workers, from_s=from_s)) for worker in range(workers)]
    assert all(number % workers == worker for worker, part in enumerate(dealt) for number in part)
    return {number: spans for part in dealt for number, spans in sorted(part.items())}


def live_at(found: Lives, at_s: float) -> set[int]:
    return {number for number, spans in found.items() for begin, leave in spans if begin <= at_s < leave}


def test_a_ramp_starts_one_user_every_part_of_it_the_first_at_once() -> None:
    assert lives(constant(4, 10, ramp_s=8)) == {0: [(0, 18)], 1: [(2, 18)], 2: [(4, 18)], 3: [(6, 18)]}


def test_the_youngest_leave_first() -> None:
    assert lives(ramping([(4, 2), (2, 2), (4, 0)])) == {0: [(0, 10)], 1: [(2, 8)]}


def test_users_come_back_with_the_level() -> None:
    assert lives(ramping([(0, 3), (2, 1), (2, 3), (0, 0), (1, 0), (0, 2), (1, 2)])) == {
        0: [(0, 4), (5, 6)],
        1: [(0, 4), (5, 6)],
        2: [(0, 1), (3, 4)],
    }


def test_a_fraction_of_a_user_is_a_user() -> None:
    assert lives(constant(0.2, 5)) == {0: [(0, 5)]}
    assert lives(constant(2.5, 5)) == {0: [(0, 5)], 1: [(0, 5)], 2: [(0, 5)]}


def test_a_load_of_nobody_has_no_users() -> None:
    assert lives(constant(0, 5)) == {}
    assert lives(()) == {}


def test_a_restart_in_between_begins_those_who_live_then() -> None:
    assert lives(ramping([(4, 2), (2, 2), (4, 0)]), from_s=5) == {0: [(5, 10)], 1: [(5, 8)]}
    assert lives(ramping([(4, 2), (2, 2), (4, 0)]), from_s=9) == {0: [(9, 10)]}


def test_a_hundred_thousand_users_and_a_day_of_waves_are_computed_at_once() -> None:
    started = time.process_time()
    assert sum(1 for _ in user_lifetimes(constant(100_000, 60, ramp_s=100), 0, 1)) == 100_000
    assert sum(len(spans) for _, spans in user_lifetimes(wave(10, 500, 600, 86_400), 0, 1)) > 10_000
    assert time.process_time() - started < 5


stages = st.lists(st.tuples(st.sampled_from([0, 0.5, 1, 3, 10]), st.sampled_from([0, 0.4, 1, 2, 3.7, 12])), min_size=1, max_size=8)
loads = st.builds(lambda stages, start: ramping(stages, start=start), stages, st.sampled_from([0.0, 1.0, 5.5]))
workers = st.integers(1, 5)


@given(loads, workers, st.data())
def test_at_every_moment_as_many_live_as_the_level_says_and_the_oldest(
    segments: tuple[Segment, ...], count: int, data: st.DataObject
) -> None:
    found = lives(segments, count)
    end = segments[-1].end_s if segments else 1
    for at_s in data.draw(st.lists(st.floats(0, end, exclude_max=True), min_size=1, max_size=20)):
        level = level_at(segments, at_s)
        if abs(level - round(level)) > 1e-6:
            assert live_at(found, at_s) == set(range(math.ceil(level)))


@given(loads, workers)
def test_lives_do_not_depend_on_the_number_of_workers_and_do_not_overlap(segments: tuple[Segment, ...], count: int) -> None:
    found = lives(segments, count)
    assert found == lives(segments)
    for spans in found.values():
        assert all(begin < leave for begin, leave in spans)
        assert all(before[1] < after[0] for before, after in pairwise(spans))


# ---- the open model


Kind = Literal["uniform", "poisson"]


def starts(segments: tuple[Segment, ...], kind: Kind = "uniform", seed: int | str = 1, count: int = 1) -> list[float]:
    dealt = [dict(arrivals(segments, kind, seed, worker, count)) for worker in range(count)]
    assert all(number % count == worker for worker, part in enumerate(dealt) for number in part)
    merged = {number: due for part in dealt for number, due in part.items()}
    assert sorted(merged) == list(range(len(merged)))
    return [merged[number] for number in sorted(merged)]


def test_uniform_starts_are_evenly_spaced_and_none_is_due_at_the_end() -> None:
    assert starts(constant(4, 2)) == [0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]


@pytest.mark.parametrize(("rate", "seconds"), [(1100, 1.1), (700, 0.7), (3, 0.1), (333, 3.3), (0.1, 30)])
def test_the_last_bit_of_a_number_makes_no_start(rate: float, seconds: float) -> None:
    found = starts(constant(rate, seconds))
    assert len(found) == max(1, round(rate * seconds))
    assert found[-1] < seconds


def test_starts_of_a_ramp_follow_the_square_root() -> None:
    assert starts(ramping([(10, 10)]))[:5] == pytest.approx([math.sqrt(2 * n) for n in range(5)])


def test_no_start_is_due_while_the_rate_is_zero() -> None:
    segments = ramping([(5, 0), (0, 1), (2, 1), (0, 0), (5, 0), (0, 1), (2, 1)])
    assert starts(segments) == [5, 6, 12, 13]


def test_a_stream_can_be_taken_up_in_between() -> None:
    segments = constant(4, 2)
    assert list(arrivals(segments, "uniform", 1, 0, 2, from_s=1.2)) == [(6, 1.5)]
    whole = list(arrivals(segments, "poisson", 1, 0, 1))
    assert list(arrivals(segments, "poisson", 1, 0, 1, from_s=1.0)) == [start for start in whole if start[1] >= 1.0]


def test_a_stream_costs_nothing_before_it_is_asked() -> None:
    first = list(islice(arrivals(constant(1e6, 86_400), "uniform", 1, 3, 4), 2))
    assert [number for number, _ in first] == [3, 7]
    assert [due for _, due in first] == pytest.approx([3e-6, 7e-6])


def integral(segments: tuple[Segment, ...], at_s: float) -> float:
    area = 0.0
    for segment in segments:
        upto = min(max(at_s, segment.start_s), segment.end_s)
        level = segment.level_from + (segment.level_to - segment.level_from) * (upto - segment.start_s) / (segment.end_s - segment.start_s)
        area += (segment.level_from + level) / 2 * (upto - segment.start_s)
    return area


@given(loads, workers)
def test_uniform_starts_are_due_where_the_integral_of_the_rate_is_their_number(segments: tuple[Segment, ...], count: int) -> None:
    found = starts(segments, count=count)
    assert found == sorted(found)
    assert [integral(segments, due) for due in found] == pytest.approx(list(range(len(found))), abs=1e-4)
    assert abs(len(found) - math.ceil(total_starts(segments) - 1e-6)) <= 1e-6


@given(loads, workers, st.integers(0, 9))
def test_poisson_starts_are_one_stream_whatever_the_number_of_workers(segments: tuple[Segment, ...], count: int, seed: int) -> None:
    assert starts(segments, "poisson", seed, count) == starts(segments, "poisson", seed)


def test_poisson_starts_come_at_the_rate_with_exponential_gaps() -> None:
    found = starts(constant(1000, 20), "poisson", seed=7)
    gaps = sorted(after - before for before, after in pairwise(found))
    assert len(found) == pytest.approx(20_000, abs=4 * math.sqrt(20_000))
    # Kolmogorov–Smirnov distance to the exponential law; 1.95/√n is its limit at 0.1 %.
    distance = max(abs((index + 1) / len(gaps) - (1 - math.exp(-1000 * gap))) for index, gap in enumerate(gaps))
    assert distance < 1.95 / math.sqrt(len(gaps))
    assert found != starts(constant(1000, 20), "poisson", seed=8)


@given(loads)
def test_the_level_is_linear_within_segments_and_zero_outside(segments: tuple[Segment, ...]) -> None:
    assert level_at(segments, -1) == 0
    assert level_at(segments, segments[-1].end_s if segments else 0) == 0
    for segment in segments:
        assert level_at(segments, segment.start_s) == segment.level_from
        middle = (segment.start_s + segment.end_s) / 2
        assert level_at(segments, middle) == pytest.approx((segment.level_from + segment.level_to) / 2)


# ---- choosing scenarios


@pytest.mark.parametrize(
    ("weights", "scheduler", "order"),
    [
        ([3, 2, 1], "round-robin", (0, 1, 2, 0, 1, 0)), ([3, 2, 1], "serial", (0, 0, 0, 1, 1, 2)), ([70, 20, 10], "serial", (0,) * 7 + (1, 1, 2)),
        ([0, 4], "round-robin", (1,)), ([6, 4], "round-robin", (0, 1, 0, 1, 0)),
    ],
)  # fmt: skip
def test_orders_of_the_recipe(weights: list[int], scheduler: str, order: tuple[int, ...]) -> None:
    assert scenario_order(weights, scheduler, 1) == order


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any),
    st.sampled_from(["round-robin", "serial", "random"]),
    st.integers(0, 99),
)
def test_shares_are_the_weights(weights: list[int], scheduler: str, seed: int) -> None:
    order = scenario_order(weights, scheduler, seed)
    divisor = math.gcd(*weights)
    assert [order.count(index) * divisor for index in range(len(weights))] == weights
    assert order == scenario_order(weights, scheduler, seed)


def test_a_random_order_depends_on_the_seed() -> None:
    assert len({scenario_order([5, 4, 3], "random", seed) for seed in range(20)}) > 15


def test_all_weights_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="all weights are zero"):
        scenario_order([0, 0], "serial", 1)


def test_the_integral_of_the_rate_is_the_number_of_starts() -> None:
    assert total_starts(constant(10, 60, ramp_s=10, ramp_down_s=20)) == 50 + 600 + 100
    assert bisect_right(starts(constant(10, 60, ramp_s=10)), 9.9999) == 50
