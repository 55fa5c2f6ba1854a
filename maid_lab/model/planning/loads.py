"""Loads of a recipe as segments and orders."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from maid_lab.model import profiles
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.plan import Load, Segment
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.recipe.loads import LoadBase, ShortForm
from maid_lab.model.recipe.top import Recipe, Scenario
from maid_lab.model.schedules import scenario_order
from maid_lab.model.units import parse_duration, parse_rate

__all__ = ["plan_loads"]

_MAX_DURATION_S: Final = 600.0
_GOOSE_WORDS: Final = ("increase_rate", "increase_time", "decrease_rate", "decrease_time", "iterations", "test_plan")
_NOT_YET: Final = ("spike", "soak", "replay", "find-capacity", "custom")


def plan_loads(recipe: Recipe, scenarios: list[Scenario], overrides: Mapping[str, Any], seed: int, context: Context) -> tuple[Load, ...]:
    """Return the loads, with the caller's overrides applied."""
    written = list(recipe.load)
    if any(overrides.get(word) is not None for word in _GOOSE_WORDS):
        written = [_goose_form(written, overrides, context)]
    loads: list[Load] = []
    for index, load in enumerate(written):
        pointer = f"/load/{index}" if len(recipe.load) > 1 else "/load"
        try:
            loads.append(_one(load, recipe, scenarios, seed, context, pointer, name=load.name or f"load{index + 1}"))
        except PlanningError:
            continue
        except ValueError as error:
            context.add("E230", f"the load contradicts itself: {error}", "Mend the load.", pointer)
    if len(loads) == len(written):
        loads = [_overridden(load, overrides, context) for load in loads]
    return tuple(loads)


def _goose_form(written: list[Any], overrides: Mapping[str, Any], context: Context) -> ShortForm:
    """Replace the whole load by Goose's words; users are those of the recipe when none are given."""
    words = {word: overrides[word] for word in (*_GOOSE_WORDS, "users", "run_time") if overrides.get(word) is not None}
    if "test_plan" not in words and "users" not in words:
        words["users"] = max(_peak_written(load, context) for load in written) or 1
    if not {"test_plan", "iterations", "run_time"} & set(words):
        words["run_time"] = max(_hold_written(load, context) for load in written)
    return ShortForm.model_validate(words)


def _peak_written(load: Any, context: Context) -> float:
    for key in ("users", "max_users", "max", "to", "peak"):
        found = getattr(load, key, None)
        if found is not None:
            return float(context.value(found, float, "/load"))
    return max((float(context.value(stage.target, float, "/load")) for stage in getattr(load, "stages", [])), default=1.0)


def _hold_written(load: Any, context: Context) -> float:
    for key in ("hold", "run_time", "duration"):
        found = getattr(load, key, None)
        if found is not None:
            return float(context.value(found, parse_duration, "/load"))
    return 60.0


def _one(load: LoadBase, recipe: Recipe, scenarios: list[Scenario], seed: int, context: Context, pointer: str, *, name: str) -> Load:
    def duration(key: str) -> float:
        return context.value(getattr(load, key), parse_duration, f"{pointer}/{key}")

    profile = getattr(load, "profile", "short")
    if profile in _NOT_YET:
        context.refuse(f"the load profile {profile}", f"{pointer}/profile")
        raise PlanningError
    if getattr(load, "of", "iterations") == "requests":
        context.refuse("of: requests", f"{pointer}/of")
        raise PlanningError
    chosen, order = _order(load, recipe, scenarios, seed, context, pointer)
    base = Load(
        name=name,
        profile=profile,
        model="users",
        segments=(),
        order=order,
        start_at_s=duration("start_at"),
        pace_s=duration("pace"),
        graceful_stop_s=duration("graceful_stop"),
        graceful_ramp_down_s=duration("graceful_ramp_down"),
        random_each_loop=recipe.random == "each-loop" and bool(chosen),
    )
    shaped = _SHAPES[profile](load, base, context, pointer)
    _check_segments(shaped, context, pointer)
    assignment = load.assignment or ("per-iteration" if shaped.model == "rate" else "per-user")
    return replace(shaped, assignment=assignment)


def _order(
    load: LoadBase, recipe: Recipe, scenarios: list[Scenario], seed: int, context: Context, pointer: str
) -> tuple[list[int], tuple[int, ...]]:
    patterns = load.scenarios or ["*"]
    chosen = [
        index
        for index, item in enumerate(scenarios)
        if item.weight and any(fnmatch.fnmatchcase(item.name, pattern) for pattern in patterns)
    ]
    if not chosen:
        names = [scenario.name for scenario in scenarios]
        context.add("E221", f"the load selects no scenario by {', '.join(patterns)}", did_you_mean(patterns[0], names), pointer)
        raise PlanningError
    order = scenario_order([scenarios[index].weight for index in chosen], recipe.scheduler, seed)
    return chosen, tuple(chosen[index] for index in order)


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

    def __init__(self, load: Any, context: Context, pointer: str) -> None:
        self._load = load
        self._context = context
        self._pointer = pointer

    def has(self, key: str) -> bool:
        return getattr(self._load, key, None) is not None

    def duration(self, key: str) -> float:
        return self._context.value(getattr(self._load, key), parse_duration, f"{self._pointer}/{key.rstrip('_')}")

    def level(self, key: str) -> float:
        return self._context.value(getattr(self._load, key), parse_rate, f"{self._pointer}/{key.rstrip('_')}")

    def whole(self, key: str) -> int:
        return self._context.value(getattr(self._load, key), _whole, f"{self._pointer}/{key}")

    def stages(self) -> list[tuple[float, float]]:
        result = []
        for index, stage in enumerate(self._load.stages):
            place = f"{self._pointer}/stages/{index}"
            length = self._context.value(stage.duration, parse_duration, f"{place}/duration")
            result.append((length, self._context.value(stage.target, parse_rate, f"{place}/target")))
        return result


def _whole(value: Any) -> int:
    number = float(value)
    if number != int(number) or number < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def _opened(load: Any, base: Load, read: _Reader, segments: tuple[Segment, ...]) -> Load:
    return replace(
        base, model="rate", segments=segments, max_users=read.whole("max_users"), prewarm=read.whole("prewarm") if read.has("prewarm") else 0,
        arrivals=getattr(load, "arrivals", "uniform"),
    )  # fmt: skip


def _by_unit(load: Any, base: Load, read: _Reader, segments: tuple[Segment, ...]) -> Load:
    return _opened(load, base, read, segments) if load.unit == "rate" else replace(base, segments=segments)


def _constant_users(load: Any, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    ramp, down = read.duration("ramp"), read.duration("ramp_down")
    return replace(base, segments=profiles.constant(read.level("users"), read.duration("duration"), ramp_s=ramp, ramp_down_s=down))


def _ramping_users(load: Any, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    return replace(base, segments=profiles.ramping(read.stages(), start=read.level("start")))


def _iterations(load: Any, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    ramp = read.duration("ramp")
    segments = profiles.constant(float(read.whole("users")), max(read.duration("max_duration") - ramp, 0.001), ramp_s=ramp)
    count = read.whole("iterations")
    if count < 1:
        raise ValueError("iterations is 0")
    return replace(base, model="iterations", segments=segments, iterations=count, share=load.share)


def _constant_rate(load: Any, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    ramp, down = read.duration("ramp"), read.duration("ramp_down")
    segments = profiles.constant(read.level("rate"), read.duration("duration"), ramp_s=ramp, ramp_down_s=down)
    return _opened(load, base, read, segments)


def _ramping_rate(load: Any, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    return _opened(load, base, read, profiles.ramping(read.stages(), start=read.level("start")))


def _steps(load: Any, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    segments = profiles.steps(
        read.level("from_"), read.level("to"), read.level("step"), read.duration("step_duration"), ramp_s=read.duration("ramp")
    )
    return _by_unit(load, base, read, segments)


def _wave(load: Any, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    period, length = read.duration("period"), read.duration("duration")
    if load.points is None:
        return _by_unit(load, base, read, profiles.wave(read.level("min"), read.level("max"), period, length))
    points = []
    for index, point in enumerate(load.points):
        place = f"{pointer}/points/{index}"
        points.append((context.value(point.at, float, f"{place}/at"), context.value(point.value, parse_rate, f"{place}/value")))
    return _by_unit(load, base, read, profiles.wave_points(points, period, length))


def _short(load: ShortForm, base: Load, context: Context, pointer: str) -> Load:
    read = _Reader(load, context, pointer)
    if load.test_plan is not None:
        text = context.value(load.test_plan, str, f"{pointer}/test_plan")
        return replace(base, profile="ramping-users", segments=profiles.ramping(profiles.plan_stages(text)))
    level = read.level("rate" if load.rate is not None else "users")
    up = _time_of(read, level, ("ramp", "increase_time"), "increase_rate")
    down = _time_of(read, level, ("ramp_down", "decrease_time"), "decrease_rate")
    if load.iterations is not None:
        segments = profiles.constant(level, _MAX_DURATION_S, ramp_s=up)
        return replace(base, profile="iterations", model="iterations", segments=segments, iterations=max(1, read.whole("iterations")))
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


_SHAPES: Final[dict[str, Callable[[Any, Load, Context, str], Load]]] = {
    "constant-users": _constant_users,
    "ramping-users": _ramping_users,
    "iterations": _iterations,
    "constant-rate": _constant_rate,
    "ramping-rate": _ramping_rate,
    "steps": _steps,
    "wave": _wave,
    "short": _short,
}


# ---- overrides


def _overridden(load: Load, overrides: Mapping[str, Any], context: Context) -> Load:
    if any(overrides.get(word) is not None for word in _GOOSE_WORDS):
        return load
    level = overrides.get("rate") if load.model == "rate" else overrides.get("users")
    if level is not None:
        load = _scaled(load, context.value(level, parse_rate, ""))
    if overrides.get("run_time") is not None:
        load = _stretched(load, context.value(overrides["run_time"], parse_duration, ""))
    return load


def _scaled(load: Load, peak: float) -> Load:
    """Scale all levels so that the highest is `peak`."""
    factor = peak / load.peak
    segments = tuple(replace(s, level_from=s.level_from * factor, level_to=s.level_to * factor) for s in load.segments)
    max_users = max(load.max_users, 1) if load.model == "rate" else 0
    return replace(load, segments=segments, max_users=max_users)


def _stretched(load: Load, seconds: float) -> Load:
    """Replace the time at level of a single-level profile, stretch all others in proportion."""
    if load.profile in ("constant-users", "constant-rate", "iterations"):
        pieces = [(seconds if s.level_from == s.level_to else s.end_s - s.start_s, s.level_from, s.level_to) for s in load.segments]
    else:
        factor = seconds / load.segments[-1].end_s
        pieces = [((s.end_s - s.start_s) * factor, s.level_from, s.level_to) for s in load.segments]
    segments, at = [], 0.0
    for length, level, target in pieces:
        if length > 0:
            segments.append(Segment(start_s=at, end_s=at + length, level_from=level, level_to=target))
            at += length
    return replace(load, segments=tuple(segments))
