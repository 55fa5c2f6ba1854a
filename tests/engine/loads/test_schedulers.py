"""Schedulers, weights, sequences and waits, as Goose's users know them (S1 to S7), on the rows of real runs."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy import stats

from maid_lab.engine.users.ops import think_seconds
from tests.engine.whole import Whole, planned, run_whole
from tests.support.hostile import HostileServer

WEIGHTED = """\
  - {name: A, weight: %d, steps: [{get: "/ok?a"}]}
  - {name: B, weight: %d, steps: [{get: "/ok?b"}]}
  - {name: C, weight: %d, steps: [{get: "/ok?c"}]}
"""
both = pytest.mark.parametrize("workers", [1, 2])


def transactions(*parts: str, **fields: str) -> str:
    """Return a scenario of transactions written `name weight sequence`, with other fields of it."""
    lines = [
        f"  - name: s\n    {key}: {value}" if number == 0 else f"    {key}: {value}" for number, (key, value) in enumerate(fields.items())
    ]
    lines.append("    steps:")
    for part in parts:
        name, weight, *sequence = part.split()
        rest = f", sequence: {sequence[0]}" if sequence else ""
        lines.append(f"      - {{transaction: {name}, weight: {weight}{rest}, steps: [{{get: /ok, name: {name}}}]}}")
    return "\n".join(lines)


async def run(hostile: HostileServer, folder: Path, load: str, scenarios: str, *, workers: int = 1, more: str = "") -> Whole:
    return await run_whole(planned(hostile.url, load, scenarios=scenarios, more=more), folder, workers=workers)


def by_user(whole: Whole) -> str:
    """Return the scenario of each user's first iteration, in order of their numbers."""
    first = {row.user: row.label.scenario for row in reversed(whole.of("iteration"))}
    return "".join(first[user] for user in sorted(first))


def loops(whole: Whole) -> dict[int, list[str]]:
    """Return the names of the transactions of each iteration, for each user."""
    found: dict[int, dict[int, str]] = {}
    for row in sorted(whole.of("transaction"), key=lambda row: row.start):
        user = found.setdefault(row.user, {})
        user[row.iteration] = user.get(row.iteration, "") + row.name
    return {user: [names[iteration] for iteration in sorted(names)] for user, names in found.items()}


@both
@pytest.mark.parametrize(
    ("scheduler", "weights", "wanted"),
    [
        ("round-robin", (3, 2, 1), "ABCABA"),  # S1
        ("serial", (3, 2, 1), "AAABBC"),  # S2
        ("round-robin", (6, 2, 0), "ABAA"),  # S4: the list of 3 : 1
        ("serial", (6, 2, 0), "AAAB"),
    ],
)
async def test_users_take_scenarios_in_turn(
    scheduler: str, weights: tuple[int, ...], wanted: str, workers: int, hostile: HostileServer, tmp_path: Path
) -> None:
    load, more = "{users: 12, iterations: 1}", f"scheduler: {scheduler}"
    assert by_user(await run(hostile, tmp_path, load, WEIGHTED % weights, workers=workers, more=more)) == (wanted * 3)[:12]


@both
@pytest.mark.parametrize(("scheduler", "wanted"), [("round-robin", "ABCABA"), ("serial", "AAABBC")])
async def test_starts_take_scenarios_in_turn(scheduler: str, wanted: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    whole = await run(
        hostile, tmp_path, "{rate: 24/s, hold: 1s, max_users: 24}", WEIGHTED % (3, 2, 1), workers=workers, more=f"scheduler: {scheduler}"
    )
    starts = sorted(whole.of("iteration"), key=lambda row: row.intended)
    assert "".join(row.label.scenario for row in starts) == wanted * 4


@pytest.mark.parametrize(("scheduler", "wanted"), [("round-robin", "ABCABA"), ("serial", "AAABBC")])
async def test_transactions_are_taken_in_turn(scheduler: str, wanted: str, hostile: HostileServer, tmp_path: Path) -> None:
    scenario = transactions("A 3", "B 2", "C 1", scheduler=scheduler)
    assert loops(await run(hostile, tmp_path, "{users: 2, iterations: 3}", scenario)) == {0: [wanted] * 3, 1: [wanted] * 3}


async def test_weights_of_transactions_are_divided(hostile: HostileServer, tmp_path: Path) -> None:
    scenario = transactions("A 6", "B 2", scheduler="serial")
    assert loops(await run(hostile, tmp_path, "{users: 1, iterations: 2}", scenario)) == {0: ["AAAB"] * 2}


@both
async def test_random_once_is_drawn_by_the_seed_and_repeated(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    load, more = "{users: 24, iterations: 1}", "scheduler: random"
    names = by_user(await run(hostile, tmp_path, load, WEIGHTED % (3, 2, 1), workers=workers, more=more))
    assert names == names[:6] * 4
    assert sorted(names[:6]) == list("AAABBC")
    # The seed of these recipes is 7: one order for ever, on any number of workers.
    assert names[:6] == "CBAAAB"


@both
async def test_random_each_loop_draws_each_pass_anew(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    more = "scheduler: random\nrandom: each-loop"
    whole = await run(hostile, tmp_path, "{rate: 180/s, hold: 1s, max_users: 90}", WEIGHTED % (3, 2, 1), workers=workers, more=more)
    names = "".join(row.label.scenario for row in sorted(whole.of("iteration"), key=lambda row: row.intended))
    passes = [names[at : at + 6] for at in range(0, 180, 6)]
    assert {"".join(sorted(each)) for each in passes} == {"AAABBC"}
    assert len(set(passes)) > 15
    # Any place of a pass has each scenario by its weight.
    for place in range(6):
        seen = Counter(each[place] for each in passes)
        assert stats.chisquare([seen[name] for name in "ABC"], [15, 10, 5]).pvalue > 0.001


async def test_users_draw_their_order_of_transactions_once(hostile: HostileServer, tmp_path: Path) -> None:
    scenario = transactions("A 1", "B 1", "C 1", "D 1", scheduler="random")
    found = loops(await run(hostile, tmp_path, "{users: 8, iterations: 3}", scenario))
    assert all(len(set(orders)) == 1 and sorted(orders[0]) == list("ABCD") for orders in found.values())
    assert len({orders[0] for orders in found.values()}) > 3


@both
async def test_transactions_drawn_for_each_loop_have_their_shares_at_each_place(
    workers: int, hostile: HostileServer, tmp_path: Path
) -> None:
    scenario = transactions("A 2", "B 1", "C 1", scheduler="random", random="each-loop")
    whole = await run(hostile, tmp_path, "{users: 6, iterations: 20}", scenario, workers=workers)
    orders = [order for each in loops(whole).values() for order in each]
    assert len(orders) == 120
    assert {"".join(sorted(order)) for order in orders} == {"AABC"}
    for place in range(4):
        seen = Counter(order[place] for order in orders)
        assert stats.chisquare([seen[name] for name in "ABC"], [60, 30, 30]).pvalue > 0.001


@pytest.mark.parametrize(("scheduler", "wanted"), [("round-robin", "ABCBDE"), ("serial", "ABBCDE")])
async def test_sequences_go_first_in_their_order(scheduler: str, wanted: str, hostile: HostileServer, tmp_path: Path) -> None:
    # Numbered first, in the order of numbers; equal numbers as one weighted group; unnumbered last.
    scenario = transactions("E 1", "B 2 2", "A 1 1", "C 1 2", "D 1 3", scheduler=scheduler)
    assert loops(await run(hostile, tmp_path, "{users: 1, iterations: 2}", scenario)) == {0: [wanted] * 2}


async def test_random_sequences_are_drawn_within_their_group(hostile: HostileServer, tmp_path: Path) -> None:
    scenario = transactions("D 1", "B 2 2", "A 1 1", "C 1 2", scheduler="random", random="each-loop")
    orders = loops(await run(hostile, tmp_path, "{users: 1, iterations: 30}", scenario))[0]
    assert set(orders) == {"ABBCD", "ABCBD", "ACBBD"}


# ---- S6: waits


def cut_normal(low: float, high: float) -> Any:
    """Return what is drawn: normal values outside of the range become its ends."""
    middle, sd = (low + high) / 2, (high - low) / 6
    return lambda x: np.where(x < low, 0.0, np.where(x >= high, 1.0, stats.norm.cdf(x, middle, sd)))


DISTRIBUTIONS: dict[str, Callable[[float, float], Any]] = {
    "uniform": lambda low, high: stats.uniform(low, high - low).cdf,
    "normal": cut_normal,
    "exponential": lambda low, high: lambda x: np.where(x >= high, 1.0, stats.expon(scale=low).cdf(x)),
}


@pytest.mark.parametrize("dist", DISTRIBUTIONS)
def test_think_times_have_their_distribution(dist: str) -> None:
    rng, low, high = Random(20), 1.0, 4.0
    drawn = np.array([think_seconds(low, high, dist, rng) for _ in range(4000)])
    floor = 0.0 if dist == "exponential" else low
    assert floor <= drawn.min() <= drawn.max() <= high
    inside = drawn[(drawn > floor) & (drawn < high)]
    # Order statistics against the distribution, at the points where it has no jump.
    assert np.abs(np.searchsorted(np.sort(drawn), inside, side="right") / len(drawn) - DISTRIBUTIONS[dist](low, high)(inside)).max() < 0.03


@pytest.mark.parametrize("dist", ["uniform", "exponential", "constant"])
async def test_users_wait_what_was_drawn(dist: str, hostile: HostileServer, tmp_path: Path) -> None:
    low, high = 0.002, 0.006
    scenario = f"  - {{name: s, think: {{min: {low}, max: {high}, dist: {dist}}}, steps: [{{get: /ok}}]}}"
    whole = await run(hostile, tmp_path, "{users: 4, iterations: 60}", scenario)
    waits = []
    for user in range(4):
        rows = [row for row in whole.of("http") if row.user == user]
        # A pause ends at its due time, from which the next request is intended, however late it leaves.
        waits += [(after.intended - before.end) / 1e9 for before, after in pairwise(rows)]
    assert len(waits) == 236
    if dist == "constant":
        assert waits == pytest.approx([low] * 236, abs=1e-8)
    else:
        assert stats.kstest([wait for wait in waits if wait < high - 1e-6], _below(dist, low, high)).pvalue > 0.001


def _below(dist: str, low: float, high: float) -> Any:
    """Return the distribution of waits that were not cut at `high`."""
    whole = DISTRIBUTIONS[dist](low, high)
    top = 1.0 if dist == "uniform" else stats.expon(scale=low).cdf(high)
    return lambda x: np.minimum(np.asarray(whole(np.asarray(x))) / top, 1.0)


@both
@pytest.mark.parametrize(
    ("load", "scenario"),
    [
        ("{users: 3, run_time: 1s, pace: 100ms}", "  - {name: s, steps: [{get: /ok}]}"),
        ("{users: 3, run_time: 1s}", "  - {name: s, pace: 100ms, steps: [{get: /ok}]}"),
        ("{users: 3, run_time: 1s, pace: 50ms, assignment: per-iteration}", "  - {name: s, pace: 100ms, steps: [{get: /ok}]}"),
    ],
)
async def test_users_begin_iterations_at_their_pace(load: str, scenario: str, workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    whole = await run(hostile, tmp_path, load, scenario, workers=workers)
    for user in range(3):
        rows = [row for row in whole.of("http") if row.user == user]
        # The paced start is the intended one; an answer that took longer than the pace moves it to the end of that answer.
        gaps = [after.intended - max(before.intended + 100_000_000, before.end) for before, after in pairwise(rows)]
        assert set(gaps) == {0}
        assert len(rows) <= 10


@both
async def test_pace_holds_open_users_back(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    whole = await run(
        hostile, tmp_path, "{rate: 40/s, hold: 1s, max_users: 2, pace: 200ms}", "  - {name: s, steps: [{get: /ok}]}", workers=workers
    )
    assert len(whole.of("iteration")) == 40
    assert 2 <= len(whole.of("iteration", "ok")) <= 10
    for user in {row.user for row in whole.of("iteration", "ok")}:
        starts = sorted(row.intended for row in whole.of("iteration", "ok") if row.user == user)
        assert min((after - before for before, after in pairwise(starts)), default=200_000_000) >= 200_000_000 - 5000


# ---- S7: host, weight


async def test_a_scenario_has_its_host_and_weight(hostile: HostileServer, tmp_path: Path) -> None:
    with HostileServer() as other:
        scenarios = f"  - {{name: A, weight: 2, steps: [{{get: /ok}}]}}\n  - {{name: B, host: '{other.url}', steps: [{{get: /ok}}]}}"
        await run(hostile, tmp_path, "{users: 6, iterations: 3}", scenarios)
        other.settle()
        hostile.settle()
        assert (hostile.requests, other.requests) == (12, 6)


# ---- assignment


@both
async def test_closed_users_choose_for_each_iteration(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    scenarios = """\
  - {name: A, weight: 2, on_start: [{get: "/ok?start-a"}], on_stop: [{get: "/ok?stop-a"}], steps: [{get: "/ok?a"}]}
  - {name: B, on_start: [{get: "/ok?start-b"}], on_stop: [{get: "/ok?stop-b"}], steps: [{get: "/ok?b"}]}
"""
    whole = await run(hostile, tmp_path, "{users: 4, iterations: 6, assignment: per-iteration}", scenarios, workers=workers)
    hostile.settle()
    asked = Counter(row.label.url.partition("?")[2] for row in whole.of("http"))
    assert Counter(row.user for row in whole.of("iteration")) == dict.fromkeys(range(4), 6)
    assert (asked["a"], asked["b"]) == (16, 8)
    assert asked["start-a"] == asked["stop-a"] == len({row.user for row in whole.of("iteration") if row.label.scenario == "A"})
    assert asked["start-b"] == asked["stop-b"] == len({row.user for row in whole.of("iteration") if row.label.scenario == "B"})
    assert hostile.requests == len(whole.of("http"))


@both
async def test_open_users_keep_their_scenario(workers: int, hostile: HostileServer, tmp_path: Path) -> None:
    load = "{profile: constant-rate, rate: 60/s, duration: 1s, max_users: 6, assignment: per-user, prewarm: 6}"
    whole = await run(hostile, tmp_path, load, WEIGHTED % (1, 1, 1), workers=workers)
    scenarios: dict[int, set[str]] = {}
    for row in whole.of("iteration", "ok"):
        scenarios.setdefault(row.user, set()).add(row.label.scenario)
    assert scenarios == {user: {"ABC"[user % 3]} for user in range(6)}
    assert len(whole.of("iteration")) == 60
