"""Overrides of the load: other levels, another time at level, or the whole load in Goose's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from maid_lab.model import profiles
from maid_lab.model.plan import Load, Segment
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.planning.overrides import Overrides
from maid_lab.model.rows import Phase

__all__ = ["goose_load", "overridden"]

_SINGLE_LEVEL: Final = ("constant-users", "constant-rate", "iterations", "soak")
_LEAST_USERS: Final = 2
_MAX_DURATION_S: Final = 600.0


def overridden(loads: Sequence[Load], overrides: Overrides, context: Context) -> tuple[Load, ...]:
    """Return the loads with the caller's level and time at level.

    Loads that run side by side keep their shares: their peaks add up to the level given.
    """
    closed, opened = [load for load in loads if load.model != "rate"], [load for load in loads if load.model == "rate"]
    for word, level, concerned, other in (("users", overrides.users, closed, "rate"), ("rate", overrides.rate, opened, "users")):
        if level is not None and not concerned:
            context.add("E409", f"override {word}: the load of the recipe is given in {other}", f"Give {other} instead.", "/load")
            raise PlanningError
    result = []
    for load in loads:
        level, together = (overrides.rate, opened) if load.model == "rate" else (overrides.users, closed)
        changed = _scaled(load, level, sum(each.peak for each in together)) if level is not None else load
        if load.search is not None and overrides.run_time is not None:
            message = f"override run_time: load {load.name} is a search, which takes as long as its probes"
            context.add("E409", message, "Leave run_time out, or change probe and max_probes in the recipe.", "/load")
            raise PlanningError
        result.append(_stretched(changed, overrides.run_time) if overrides.run_time is not None else changed)
    return tuple(result)


def goose_load(loads: Sequence[Load], order: tuple[int, ...], overrides: Overrides, context: Context) -> Load:
    """Return the load that replaces all of the recipe's; what the caller leaves out is taken from them.

    Parameters
    ----------
    loads : sequence of Load
        The loads of the recipe, at least one.
    order : tuple of int
        All scenarios, in turn.
    """
    replays = [load.name for load in loads if load.due_s]
    if replays:
        message = f"load {replays[0]} replays a recording, which a ramp, iterations or a test plan cannot replace"
        context.add("E409", message, "Give --rate or --run-time: they change its speed.", "/load")
        raise PlanningError
    first = loads[0]
    base = Load(
        name=first.name, profile="constant-users", model="users", segments=(), order=order, graceful_stop_s=first.graceful_stop_s,
        graceful_ramp_down_s=first.graceful_ramp_down_s,
    )  # fmt: skip
    if overrides.test_plan is not None:
        return replace(base, profile="ramping-users", segments=profiles.ramping(overrides.test_plan))
    is_open = all(load.model == "rate" for load in loads)
    if overrides.rate is not None or (is_open and overrides.users is None and overrides.iterations is None):
        return _open_form(loads, base, overrides, context)
    peak = sum(load.max_users if load.model == "rate" else load.peak for load in loads)
    return _closed_form(loads, base, overrides.users or peak, overrides, context)


def _closed_form(loads: Sequence[Load], base: Load, users: float, overrides: Overrides, context: Context) -> Load:
    if overrides.increase_time is not None and users < _LEAST_USERS:
        message = f"override increase_time: it needs at least {_LEAST_USERS} users, there is {users:g}"
        context.add("E105", message, "Leave increase_time out, or raise users.", "/load")
        raise PlanningError
    up, down = _ramps(users, overrides)
    if overrides.iterations is None:
        return replace(base, segments=profiles.constant(users, _hold(loads, overrides), ramp_s=up, ramp_down_s=down))
    segments = profiles.constant(users, _MAX_DURATION_S, ramp_s=up)
    return replace(base, profile="iterations", model="iterations", segments=segments, iterations=overrides.iterations)


def _open_form(loads: Sequence[Load], base: Load, overrides: Overrides, context: Context) -> Load:
    opened = [load for load in loads if load.model == "rate"]
    if not opened or overrides.iterations is not None:
        reason = "iterations are counted by users" if opened else "the load of the recipe has no max_users"
        context.add("E409", f"override rate: {reason}", "Give users instead.", "/load")
        raise PlanningError
    rate = overrides.rate or sum(load.peak for load in opened)
    up, down = _ramps(rate, overrides)
    return replace(
        base,
        profile="constant-rate",
        model="rate",
        assignment=opened[0].assignment,
        segments=profiles.constant(rate, _hold(loads, overrides), ramp_s=up, ramp_down_s=down),
        max_users=sum(load.max_users for load in opened),
        arrivals=opened[0].arrivals,
        of=opened[0].of,
    )


def _ramps(level: float, overrides: Overrides) -> tuple[float, float]:
    up = level / overrides.increase_rate if overrides.increase_rate is not None else overrides.increase_time or 0.0
    down = level / overrides.decrease_rate if overrides.decrease_rate is not None else overrides.decrease_time or 0.0
    return up, down


def _hold(loads: Sequence[Load], overrides: Overrides) -> float:
    """Return the time at level: given, else that of the recipe, else the whole time of a load that never holds one."""
    if overrides.run_time is not None:
        return overrides.run_time
    return max(_length(load.segments, only=Phase.MAINTAIN) or _length(load.segments) for load in loads)


def _length(segments: Iterable[Segment], *, only: Phase | None = None) -> float:
    return sum(segment.end_s - segment.start_s for segment in segments if only is None or segment.phase is only)


def _scaled(load: Load, level: float, total: float) -> Load:
    """Scale all levels as `total` to `level`; dividing first keeps a peak exactly what was asked for."""
    if load.due_s:
        return _hastened(load, level / total)
    if load.search is not None:
        # The level given is where the search ends; where it begins stays, unless that is above.
        first = min(load.search.first, level)
        segments = tuple(replace(s, level_from=first, level_to=first) for s in load.segments)
        return replace(load, segments=segments, search=replace(load.search, first=first, last=level))
    segments = tuple(replace(s, level_from=s.level_from / total * level, level_to=s.level_to / total * level) for s in load.segments)
    return replace(load, segments=segments)


def _stretched(load: Load, seconds: float) -> Load:
    """Replace the time at level of a single-level profile, stretch all others in proportion."""
    if load.due_s:
        return _hastened(load, _length(load.segments) / seconds)
    holds = load.profile in _SINGLE_LEVEL
    factor = seconds / _length(load.segments)
    stages, start = [], load.segments[0].level_from
    for segment in load.segments:
        length = segment.end_s - segment.start_s
        if holds:
            length = seconds if segment.phase is Phase.MAINTAIN else length
        else:
            length *= factor
        stages += [(0.0, segment.level_from), (length, segment.level_to)]
    return replace(load, segments=profiles.ramping(stages, start=start))


def _hastened(load: Load, factor: float) -> Load:
    """Replay a recording `factor` times as fast."""
    segments = tuple(
        replace(s, start_s=s.start_s / factor, end_s=s.end_s / factor, level_from=s.level_from * factor, level_to=s.level_to * factor)
        for s in load.segments
    )
    return replace(load, segments=segments, due_s=tuple(due / factor for due in load.due_s))
