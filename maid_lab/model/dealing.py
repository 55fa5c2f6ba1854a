"""Which workers draw from a data set: users and starts are dealt to the workers in turn, and take their scenarios in turn."""

from __future__ import annotations

import re
from math import ceil, lcm
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.model.plan import Load, Plan, Scenario

__all__ = ["drawing_workers", "sets_of"]

_DATA_NAME: Final = re.compile(r"\bdata\.([A-Za-z_][A-Za-z0-9_-]*)")


def sets_of(scenario: Scenario) -> frozenset[str]:
    """Return the names of the data sets whose rows a scenario reads."""
    if scenario.code is not None:
        return frozenset(name for _, name in scenario.code.data)
    return frozenset(_DATA_NAME.findall(repr(scenario))) | ({scenario.data} if scenario.data else frozenset())


def drawing_workers(plan: Plan, name: str, workers: int, *, users: Sequence[frozenset[str]] | None = None) -> tuple[int, ...]:
    """Return the workers of which at least one user or start takes a scenario that reads a data set.

    Parameters
    ----------
    name : str
        Name of the data set.
    workers : int
        How many there are.
    users : sequence of frozenset, optional
        `sets_of` each scenario of the plan, when that is known already.
    """
    read = users if users is not None else [sets_of(scenario) for scenario in plan.scenarios]
    concerned = {index for index, names in enumerate(read) if name in names}
    return tuple(sorted(set[int]().union(*(_workers_of(load, concerned, workers) for load in plan.loads))))


def _workers_of(load: Load, concerned: set[int], workers: int) -> set[int]:
    if not concerned & set(load.order):
        return set()
    users = load.max_users if load.model == "rate" else ceil(load.peak)
    dealing = min(workers, users)
    # Who chooses anew for each iteration, or in an order of its own, comes to every scenario.
    if load.random_each_loop or (load.assignment == "per-iteration" and (load.model != "rate" or load.of == "requests")):
        return set(range(dealing))
    length = len(load.order)
    starts = load.assignment == "per-iteration"
    turns = lcm(length, dealing if starts else workers)
    known = min(turns, len(load.due_s)) if load.due_s else turns
    if starts:
        return {number % dealing for number in range(known) if load.order[number % length] in concerned}
    return {number % workers for number in range(min(turns, users)) if load.order[number % length] in concerned}
