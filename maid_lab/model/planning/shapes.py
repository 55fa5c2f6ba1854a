"""The load profiles of a recipe, each turned into segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal

from maid_lab.model import profiles
from maid_lab.model.plan import Load, Search, Segment
from maid_lab.model.planning.load_reader import LoadReader
from maid_lab.model.recipe.loads import ShortForm

__all__ = ["SHAPES"]

_MAX_DURATION_S: Final = 600.0
#: A time of increase has a meaning from the second user on: the first is there from the start.
_LEAST_USERS: Final = 2
#: Workers count ten times a second: what is shorter has too few looks at it.
_LEAST_PROBE_S: Final = 0.5
#: Time for the orders of a search on their way, beyond its probes.
_SEARCH_MARGIN_S: Final = 5.0


def _opened(load: Any, base: Load, read: LoadReader, segments: tuple[Segment, ...]) -> Load:
    max_users, prewarm = read.whole("max_users"), read.whole("prewarm") if read.has("prewarm") else 0
    if max_users < 1:
        raise ValueError("max_users is 0, so no start would find a user")
    if prewarm > max_users:
        raise ValueError(f"prewarm {prewarm} is above max_users {max_users}")
    arrivals: Literal["uniform", "poisson"] = getattr(load, "arrivals", "uniform")
    of: Literal["iterations", "requests"] = getattr(load, "of", "iterations")
    return replace(base, model="rate", segments=segments, max_users=max_users, prewarm=prewarm, arrivals=arrivals, of=of)


def _by_unit(load: Any, base: Load, read: LoadReader, segments: tuple[Segment, ...]) -> Load:
    return _opened(load, base, read, segments) if load.unit == "rate" else replace(base, segments=segments)


def _constant_users(load: Any, base: Load, read: LoadReader) -> Load:
    ramp, down = read.duration("ramp"), read.duration("ramp_down")
    return replace(base, segments=profiles.constant(read.level("users"), read.duration("duration"), ramp_s=ramp, ramp_down_s=down))


def _ramping_users(load: Any, base: Load, read: LoadReader) -> Load:
    return replace(base, segments=profiles.ramping(read.stages(), start=read.level("start")))


def _iterations(load: Any, base: Load, read: LoadReader) -> Load:
    counted = _counted(base, float(read.whole("users")), read.whole("iterations"), read.duration("max_duration"), read.duration("ramp"))
    return replace(counted, share=load.share)


def _counted(base: Load, users: float, count: int, limit_s: float, ramp_s: float) -> Load:
    if count < 1:
        raise ValueError("iterations is 0")
    if ramp_s >= limit_s:
        raise ValueError(f"the ramp of {ramp_s:g} s takes all of the time, {limit_s:g} s")
    segments = profiles.constant(users, limit_s - ramp_s, ramp_s=ramp_s)
    return replace(base, profile="iterations", model="iterations", segments=segments, iterations=count)


def _constant_rate(load: Any, base: Load, read: LoadReader) -> Load:
    ramp, down = read.duration("ramp"), read.duration("ramp_down")
    segments = profiles.constant(read.level("rate"), read.duration("duration"), ramp_s=ramp, ramp_down_s=down)
    return _opened(load, base, read, segments)


def _ramping_rate(load: Any, base: Load, read: LoadReader) -> Load:
    return _opened(load, base, read, profiles.ramping(read.stages(), start=read.level("start")))


def _steps(load: Any, base: Load, read: LoadReader) -> Load:
    segments = profiles.steps(
        read.level("from_"), read.level("to"), read.level("step"), read.duration("step_duration"), ramp_s=read.duration("ramp")
    )
    return _by_unit(load, base, read, segments)


def _wave(load: Any, base: Load, read: LoadReader) -> Load:
    period, length = read.duration("period"), read.duration("duration")
    if load.points is None:
        return _by_unit(load, base, read, profiles.wave(read.level("min"), read.level("max"), period, length))
    return _by_unit(load, base, read, profiles.wave_points(read.points(), period, length))


def _spike(load: Any, base: Load, read: LoadReader) -> Load:
    segments = profiles.spike(
        read.level("base"), read.level("peak"), read.duration("at"), read.duration("hold"), read.duration("duration"),
        rise_s=read.duration("rise"), fall_s=read.duration("fall"),
    )  # fmt: skip
    return _by_unit(load, base, read, segments)


def _soak(load: Any, base: Load, read: LoadReader) -> Load:
    level = read.level("rate" if load.rate is not None else "users")
    segments = profiles.constant(level, read.duration("hold"), ramp_s=read.duration("ramp"), ramp_down_s=read.duration("ramp_down"))
    return _opened(load, base, read, segments) if load.rate is not None else replace(base, segments=segments)


def _short(load: ShortForm, base: Load, read: LoadReader) -> Load:
    if load.test_plan is not None:
        return replace(base, profile="ramping-users", segments=profiles.ramping(profiles.plan_stages(read.text("test_plan"))))
    level = read.peak("rate" if load.rate is not None else "users")
    up = _time_of(read, level, ("ramp", "increase_time"), "increase_rate")
    down = _time_of(read, level, ("ramp_down", "decrease_time"), "decrease_rate")
    if load.increase_time is not None and load.rate is None and level < _LEAST_USERS:
        raise ValueError(f"increase_time needs at least {_LEAST_USERS} users, there is {level:g}; leave it out, or raise users")
    if load.iterations is not None:
        if load.rate is not None:
            raise ValueError("iterations are counted by users, not by a rate")
        return _counted(base, level, read.whole("iterations"), _MAX_DURATION_S, up)
    hold = next(read.duration(key) for key in ("hold", "duration", "run_time") if read.has(key))
    segments = profiles.constant(level, hold, ramp_s=up, ramp_down_s=down)
    if load.rate is not None:
        return replace(_opened(load, base, read, segments), profile="constant-rate")
    return replace(base, profile="constant-users", segments=segments)


def _time_of(read: LoadReader, level: float, times: tuple[str, ...], rate: str) -> float:
    for key in times:
        if read.has(key):
            return read.duration(key)
    if not read.has(rate):
        return 0.0
    per_second = read.level(rate)
    if per_second <= 0:
        raise ValueError(f"{rate} is 0")
    return level / per_second


def _find_capacity(load: Any, base: Load, read: LoadReader) -> Load:
    search = Search(
        first=read.level("from_"),
        last=read.level("to"),
        slo=read.objectives(is_open=load.unit == "rate"),
        tolerance=read.share("tolerance"),
        probe_s=read.duration("probe"),
        settle_s=read.duration("settle"),
        max_probes=read.whole("max_probes"),
        whole=load.unit == "users",
    )
    if not 0 < search.first <= search.last:
        raise ValueError(f"a search goes from a level above 0 up to a higher one, not from {search.first:g} to {search.last:g}")
    if search.probe_s < _LEAST_PROBE_S or search.max_probes < 1 or not search.slo:
        raise ValueError(f"a search needs an slo, at least one probe, and probes of at least {_LEAST_PROBE_S:g} s")
    if search.whole and (search.first != int(search.first) or search.last != int(search.last)):
        raise ValueError("users are whole numbers")
    searching = replace(base, search=search)
    return _by_unit(load, searching, read, profiles.constant(search.first, search.longest_s + _SEARCH_MARGIN_S))


def _custom(load: Any, base: Load, read: LoadReader) -> Load:
    return replace(base, segments=read.custom_segments())


#: Profile → how a load of it becomes segments.
SHAPES: Final[dict[str, Callable[[Any, Load, LoadReader], Load]]] = {
    "constant-users": _constant_users,
    "ramping-users": _ramping_users,
    "iterations": _iterations,
    "constant-rate": _constant_rate,
    "ramping-rate": _ramping_rate,
    "steps": _steps,
    "wave": _wave,
    "spike": _spike,
    "soak": _soak,
    "find-capacity": _find_capacity,
    "custom": _custom,
    "short": _short,
}
