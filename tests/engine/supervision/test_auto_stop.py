"""A run whose requests mostly fail is stopped, but not for a bad moment."""

import pytest

from maid_lab.engine.supervision.auto_stop import AutoStop


def stopped_at(rates: list[tuple[int, int]]) -> int | None:
    """Return the second at which a run with these requests and failures a second is stopped."""
    watch, requests, failed = AutoStop(), 0, 0
    for second, (made, bad) in enumerate(rates, start=1):
        requests, failed = requests + made, failed + bad
        if watch.second(float(second), requests, failed):
            return second
    return None


@pytest.mark.parametrize(
    ("rates", "second"),
    [
        ([(10, 10)] * 60, 30), ([(10, 5)] * 90, None), ([(10, 6)] * 90, 30), ([(3, 3)] * 90, None), ([(4, 4)] * 90, 30),
        ([(10, 0)] * 60 + [(10, 10)] * 30, 76), ([(10, 10)] * 15 + [(10, 0)] * 90, None), ([(10, 10)] * 29, None),
    ],
)  # fmt: skip
def test_more_than_half_of_at_least_a_hundred_requests_over_30_seconds_stop_a_run(rates: list[tuple[int, int]], second: int | None) -> None:
    assert stopped_at(rates) == second


def test_the_reason_says_how_many_failed() -> None:
    assert AutoStop().second(30.0, 2000, 1500) == "stopped automatically: 1,500 of 2,000 requests failed over 30 s"
