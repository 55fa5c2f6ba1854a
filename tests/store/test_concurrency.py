from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maid_lab.store.concurrency import Flights, UsersTimeline

REQUESTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), min_size=1, max_size=60)


@given(requests=REQUESTS)
def test_in_flight_is_what_counting_one_by_one_gives(requests: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in requests])
    ends = starts + np.array([length for _, length in requests])

    counted = [sum(1 for s, e in zip(starts, ends, strict=True) if s < at < e) for at in starts]

    assert Flights(starts, ends).at(starts).tolist() == counted


def test_a_start_without_a_length_sees_what_is_under_way_and_is_seen_by_none() -> None:
    flights = Flights(np.array([100, 500]), np.array([1_100, 500]))

    assert flights.at(np.array([100, 500, 501])).tolist() == [0, 1, 1]
    assert flights.at(np.zeros(0, np.int64)).tolist() == []


def test_users_are_the_sum_over_workers_of_their_newest_count() -> None:
    users = UsersTimeline()
    users.add(0, np.array([0, 10]), np.array([2, 5], np.uint32))
    users.add(1, np.array([5]), np.array([3], np.uint32))

    assert users.at(np.array([-1, 0, 4, 5, 9, 10, 99])).tolist() == [0, 2, 2, 5, 5, 8, 8]


def test_the_users_of_a_lost_worker_end_with_its_next_epoch() -> None:
    users = UsersTimeline()
    users.add(0, np.array([0]), np.array([50], np.uint32))
    users.add(0, np.array([2_000]), np.array([3], np.uint32))

    assert users.at(np.array([1_999, 2_000])).tolist() == [50, 3]


def test_without_records_of_users_there_are_none() -> None:
    assert UsersTimeline().at(np.array([1, 2])).tolist() == [0, 0]
