"""Loads of a recipe as segments and orders."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal

from maid_lab.model import profiles
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.plan import Load, Segment
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.levels import goose_load, overridden
from maid_lab.model.planning.overrides import Overrides
from maid_lab.model.recipe.loads import LoadBase, ShortForm
from maid_lab.model.recipe.top import Recipe, Scenario
from maid_lab.model.schedules import scenario_order
from maid_lab.model.units import parse_duration, parse_percent, parse_rate

__all__ = ["plan_loads"]

_MAX_DURATION_S: Final = 600.0
#: Entries of the order in which users take scenarios.
_LONGEST_ORDER: Final = 100_000
_NOT_YET: Final = ("spike", "soak", "replay", "find-capacity", "custom")


def plan_loads(recipe: Recipe, scenarios: list[Scenario], overrides: Overrides, seed: int, context: Context) -> tuple[Load, ...]:
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
                loads.append(_one(load, order, context, pointer, name=name, level=level))
        except PlanningError:
            is_whole = False
        except ValueError as error:
            is_whole = False
            context.add("E230", f"the load contradicts itself: {error}", "Mend the load.", pointer)
    _check_together(recipe, loads, context)
    if is_whole and not loads:
        context.add("E221", "the scenarios that were chosen have weight 0 or are in no load", "Choose others.", "/scenarios")
    if not is_whole or not loads:
        return ()
    if overrides.replace_load:
        everyone = tuple(scenario_order([scenario.weight for scenario in scenarios], recipe.scheduler, seed))
        return (goose_load(loads, everyone, overrides, context),)
    return overridden(loads, overrides, context)


def _check_together(recipe: Recipe, loads: list[Load], context: Context) -> None:
    names = [load.name for load in loads]
    for name in sorted({name for name in names if names.count(name) > 1}):
        context.add("E220", f"two loads are named {name!r}", "Give each its own name.", "/load")
    if recipe.random == "each-loop" and recipe.scheduler == "random":
        context.refuse("random: each-loop for the choice of scenarios", "/random", "Write random: once.")


def _one(load: LoadBase, order: tuple[int, ...], context: Context, pointer: str, *, name: str, level: float | None) -> Load:
    read = _Reader(load, context, pointer, level)
    profile = getattr(load, "profile", "short")
    if profile in _NOT_YET:
        context.refuse(f"the load profile {profile}", f"{pointer}/profile", "Write it as ramping-users or ramping-rate with stages.")
        raise PlanningError
    if getattr(load, "of", "iterations") == "requests":
        context.refuse("of: requests", f"{pointer}/of", "Count iterations: leave out of.")
        raise PlanningError
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
    shaped = _SHAPES[profile](load, base, read)
    _check_segments(shaped, context, pointer)
    usual = "per-iteration" if shaped.model == "rate" else "per-user"
    if load.assignment not in (None, usual):
        context.refuse(f"assignment: {load.assignment} in this load", f"{pointer}/assignment", f"Leave it out: it is {usual} here.")
    if shaped.model == "rate" and shaped.pace_s:
        context.refuse("pace in an open load", f"{pointer}/pace", "The rate says when iterations start; leave pace out.")
    return replace(shaped, assignment="per-iteration" if shaped.model == "rate" else "per-user")


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


# ---- the profiles


class _Reader:
    """Values of a load's fields."""

    def __init__(self, load: Any, context: Context, pointer: str, level: float | None) -> None:
        self._load = load
        self._context = context
        self._pointer = pointer
        self._level = level

    def has(self, key: str) -> bool:
        return getattr(self._load, key, None) is not None

    def duration(self, key: str) -> float:
        return self._context.value(getattr(self._load, key), parse_duration, f"{self._pointer}/{key.rstrip('_')}")

    def level(self, key: str) -> float:
        return self._context.value(getattr(self._load, key), _level, f"{self._pointer}/{key.rstrip('_')}")

    def whole(self, key: str) -> int:
        return self._context.value(getattr(self._load, key), _whole, f"{self._pointer}/{key}")

    def peak(self, key: str) -> float:
        """Return the level that the caller gave, else the one written: a rate of increase takes its time from it."""
        return self.level(key) if self._level is None else self._level

    def text(self, key: str) -> str:
        return self._context.value(getattr(self._load, key), str, f"{self._pointer}/{key}")

    def points(self) -> list[tuple[float, float]]:
        result = []
        for index, point in enumerate(self._load.points):
            place = f"{self._pointer}/points/{index}"
            at = self._context.value(point.at, parse_percent, f"{place}/at")
            result.append((at, self._context.value(point.value, parse_rate, f"{place}/value")))
        return result

    def stages(self) -> list[tuple[float, float]]:
        result = []
        for index, stage in enumerate(self._load.stages):
            place = f"{self._pointer}/stages/{index}"
            length = self._context.value(stage.duration, parse_duration, f"{place}/duration")
            result.append((length, self._context.value(stage.target, _level, f"{place}/target")))
        return result


def _level(value: Any) -> float:
    """Read a level; one below 0 is left to the check of the whole load, which says so."""
    return float(value) if isinstance(value, int | float) and -math.inf < value < 0 else parse_rate(value)


def _whole(value: Any) -> int:
    number = float(value)
    if number != int(number) or number < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def _opened(load: Any, base: Load, read: _Reader, segments: tuple[Segment, ...]) -> Load:
    max_users, prewarm = read.whole("max_users"), read.whole("prewarm") if read.has("prewarm") else 0
    if max_users < 1:
        raise ValueError("max_users is 0, so no start would find a user")
    if prewarm > max_users:
        raise ValueError(f"prewarm {prewarm} is above max_users {max_users}")
    arrivals: Literal["uniform", "poisson"] = getattr(load, "arrivals", "uniform")
    return replace(base, model="rate", segments=segments, max_users=max_users, prewarm=prewarm, arrivals=arrivals)


def _by_unit(load: Any, base: Load, read: _Reader, segments: tuple[Segment, ...]) -> Load:
    return _opened(load, base, read, segments) if load.unit == "rate" else replace(base, segments=segments)


def _constant_users(load: Any, base: Load, read: _Reader) -> Load:
    ramp, down = read.duration("ramp"), read.duration("ramp_down")
    return replace(base, segments=profiles.constant(read.level("users"), read.duration("duration"), ramp_s=ramp, ramp_down_s=down))


def _ramping_users(load: Any, base: Load, read: _Reader) -> Load:
    return replace(base, segments=profiles.ramping(read.stages(), start=read.level("start")))


def _iterations(load: Any, base: Load, read: _Reader) -> Load:
    counted = _counted(base, float(read.whole("users")), read.whole("iterations"), read.duration("max_duration"), read.duration("ramp"))
    return replace(counted, share=load.share)


def _counted(base: Load, users: float, count: int, limit_s: float, ramp_s: float) -> Load:
    if count < 1:
        raise ValueError("iterations is 0")
    if ramp_s >= limit_s:
        raise ValueError(f"the ramp of {ramp_s:g} s takes all of the time, {limit_s:g} s")
    segments = profiles.constant(users, limit_s - ramp_s, ramp_s=ramp_s)
    return replace(base, profile="iterations", model="iterations", segments=segments, iterations=count)


def _constant_rate(load: Any, base: Load, read: _Reader) -> Load:
    ramp, down = read.duration("ramp"), read.duration("ramp_down")
    segments = profiles.constant(read.level("rate"), read.duration("duration"), ramp_s=ramp, ramp_down_s=down)
    return _opened(load, base, read, segments)


def _ramping_rate(load: Any, base: Load, read: _Reader) -> Load:
    return _opened(load, base, read, profiles.ramping(read.stages(), start=read.level("start")))


def _steps(load: Any, base: Load, read: _Reader) -> Load:
    segments = profiles.steps(
        read.level("from_"), read.level("to"), read.level("step"), read.duration("step_duration"), ramp_s=read.duration("ramp")
    )
    return _by_unit(load, base, read, segments)


def _wave(load: Any, base: Load, read: _Reader) -> Load:
    period, length = read.duration("period"), read.duration("duration")
    if load.points is None:
        return _by_unit(load, base, read, profiles.wave(read.level("min"), read.level("max"), period, length))
    return _by_unit(load, base, read, profiles.wave_points(read.points(), period, length))


def _short(load: ShortForm, base: Load, read: _Reader) -> Load:
    if load.test_plan is not None:
        return replace(base, profile="ramping-users", segments=profiles.ramping(profiles.plan_stages(read.text("test_plan"))))
    level = read.peak("rate" if load.rate is not None else "users")
    up = _time_of(read, level, ("ramp", "increase_time"), "increase_rate")
    down = _time_of(read, level, ("ramp_down", "decrease_time"), "decrease_rate")
    if load.iterations is not None:
        if load.rate is not None:
            raise ValueError("iterations are counted by users, not by a rate")
        return _counted(base, level, read.whole("iterations"), _MAX_DURATION_S, up)
    hold = next(read.duration(key) for key in ("hold", "duration", "run_time") if read.has(key))
    segments = profiles.constant(level, hold, ramp_s=up, ramp_down_s=down)
    if load.rate is not None:
        return replace(_opened(load, base, read, segments), profile="constant-rate")
    return replace(base, profile="constant-users", segments=segments)


def _time_of(read: _Reader, level: float, times: tuple[str, ...], rate: str) -> float:
    for key in times:
        if read.has(key):
            return read.duration(key)
    if not read.has(rate):
        return 0.0
    per_second = read.level(rate)
    if per_second <= 0:
        raise ValueError(f"{rate} is 0")
    return level / per_second


_SHAPES: Final[dict[str, Callable[[Any, Load, _Reader], Load]]] = {
    "constant-users": _constant_users,
    "ramping-users": _ramping_users,
    "iterations": _iterations,
    "constant-rate": _constant_rate,
    "ramping-rate": _ramping_rate,
    "steps": _steps,
    "wave": _wave,
    "short": _short,
}
