"""In which order a user runs the transactions of a scenario that has a scheduler."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

from maid_lab.model.plan import TransactionStep
from maid_lab.model.schedules import scenario_order

if TYPE_CHECKING:
    from maid_lab.model.plan import Scenario

__all__ = ["TransactionOrder"]


class TransactionOrder:
    """Order of the top-level transactions: ascending groups of `sequence`, those without one last; by weight and scheduler within each.

    With `scheduler: random` each user draws its order once and repeats it, or draws anew for each iteration (`random: each-loop`). The draws
    depend on the seed, the user and the iteration alone, whatever the number of workers.

    Parameters
    ----------
    scenario : Scenario
        Of the plan; all its steps are transactions.
    seed : int
        The plan's seed.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        steps = [step for step in scenario.steps if isinstance(step, TransactionStep)]
        groups: dict[float, list[int]] = {}
        for index, step in enumerate(steps):
            groups.setdefault(math.inf if step.sequence is None else step.sequence, []).append(index)
        scheduler = "serial" if scenario.scheduler == "random" else scenario.scheduler
        self._groups = [
            tuple(members[place] for place in scenario_order([steps[index].weight for index in members], scheduler, seed))
            for members in (groups[key] for key in sorted(groups))
        ]
        self._fixed = tuple(index for group in self._groups for index in group)
        self._key = f"{seed}/{scenario.name}/transactions"
        self._is_random = scenario.scheduler == "random"
        self._each_loop = scenario.random_each_loop

    def __call__(self, user: int, iteration: int) -> tuple[int, ...]:
        """Return indexes of steps for an iteration of a user."""
        if not self._is_random:
            return self._fixed
        rng = Random(f"{self._key}/{user}/{iteration}" if self._each_loop else f"{self._key}/{user}")
        order: list[int] = []
        for group in self._groups:
            members = list(group)
            rng.shuffle(members)
            order += members
        return tuple(order)
