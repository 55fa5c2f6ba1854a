"""Loads of a recipe as segments and orders."""

from __future__ import annotations

import fnmatch
import math
from dataclasses import replace
from typing import Final

from maid_lab.model.nearest import did_you_mean
from maid_lab.model.plan import Load
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.levels import goose_load, overridden
from maid_lab.model.planning.load_reader import LoadReader
from maid_lab.model.planning.overrides import Overrides
from maid_lab.model.planning.replays import Recordings, replayed
from maid_lab.model.planning.shapes import SHAPES
from maid_lab.model.recipe.loads import LoadBase, Replay
from maid_lab.model.recipe.top import Recipe, Scenario
from maid_lab.model.schedules import scenario_order

__all__ = ["plan_loads"]

#: Entries of the order in which users take scenarios.
_LONGEST_ORDER: Final = 100_000


def plan_loads(
    recipe: Recipe, scenarios: list[Scenario], overrides: Overrides, seed: int, context: Context, recordings: Recordings
) -> tuple[Load, ...]:
    """Return the loads, with the caller's overrides applied; none when one of them cannot be planned."""
    level = (overrides.users or overrides.rate) if len(recipe.load) == 1 and not overrides.replace_load else None
    loads: list[Load] = []
    is_whole = True
    for index, load in enumerate(recipe.load):
        pointer = f"/load/{index}" if isinstance(context.data.get("load"), list) else "/load"
        try:
            order = _order(load, recipe, scenarios, seed, context, pointer, is_subset=bool(overrides.scenarios))
            if order:
                name = load.name or f"load{index + 1}"
                loads.append(_one(load, order, context, pointer, name=name, level=level, recordings=recordings))
        except PlanningError:
            is_whole = False
        except ValueError as error:
            is_whole = False
            context.add("E230", f"the load contradicts itself: {error}", "Mend the load.", pointer)
    _check_together(loads, context)
    if recipe.random == "each-loop":
        loads = [replace(load, random_each_loop=True) for load in loads]
    if is_whole and not loads:
        context.add("E221", "the scenarios that were chosen have weight 0 or are in no load", "Choose others.", "/scenarios")
    if not is_whole or not loads:
        return ()
    if overrides.replace_load:
        everyone = tuple(scenario_order([scenario.weight for scenario in scenarios], recipe.scheduler, seed))
        return (goose_load(loads, everyone, overrides, context),)
    return overridden(loads, overrides, context)


def _check_together(loads: list[Load], context: Context) -> None:
    names = [load.name for load in loads]
    for name in sorted({name for name in names if names.count(name) > 1}):
        context.add("E220", f"two loads are named {name!r}", "Give each its own name.", "/load")

    if len(loads) > 1 and any(load.search is not None for load in loads):
        context.add("E230", "a search for capacity needs the run for itself", "Leave the other loads out.", "/load")


def _one(
    load: LoadBase, order: tuple[int, ...], context: Context, pointer: str, *, name: str, level: float | None, recordings: Recordings
) -> Load:
    read = LoadReader(load, context, pointer, level)
    profile = getattr(load, "profile", "short")
    base = Load(
        name=name,
        profile=profile,
        model="users",
        segments=(),
        order=order,
        start_at_s=read.duration("start_at"),
        pace_s=read.duration("pace"),
        graceful_stop_s=read.duration("graceful_stop"),
        graceful_ramp_down_s=read.duration("graceful_ramp_down"),
    )
    shaped = replayed(load, base, read, recordings, context) if isinstance(load, Replay) else SHAPES[profile](load, base, read)
    _check_segments(shaped, context, pointer)
    return replace(shaped, assignment=load.assignment or ("per-iteration" if shaped.model == "rate" else "per-user"))


def _order(
    load: LoadBase, recipe: Recipe, scenarios: list[Scenario], seed: int, context: Context, pointer: str, *, is_subset: bool
) -> tuple[int, ...]:
    """Return indexes of `scenarios` in the order in which users take them; none for a load that the caller's choice leaves out."""
    patterns = load.scenarios or ["*"]

    def names(scenario: Scenario) -> bool:
        return bool(scenario.weight) and any(fnmatch.fnmatchcase(scenario.name, pattern) for pattern in patterns)

    chosen = [index for index, scenario in enumerate(scenarios) if names(scenario)]
    if not chosen:
        if not (is_subset and any(map(names, recipe.scenarios))):
            known = [scenario.name for scenario in scenarios]
            message = f"the load selects no scenario with a weight by {', '.join(patterns)}"
            context.add("E221", message, did_you_mean(patterns[0], known), pointer)
            raise PlanningError
        return ()
    weights = [scenarios[index].weight for index in chosen]
    if sum(weights) // math.gcd(*weights) > _LONGEST_ORDER:
        context.add(
            "E402", f"the weights {', '.join(map(str, weights))} make an order that is too long", "Round the weights.", "/scenarios"
        )
        raise PlanningError
    return tuple(chosen[index] for index in scenario_order(weights, recipe.scheduler, seed))


def _check_segments(load: Load, context: Context, pointer: str) -> None:
    if not load.segments:
        context.add("E231", "the load takes no time", "Give a duration or stages above 0s.", pointer)
        raise PlanningError
    if any(min(segment.level_from, segment.level_to) < 0 for segment in load.segments):
        context.add("E230", "the load has a level below 0", "Levels are 0 or more.", pointer)
        raise PlanningError
    if load.peak <= 0:
        context.add("E230", "the load never rises above 0", "Give users or a rate.", pointer)
        raise PlanningError
