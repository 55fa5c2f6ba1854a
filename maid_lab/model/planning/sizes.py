"""How large a plan is: against the limits of the recipe, of one machine, and of what its thresholds need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from maid_lab.model.plan import Ceilings, Plan
from maid_lab.model.planning.context import Context
from maid_lab.model.planning.forecast import most_requests, too_few_rows, users_needed
from maid_lab.model.recipe.target import Limits
from maid_lab.model.rows import FIRST_MADE_LABEL
from maid_lab.model.thresholds import parse_threshold
from maid_lab.model.units import parse_duration, parse_rate

__all__ = ["ceilings_of", "check_size"]

MAX_LABELS: Final = FIRST_MADE_LABEL
#: More users than this need more memory and sockets than one machine has.
MAX_USERS: Final = 1_000_000


def check_size(plan: Plan, limits: Limits, context: Context, *, capacity_per_s: float | None = None) -> None:
    """Note what is too large (E303, E402) and what will not do what it is meant for (W404, W405, W406).

    Parameters
    ----------
    capacity_per_s : float, optional
        Requests per second that the generator was measured to make.
    """
    _check_limits(plan, limits, context)
    for name, count, most in (("names", len(plan.labels), MAX_LABELS), ("users", plan.peak_users, MAX_USERS)):
        if count > most:
            context.add("E402", f"the plan has {count:,} {name}; at most {most:,} run on one machine", "Make it smaller.", "/load")
    _check_users(plan, context)
    _check_capacity(plan, capacity_per_s, context)
    for index, text in enumerate(plan.thresholds):
        reason = too_few_rows(plan, parse_threshold(text))
        if reason:
            context.add(
                "W406",
                f"the threshold can only be unknown: {reason}",
                "Run longer, or choose a coarser percentile.",
                f"/thresholds/{index}",
            )


def ceilings_of(limits: Limits, context: Context) -> Ceilings:
    """Return the limits of a recipe as the most that live control may make of the run."""

    def value(key: str, parse: Callable[[Any], float]) -> float:
        limit = getattr(limits, key)
        return 0.0 if limit is None else context.value(limit, parse, f"/limits/{key}")

    return Ceilings(
        max_users=value("max_users", float),
        max_rate_per_s=value("max_rate", parse_rate),
        max_duration_s=value("max_duration", parse_duration),
    )


def _check_limits(plan: Plan, limits: Limits, context: Context) -> None:
    peak_rate = sum(load.peak for load in plan.loads if load.model == "rate")
    measured = (
        ("max_users", float(plan.peak_users), float),
        ("max_rate", peak_rate, parse_rate),
        ("max_duration", plan.duration_s, parse_duration),
    )
    for key, actual, parse in measured:
        limit = getattr(limits, key)
        allowed = math.inf if limit is None else context.value(limit, parse, f"/limits/{key}")
        if actual > allowed:
            context.add("E303", f"the load asks for {actual:g}, limits.{key} allows {allowed:g}", "Lower the load.", f"/limits/{key}")


def _check_users(plan: Plan, context: Context) -> None:
    for load in plan.loads:
        if load.model == "rate" and load.max_users < (needed := users_needed(plan, load)):
            message = f"load {load.name}: {load.peak:g} starts/s keep about {math.ceil(needed)} users busy, max_users is {load.max_users}"
            context.add("W404", message, "Raise max_users, or starts will be dropped.", "/load")


def _check_capacity(plan: Plan, capacity_per_s: float | None, context: Context) -> None:
    if capacity_per_s is None:
        return
    wanted = sum(load.peak * most_requests(plan, load) for load in plan.loads if load.model == "rate")
    if math.isfinite(wanted) and wanted > capacity_per_s:
        message = f"the load asks for {wanted:,.0f} requests/s, this machine was measured to make {capacity_per_s:,.0f}"
        context.add("W405", message, "Lower the rate, or add machines.", "/load")
