from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from maid_lab.model.plan import Scenario, TransactionStep
from maid_lab.model.transaction_order import TransactionOrder


def scenario(*weights: int, scheduler: str = "random", each_loop: bool = False) -> Scenario:
    steps = tuple(TransactionStep(label=at, weight=weight, steps=()) for at, weight in enumerate(weights))
    return Scenario(name="s", label=0, weight=1, steps=steps, scheduler=scheduler, random_each_loop=each_loop)


def test_users_draw_different_orders_and_keep_them() -> None:
    order = TransactionOrder(scenario(1, 1, 1), seed=7)
    drawn = {order(user, 0) for user in range(100)}
    assert drawn == set(permutations(range(3)))
    assert all(order(user, iteration) == order(user, 0) for user in range(5) for iteration in range(5))


def test_each_loop_draws_anew_and_the_seed_fixes_it() -> None:
    order, same, other = (TransactionOrder(scenario(1, 1, 1, each_loop=True), seed=seed) for seed in (7, 7, 8))
    drawn = [order(0, iteration) for iteration in range(100)]
    assert set(drawn) == set(permutations(range(3)))
    assert drawn == [same(0, iteration) for iteration in range(100)]
    assert drawn != [other(0, iteration) for iteration in range(100)]


@given(weights=st.lists(st.integers(1, 4), min_size=1, max_size=5), user=st.integers(0, 50), each_loop=st.booleans())
def test_each_transaction_stands_in_an_order_by_its_weight(weights: list[int], user: int, *, each_loop: bool) -> None:
    serial = TransactionOrder(scenario(*weights, scheduler="serial"), seed=1)
    drawn = TransactionOrder(scenario(*weights, each_loop=each_loop), seed=1)
    assert sorted(drawn(user, 3)) == list(serial(user, 3))
