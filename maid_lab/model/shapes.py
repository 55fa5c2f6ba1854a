"""Custom load shapes: the level as a function of time, written in Python, turned into segments before the run.

A shape is asked once for each second of the run, before it starts, so that what will be run can be drawn, checked against the caps and
repeated. It may be a function of the time in seconds, or an object with Locust's `tick` (locust.io, LoadTestShape), which may ask
`self.get_run_time()`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.plan import Segment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Shape", "shape_segments"]

#: A function of the seconds since the start of the load, a class with `tick`, or an object of one. It gives the level, a pair of users and
#: users per second on the way there, or None for the end.
Shape = Any

_STEP_S: Final = 1.0
_MOST_TICKS: Final = 100_000


def shape_segments(shape: Shape, duration_s: float, *, config: Mapping[str, Any] | None = None) -> tuple[Segment, ...]:
    """Return the segments of a shape.

    Parameters
    ----------
    shape : Shape
        What gives the level.
    duration_s : float
        Longest time in seconds; a shape that gives None ends earlier.
    config : mapping
        Keyword arguments for the shape's class, or for the function itself.

    Returns
    -------
    tuple of Segment
        Linear between the levels of a function; a pair of users and rate is a ramp with that slope, then a constant, as in Locust.

    Raises
    ------
    TypeError
        If the shape cannot be asked, or gives something else.
    ValueError
        If a level is negative or not finite, or the time is too long.
    """
    if duration_s / _STEP_S > _MOST_TICKS:
        raise ValueError(f"a shape may take {_MOST_TICKS * _STEP_S:g} s")
    ask, ticks = _asked(shape, dict(config or {}))
    segments: list[Segment] = []
    level: float | None = None
    at = 0.0
    while at < duration_s - 1e-9:
        until = min(at + _STEP_S, duration_s)
        answer = ask(at)
        if answer is None:
            break
        if isinstance(answer, tuple | list):
            pieces, level = _paced(answer, at, until, level or 0.0)
            segments += pieces
        else:
            begins = _number(answer)
            # A tick holds until the next one; a function is followed in chords.
            beyond = answer if ticks else ask(until)
            ends = begins if beyond is None or isinstance(beyond, tuple | list) else _number(beyond)
            segments.append(Segment(start_s=at, end_s=until, level_from=begins, level_to=ends))
            level = ends
        at = until
    return tuple(_merged(segments))


def _asked(shape: Shape, config: dict[str, Any]) -> tuple[Callable[[float], Any], bool]:
    """Return the shape as a function of time, and whether it is one that ticks."""
    if inspect.isclass(shape):
        shape = shape(**config)
        config = {}
    tick = getattr(shape, "tick", None)
    if callable(tick):

        def ask(at_s: float) -> Any:
            shape.get_run_time = lambda: at_s
            return tick()

        return ask, True
    if not callable(shape):
        raise TypeError(f"a shape is a function of time or has a method tick, not {type(shape).__name__}")
    return (lambda at_s: shape(at_s, **config)), False


def _paced(answer: Any, at_s: float, until_s: float, level: float) -> tuple[list[Segment], float]:
    """Return a way to a number of users at a rate, as far as it goes in one tick, and the level at its end."""
    wanted, per_s = _number(answer[0]), _number(answer[1])
    if per_s <= 0:
        raise ValueError("the rate of a pair (users, users per second) is 0")
    way_s = min(abs(wanted - level) / per_s, until_s - at_s)
    reached = level + math.copysign(per_s * way_s, wanted - level) if abs(wanted - level) > per_s * way_s + 1e-9 else wanted
    pieces = [Segment(start_s=at_s, end_s=at_s + way_s, level_from=level, level_to=reached)] if way_s > 0 else []
    if at_s + way_s < until_s - 1e-9:
        pieces.append(Segment(start_s=at_s + way_s, end_s=until_s, level_from=reached, level_to=reached))
    return pieces, reached


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"it gave {value!r}, which is no level: give a number, a pair (users, users per second), or None for the end")
    if value < 0:
        raise ValueError(f"it gave {value!r}: levels are 0 or more")
    return float(value)


def _merged(segments: list[Segment]) -> Iterator[Segment]:
    """Join constants that follow each other."""
    held: Segment | None = None
    for segment in segments:
        is_constant = segment.level_from == segment.level_to
        if held is not None and is_constant and held.level_from == held.level_to == segment.level_from:
            held = Segment(start_s=held.start_s, end_s=segment.end_s, level_from=held.level_from, level_to=held.level_to)
            continue
        if held is not None:
            yield held
        held = segment
    if held is not None:
        yield held
