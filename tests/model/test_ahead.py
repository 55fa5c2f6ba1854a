from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from maid_lab.model.ahead import ahead


def test_results_come_in_the_order_of_their_items_though_two_are_made_at_once() -> None:
    both = threading.Barrier(2)

    def work(number: int) -> int:
        if number < 2:
            both.wait(timeout=10)
        return number * number

    assert list(ahead(work, range(50))) == [number * number for number in range(50)]


def test_no_more_than_a_few_items_are_taken_before_a_result_is_asked_for() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1_000):
            taken.append(number)
            yield number

    results = ahead(lambda number: number, items())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) == 6
    results.close()  # type: ignore[attr-defined]


def test_an_error_is_raised_where_its_result_would_have_come() -> None:
    def work(number: int) -> float:
        return 1 / (2 - number)

    results = ahead(work, range(5))
    assert [next(results), next(results)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)
