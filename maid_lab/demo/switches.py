"""What can be made wrong with a demo target, as one value that flags, live changes and tests share."""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DISTRIBUTIONS", "Latency", "Switches"]


def _lognormal(rng: random.Random, ms: float, spread: float) -> float:
    return rng.lognormvariate(math.log(ms), spread) if ms > 0 else 0.0


#: Name → draw in milliseconds from (generator, ms, spread). What `ms` and `spread` mean is said in `Latency`.
DISTRIBUTIONS: Final[Mapping[str, Callable[[random.Random, float, float], float]]] = {
    "constant": lambda _rng, ms, _spread: ms,
    "exponential": lambda rng, ms, _spread: rng.expovariate(1 / ms) if ms > 0 else 0.0,
    "lognormal": _lognormal,
    "normal": lambda rng, ms, spread: rng.gauss(ms, spread),
    "uniform": lambda rng, ms, spread: rng.uniform(ms - spread, ms + spread),
}

#: No single answer is held back longer than this, so that a mistyped switch does not look like a dead target.
_LONGEST_MS: Final = 60_000.0
_LONGEST_STALL_MS: Final = 30_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long an answer takes beyond the work for it.

    Attributes
    ----------
    dist : str
        One of `DISTRIBUTIONS`.
    ms : float
        The constant; the middle of the uniform range; the mean of normal and exponential; the median of lognormal.
    spread : float
        Half the width of the uniform range and standard deviation of the normal, both in ms; sigma of the lognormal.
    """

    dist: str = "constant"
    ms: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        if self.dist not in DISTRIBUTIONS:
            raise InvalidInput(f"switch latency: there is no distribution {self.dist!r}.", hint=f"Use one of {', '.join(DISTRIBUTIONS)}.")
        _within("latency.ms", self.ms, 0, _LONGEST_MS)
        _within("latency.spread", self.spread, 0, _LONGEST_MS)

    def draw_s(self, rng: random.Random) -> float:
        """Return one drawn latency in seconds, never negative and at most a minute."""
        return min(max(DISTRIBUTIONS[self.dist](rng, self.ms, self.spread), 0.0), _LONGEST_MS) / 1000

    @classmethod
    def of(cls, value: Any) -> Latency:
        """Read a mapping, a number of milliseconds, or the text `dist:ms[:spread]` such as `normal:20:5`."""
        if isinstance(value, cls):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return cls(ms=float(value))
        if isinstance(value, str):
            dist, *numbers = value.split(":")
            if not 1 <= len(numbers) <= 2:
                raise InvalidInput(
                    f"switch latency: {value!r} is not a latency.", hint="Write dist:ms or dist:ms:spread, e.g. normal:20:5."
                )
            value = {"dist": dist, **dict(zip(("ms", "spread"), numbers, strict=False))}
        if not isinstance(value, dict):
            raise InvalidInput(f"switch latency: {value!r} is not a latency.", hint='Give a number of ms or {"dist", "ms", "spread"}.')
        _known("latency", value, cls)
        dist, ms, spread = value.get("dist", "constant"), value.get("ms", 0), value.get("spread", 0)
        return cls(dist=str(dist), ms=_number("latency.ms", ms), spread=_number("latency.spread", spread))


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The state of all switches; the default is a healthy target.

    Attributes
    ----------
    latency : Latency
        Added to every load request.
    errors : float
        Share of load requests, 0 to 1, that are answered with `error_status` instead of being served.
    stall_every_s, stall_ms : float
        Each `stall_every_s` seconds the whole server stands still for `stall_ms`; either 0 = never.
    leak_mb, leak_cap_mb : float
        Memory kept for every 1,000 load requests, and the most that is kept in all, in MB.
    capacity : int
        Requests worked on at the same time; further ones queue. 0 = no limit. The latency is the work, so without one nothing queues.
    token_ttl_s : float
        Seconds for which a token is good.
    cold_ms : float
        What a search costs the first time its term is asked.
    """

    latency: Latency = field(default_factory=Latency)
    errors: float = 0.0
    error_status: int = 503
    stall_every_s: float = 0.0
    stall_ms: float = 0.0
    leak_mb: float = 0.0
    leak_cap_mb: float = 256.0
    capacity: int = 0
    token_ttl_s: float = 300.0
    cold_ms: float = 5.0

    def __post_init__(self) -> None:
        _within("errors", self.errors, 0, 1)
        _within("error_status", self.error_status, 400, 599)
        _within("stall_every_s", self.stall_every_s, 0, 86_400)
        _within("stall_ms", self.stall_ms, 0, _LONGEST_STALL_MS)
        _within("leak_mb", self.leak_mb, 0, 1_000)
        _within("leak_cap_mb", self.leak_cap_mb, 0, 16_384)
        _within("capacity", self.capacity, 0, 1_000_000)
        _within("token_ttl_s", self.token_ttl_s, 0.001, 86_400)
        _within("cold_ms", self.cold_ms, 0, _LONGEST_MS)

    @property
    def touches_requests(self) -> bool:
        """Whether single requests are treated otherwise than by a healthy target."""
        return bool(self.latency.ms or self.latency.spread or self.errors or self.leak_mb or self.capacity)

    def changed(self, changes: Mapping[str, Any]) -> Switches:
        """Return the switches with some of them set anew.

        Raises
        ------
        InvalidInput
            If a name is unknown or a value is out of its range.
        """
        _known("", changes, type(self))
        values: dict[str, Any] = {}
        for key, value in changes.items():
            values[key] = Latency.of(value) if key == "latency" else _number(key, value)
        for key in ("capacity", "error_status"):
            if key in values:
                values[key] = int(values[key])
        return replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data that `changed` reads back."""
        return asdict(self)


def _known(place: str, given: Mapping[str, Any], kind: type[Latency | Switches]) -> None:
    names = [spec.name for spec in fields(kind)]
    for key in given:
        if key not in names:
            raise InvalidInput(f"there is no switch {f'{place}.{key}' if place else key!r}.", hint=f"Known are {', '.join(names)}.")


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise InvalidInput(f"switch {name}: {value!r} is not a number.", hint="Give a plain number in the unit that the name says.")
    return number


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"switch {name}: {value:g} is out of range.", hint=f"Give a number from {low:g} to {high:g}.")
