"""Operations: what a virtual user's script yields, and what begins them.

A script is a generator. It yields an operation and is sent the result when that is there: True when it went well. `begin` starts the
operation for a user and returns `PENDING` when the result will come later (by `user.step(result)`), else the result itself.
"""

from __future__ import annotations

import math
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


__all__ = [
    "PENDING",
    "TURN",
    "Abandon",
    "Cut",
    "EndRun",
    "EndUser",
    "Operation",
    "Pause",
    "Sleeper",
    "Turn",
    "Until",
    "think_seconds",
    "think_time",
]


class _Pending:
    __slots__ = ()

    def __repr__(self) -> str:
        return "PENDING"


PENDING: Final = _Pending()


class Operation(Protocol):
    """What a script may yield."""

    def begin(self, user: Any) -> Any:
        """Start for `user`; return the result or `PENDING`."""


class Sleeper(Protocol):
    """What a pause needs of a user."""

    scope: Any
    ready_ns: int
    think_ns: int

    @property
    def rng(self) -> Random:
        """The user's random stream."""

    def sleep_until(self, due_ns: int) -> Any:
        """Wait until a moment of the monotonic clock."""


class Abandon(Exception):
    """Ends the iteration: a step failed whose `on_error` is `iteration`."""


class EndUser(Abandon):
    """Ends the user: a step failed whose `on_error` is `user`, or its data ran out."""


class Cut(EndUser):
    """Ends the user where it stands, because the run was told to stop or its time to finish is over."""


class EndRun(EndUser):
    """Ends the run: a step failed whose `on_error` is `run`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Turn:
    """Lets the loop go round once: what repeats without waiting for anything leaves the worker its answers, timers and orders."""

    __slots__ = ()

    def begin(self, user: Any) -> Any:
        """Go on behind whatever is ready now."""
        user.ready_ns = max(user.ready_ns, monotonic_ns())
        return user.later(True)  # noqa: FBT003 - the result of the operation


#: It has no state.
TURN: Final = Turn()


class Pause:
    """Think time: the user does nothing for a drawn time.

    Parameters
    ----------
    low, high : float or callable
        Bounds in seconds, or functions of the user's scope that give them.
    dist : str
        constant (uses `low`), uniform, normal (mean in the middle, sd a sixth of the width, cut), exponential (mean `low`, cut at `high`).
    """

    __slots__ = ("_dist", "_high", "_low")

    def __init__(self, low: float | Callable[[Any], Any], high: float | Callable[[Any], Any], dist: str) -> None:
        self._low = low
        self._high = high
        self._dist = dist

    def begin(self, user: Sleeper) -> Any:
        """Sleep, or go on at once when the drawn time is nothing."""
        low = self._low(user.scope) if callable(self._low) else self._low
        high = self._high(user.scope) if callable(self._high) else self._high
        seconds = think_time(user, float(low), float(high), self._dist)
        if seconds <= 0:
            return True
        duration = int(seconds * 1e9)
        user.think_ns += duration
        return user.sleep_until(user.ready_ns + duration)


class Until:
    """Pause until a moment of the monotonic clock: the paced start of the next iteration."""

    __slots__ = ("_due_ns",)

    def __init__(self, due_ns: int) -> None:
        self._due_ns = due_ns

    def begin(self, user: Sleeper) -> Any:
        """Sleep until then."""
        return user.sleep_until(self._due_ns)


def think_time(user: Sleeper, low: float, high: float, dist: str) -> float:
    """Return one think time of a user in seconds; its random stream, 2.5 KiB of state, comes into being only where something is drawn."""
    if dist == "constant" or (high <= low and dist != "exponential"):
        return max(low, 0.0)
    return think_seconds(low, high, dist, user.rng)


def think_seconds(low: float, high: float, dist: str, rng: Random) -> float:
    """Draw one think time in seconds.

    Returns
    -------
    float
        ≥ 0.
    """
    if dist == "constant" or (high <= low and dist != "exponential"):
        seconds = low
    elif dist == "uniform":
        seconds = rng.uniform(low, high)
    elif dist == "normal":
        seconds = min(max(rng.gauss((low + high) / 2, (high - low) / 6), low), high)
    else:
        seconds = min(rng.expovariate(1 / low) if low > 0 else 0.0, high if high > 0 else math.inf)
    return max(seconds, 0.0)
