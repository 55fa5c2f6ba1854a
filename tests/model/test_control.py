"""Orders to a running test as they are read."""

import pytest

from maid_lab.model.control import read_change
from maid_lab.model.errors import InvalidInput


def test_values_come_in_the_units_that_people_write() -> None:
    change = read_change({"users": "12", "run_time": "1m30s", "throttle": "200/s", "increase_rate": 2, "paused": "true"})
    assert (change.users, change.run_time, change.throttle, change.increase_rate, change.paused) == (12, 90, 200, 2, True)
    assert change.said() == {"users": 12, "run_time": 90, "throttle": 200, "increase_rate": 2, "paused": True}


def test_a_test_plan_is_read_as_goose_writes_it() -> None:
    assert read_change({"test_plan": "10,30s;0,5"}).test_plan == ((30, 10), (5, 0))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"user": 3}, "users"),
        ({"users": -1}, "users"),
        ({"users": 2.5}, "whole number"),
        ({"users": float("nan")}, "users"),
        ({"users": True}, "users"),
        ({"rate": "fast"}, "rate"),
        ({"increase_rate": 0}, "above 0"),
        ({"increase_time": "5s"}, "before the run starts"),
        ({"host": "http://x"}, "before the run starts"),
        ({"test_plan": "10,5s", "users": 3}, "exclude each other"),
        ({"test_plan": "ten"}, "test_plan"),
        ({"paused": "maybe"}, "neither true nor false"),
        ({}, "nothing was said"),
        ({"load": "main"}, "nothing was said"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_change(given)
    assert named in str(caught.value)
