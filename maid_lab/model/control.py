"""Changes that people and programs order while a run goes on, read and checked before anything acts on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.profiles import plan_stages
from maid_lab.model.units import parse_duration, parse_rate

__all__ = ["ControlChange", "read_change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChange:
    """What is to change; None where nothing was said.

    Attributes
    ----------
    users : float
        Live users of the closed loads together.
    rate : float
        Starts per second of the open loads together.
    paused : bool
        Stand still, or go on.
    throttle : float
        Ceiling of requests per second over all workers; 0 takes it away.
    run_time : float
        Time at level in seconds, counted from the end of the increase.
    increase_rate, decrease_rate : float
        Users (or starts per second) per second.
    test_plan : tuple of (float, float)
        Stages (seconds, level) that replace the rest.
    load : str
        Name of the one load that is meant; all by default.
    """

    users: float | None = None
    rate: float | None = None
    paused: bool | None = None
    throttle: float | None = None
    run_time: float | None = None
    increase_rate: float | None = None
    decrease_rate: float | None = None
    test_plan: tuple[tuple[float, float], ...] | None = None
    load: str = ""

    def said(self) -> dict[str, Any]:
        """Return what was said, by field."""
        values = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        return {name: value for name, value in values.items() if value is not None and value != ""}


def read_change(given: Mapping[str, Any]) -> ControlChange:
    """Return the change that a caller asks for.

    Parameters
    ----------
    given : mapping
        Fields of `ControlChange`; times and rates also as texts with units, the test plan as Goose writes it (`10,30s;0,10s`).

    Raises
    ------
    InvalidInput
        Naming each field that is unknown, excluded by another, or has a value that cannot be used.
    """
    wrong: list[str] = []
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key in _IDLE_ONLY:
            wrong.append(f"{key} can be changed before the run starts only")
        elif key not in _READ:
            wrong.append(f"there is no {key!r} to change. {did_you_mean(key, list(_READ))}".strip())
        elif value is not None:
            try:
                values[key] = _READ[key](value)
            except (ValueError, TypeError, OverflowError) as error:
                wrong.append(f"{key}: {error}")
    if "test_plan" in values:
        wrong += [f"test_plan and {key} exclude each other" for key in ("users", "rate", "run_time") if key in values]
    if wrong:
        raise InvalidInput(f"the run cannot be changed like this: {'; '.join(wrong)}.", hint=f"Fields are {', '.join(_READ)}.")
    if not set(values) - {"load"}:
        raise InvalidInput("nothing was said that is to change.", hint=f"Fields are {', '.join(_READ)}.")
    return ControlChange(**values)


def _level(value: Any) -> float:
    number = parse_rate(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value!r} is not a number from 0 on")
    return number


def _users(value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0 and number == int(number)):
        raise ValueError(f"{value!r} is not a whole number from 0 on")
    return number


def _slope(value: Any) -> float:
    number = _level(value)
    if number <= 0:
        raise ValueError("it must be above 0")
    return number


def _boolean(value: Any) -> bool:
    words = {"true": True, "false": False}
    if str(value).lower() not in words:
        raise ValueError(f"{value!r} is neither true nor false")
    return words[str(value).lower()]


_IDLE_ONLY: Final = ("host", "increase_time", "decrease_time")
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "users": _users,
    "rate": _level,
    "paused": _boolean,
    "throttle": _level,
    "run_time": parse_duration,
    "increase_rate": _slope,
    "decrease_rate": _slope,
    "test_plan": lambda value: plan_stages(str(value)),
    "load": str,
}
