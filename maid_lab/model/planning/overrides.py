"""What a caller changes about the load and the engine, read and checked before anything is planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from maid_lab.model.nearest import did_you_mean
from maid_lab.model.planning.context import Context, PlanningError
from maid_lab.model.profiles import plan_stages
from maid_lab.model.units import parse_duration, parse_rate

__all__ = ["GOOSE_WORDS", "Overrides", "read_overrides"]

#: Each of these replaces the whole load by the Goose form.
GOOSE_WORDS: Final = ("increase_rate", "increase_time", "decrease_rate", "decrease_time", "iterations", "test_plan")
_EXCLUSIONS: Final = (
    ("users", "rate"), ("increase_rate", "increase_time"), ("decrease_rate", "decrease_time"), ("iterations", "run_time"),
    *(("test_plan", word) for word in (
        "users", "rate", "run_time", "increase_rate", "increase_time", "decrease_rate", "decrease_time", "iterations",
    )),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Values of a caller, in canonical units; None or empty where nothing was said.

    Attributes
    ----------
    users, rate : float
        Peak of the closed loads; peak of the open ones, starts per second.
    run_time, increase_time, decrease_time, timeout : float
        Seconds.
    increase_rate, decrease_rate, throttle : float
        Per second.
    sticky, verify : bool
        Whether users stay where a redirect leads them; whether certificates are checked.
    warmup : bool
        Whether the time before the first level counts as warm-up, which is not measured.
    test_plan : tuple of (float, float)
        Stages: seconds, users.
    scenarios : tuple of str
        Names, with wildcards, of those that run.
    """

    host: str = ""
    users: float | None = None
    rate: float | None = None
    run_time: float | None = None
    increase_rate: float | None = None
    increase_time: float | None = None
    decrease_rate: float | None = None
    decrease_time: float | None = None
    iterations: int | None = None
    test_plan: tuple[tuple[float, float], ...] | None = None
    scenarios: tuple[str, ...] = ()
    throttle: float | None = None
    timeout: float | None = None
    gzip: bool | None = None
    sticky: bool | None = None
    verify: bool | None = None
    warmup: bool | None = None
    seed: int | None = None

    @property
    def replace_load(self) -> bool:
        """Whether the load of the recipe is replaced as a whole."""
        return any(getattr(self, word) is not None for word in GOOSE_WORDS)


def read_overrides(given: Mapping[str, Any], context: Context) -> Overrides:
    """Return the overrides of a caller.

    Raises
    ------
    PlanningError
        If one is unknown, not allowed, or excludes another; the findings are noted (E409, E105).
    """
    known = [spec.name for spec in fields(Overrides)]
    values: dict[str, Any] = {}
    before = len(context.found)
    for key, value in given.items():
        if key not in known:
            context.add("E409", f"there is no override {key!r}", did_you_mean(key, known), "")
        elif value is not None:
            try:
                values[key] = _READ[key](value)
            except (ValueError, TypeError, OverflowError) as error:
                context.add("E409", f"override {key}: {error}", f"Give another value for {key}.", "")
    for one, other in _EXCLUSIONS:
        if one in values and other in values:
            context.add("E105", f"the overrides {one} and {other} exclude each other", "Leave one of them out.", "")
    if len(context.found) > before:
        raise PlanningError
    return Overrides(**values)


def _positive(parse: Callable[[Any], float], message: str) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = parse(value)
        if number <= 0:
            raise ValueError(f"{message}; it must be above 0")
        return number

    return read


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not a boolean")  # noqa: TRY004 - a caller's value
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None
    if not 0 <= number < float("inf"):
        raise ValueError(f"{value!r} is not a number from 0 on")
    return number


def _whole(least: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else _number(value)
        if number != int(number) or not least <= number < 2**63:
            raise ValueError(f"{value!r} is not a whole number from {least} on")
        return int(number)

    return read


def _boolean(value: Any) -> bool:
    words = {"true": True, "false": False}
    if str(value).lower() not in words:
        raise ValueError(f"{value!r} is neither true nor false")
    return words[str(value).lower()]


def _host(value: Any) -> str:
    text = str(value)
    if not text.startswith(("http://", "https://", "demo:")):
        raise ValueError(f"{text!r} is not an address such as http://host:port or demo:shop")
    return text


def _names(value: Any) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    return tuple(word for word in (str(item).strip() for item in words) if word)


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "host": _host,
    "users": _positive(_number, "the level 0 that was given is no load"),
    "rate": _positive(parse_rate, "the level 0 that was given is no load"),
    "run_time": _positive(parse_duration, "the run time that was given is 0"),
    "increase_rate": _positive(parse_rate, "increase_rate is 0"),
    "increase_time": parse_duration,
    "decrease_rate": _positive(parse_rate, "decrease_rate is 0"),
    "decrease_time": parse_duration,
    "iterations": _whole(1),
    "test_plan": lambda value: plan_stages(str(value)),
    "scenarios": _names,
    "throttle": parse_rate,
    "timeout": _positive(parse_duration, "timeout is 0"),
    "gzip": _boolean,
    "sticky": _boolean,
    "verify": _boolean,
    "warmup": _boolean,
    "seed": _whole(0),
}
