"""When users live and when starts are due: pure functions of linear segments.

Users and starts are dealt to the workers in turn, so that their sum follows the profile exactly, whatever the number of workers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from maid_lab.model.plan import Segment

__all__ = ["arrivals", "level_at", "scenario_order", "total_starts", "user_lifetimes"]

_EPSILON = 1e-9


def level_at(segments: Sequence[Segment], at_s: float) -> float:
    """Return the level at a moment; 0 before the first segment and from the end of the last on.

    Parameters
    ----------
    segments : sequence of Segment
        In order of time.
    at_s : float
        Seconds from the start of the load.
    """
    for segment in segments:
        if segment.start_s <= at_s < segment.end_s:
            share = (at_s - segment.start_s) / (segment.end_s - segment.start_s)
            return segment.level_from + share * (segment.level_to - segment.level_from)
    return 0.0


def user_lifetimes(segments: Sequence[Segment], worker: int, workers: int) -> Iterator[tuple[int, list[tuple[float, float]]]]:
    """Yield when each user of a worker lives.

    With U(t) the level, user k (from 0) lives while U(t) > k: it starts at the first such moment and is told to leave at the first later
    one where
    U(t) ≤ k, so the youngest leave first.

    Yields
    ------
    number, spans : int, list of (float, float)
        User k with k mod `workers` = `worker`, and its spans of life in seconds from the start of the load.
    """
    peak = max((max(s.level_from, s.level_to) for s in segments), default=0.0)
    for number in range(worker, math.ceil(peak - _EPSILON), workers):
        spans: list[tuple[float, float]] = []
        for segment in segments:
            span = _above(segment, float(number))
            if span is None:
                continue
            if spans and span[0] - spans[-1][1] <= _EPSILON:
                spans[-1] = (spans[-1][0], span[1])
            else:
                spans.append(span)
        if spans:
            yield number, spans


def _above(segment: Segment, level: float) -> tuple[float, float] | None:
    """Return the part of a segment in which its level is above `level`."""
    low, high = segment.level_from, segment.level_to
    if segment.end_s <= segment.start_s or max(low, high) <= level + _EPSILON:
        return None
    if (min(low, high) >= level and low != high) or low == high:
        return segment.start_s, segment.end_s
    crossing = segment.start_s + (level - low) / (high - low) * (segment.end_s - segment.start_s)
    return (crossing, segment.end_s) if high > low else (segment.start_s, crossing)


def total_starts(segments: Sequence[Segment]) -> float:
    """Return the integral of the rate: how many starts are due in all."""
    return sum((s.level_from + s.level_to) / 2 * (s.end_s - s.start_s) for s in segments)


def arrivals(
    segments: Sequence[Segment], kind: Literal["uniform", "poisson"], seed: int, worker: int, workers: int, *, from_s: float = 0.0
) -> Iterator[tuple[int, float]]:
    """Yield the starts of a worker in the open model.

    Start n = 0, 1, 2 … is due at the t where the integral of the rate from 0 to t is n (`uniform`), or the sum of n + 1 unit-exponential
    draws
    (`poisson`). The draws come from one stream for all workers; worker w takes the starts with n mod `workers` = w.

    Yields
    ------
    n, due_s : int, float
        Number of the start over all workers, and seconds from the start of the load, ascending, ≥ `from_s`.
    """
    rng = Random(f"{seed}/arrivals")
    wanted = 0.0
    invert = _Inverse(segments)
    for number in count():
        wanted = wanted + rng.expovariate(1.0) if kind == "poisson" else float(number)
        if number % workers != worker:
            continue
        due = invert(wanted)
        if due is None:
            return
        if due >= from_s:
            yield number, due


class _Inverse:
    """Time at which the integral of the rate reaches a value; values must not fall."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = list(segments)
        self._index = 0
        self._before = 0.0

    def __call__(self, wanted: float) -> float | None:
        while self._index < len(self._segments):
            segment = self._segments[self._index]
            length = segment.end_s - segment.start_s
            area = (segment.level_from + segment.level_to) / 2 * length
            if wanted < self._before + area:
                return segment.start_s + _solve(segment, length, wanted - self._before)
            self._before += area
            self._index += 1
        return None


def _solve(segment: Segment, length: float, area: float) -> float:
    """Solve ½·s·x² + r₀·x = area for x ≥ 0, with slope s, in the form that does not cancel for small slopes."""
    if area <= 0:
        return 0.0
    slope = (segment.level_to - segment.level_from) / length
    root = math.sqrt(max(segment.level_from**2 + 2 * slope * area, 0.0))
    return min(2 * area / (segment.level_from + root), length)


def scenario_order(weights: Sequence[int], scheduler: str, seed: int) -> tuple[int, ...]:
    """Return indexes in the order in which users or starts take them.

    Weights are divided by their greatest common divisor; each index stands its weight times. `round-robin` takes one of each that has
    any left, in
    order, until all are used (3:2:1 gives 0 1 2 0 1 0); `serial` takes all of one before the next; `random` shuffles the serial list
    with the seed.

    Raises
    ------
    ValueError
        If all weights are zero.
    """
    divisor = reduce(math.gcd, weights, 0)
    if not divisor:
        raise ValueError("all weights are zero")
    left = [weight // divisor for weight in weights]
    serial = [index for index, times in enumerate(left) for _ in range(times)]
    if scheduler == "serial":
        return tuple(serial)
    if scheduler == "random":
        Random(f"{seed}/order").shuffle(serial)
        return tuple(serial)
    order: list[int] = []
    while any(left):
        for index, times in enumerate(left):
            if times:
                order.append(index)
                left[index] -= 1
    return tuple(order)
