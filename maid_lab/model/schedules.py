"""When users live and when starts are due: pure functions of linear segments.

Users and starts are dealt to the workers in turn, so that their sum follows the profile exactly, whatever the number of workers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from maid_lab.model.plan import Segment

__all__ = ["Arrivals", "ScenarioChoice", "arrivals", "level_at", "recorded", "scenario_order", "share_of", "total_starts", "user_lifetimes"]

_EPSILON = 1e-9

#: Lives by user number, in order of time.
Spans = dict[int, list[tuple[float, float]]]


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


def user_lifetimes(
    segments: Sequence[Segment], worker: int, workers: int, *, from_s: float = 0.0
) -> Iterator[tuple[int, list[tuple[float, float]]]]:
    """Yield when each user of a worker lives.

    With U(t) the level, user k (from 0) lives while U(t) > k: it starts at the first such moment and is told to leave at the first later
    one where U(t) ≤ k, so the youngest leave first. A level that only touches k ends no life.

    Parameters
    ----------
    from_s : float
        Moment from which on the spans are wanted: earlier ones are left out, and who lives then starts then.

    Yields
    ------
    number, spans : int, list of (float, float)
        User k with k mod `workers` = `worker`, ascending, and its spans of life in seconds from the start of the load.

    Notes
    -----
    One walk over the segments with a stack of who lives: the time grows with the segments and spans, not with their product.
    """
    spans: Spans = {}
    begins: list[float] = []
    end_s = 0.0
    for segment in segments:
        # The level may jump between segments, and before the first.
        jump, crossing = partial(_moment, segment.start_s), partial(_crossing, segment)
        _leave(begins, spans, segment.level_from, worker, workers, jump)
        _start(begins, spans, segment.level_from, worker, workers, jump)
        _leave(begins, spans, segment.level_to, worker, workers, crossing)
        _start(begins, spans, segment.level_to, worker, workers, crossing)
        end_s = segment.end_s
    _leave(begins, spans, 0.0, worker, workers, partial(_moment, end_s))
    for number in sorted(spans):
        wanted = [(max(begin_s, from_s), leave_s) for begin_s, leave_s in spans[number] if leave_s > from_s]
        if wanted:
            yield number, wanted


def _moment(at_s: float, _level: float) -> float:
    return at_s


def _crossing(segment: Segment, level: float) -> float:
    """Return when a segment has a level between its ends."""
    share = (level - segment.level_from) / (segment.level_to - segment.level_from)
    return segment.start_s + share * (segment.end_s - segment.start_s)


def _leave(begins: list[float], spans: Spans, level: float, worker: int, workers: int, at: Callable[[float], float]) -> None:
    """End the lives of the youngest until only users below the level are left."""
    while begins and (number := worker + (len(begins) - 1) * workers) >= level - _EPSILON:
        begin_s, leave_s = begins.pop(), at(float(number))
        if leave_s > begin_s:
            spans.setdefault(number, []).append((begin_s, leave_s))


def _start(begins: list[float], spans: Spans, level: float, worker: int, workers: int, at: Callable[[float], float]) -> None:
    """Begin the lives of all users below the level."""
    while (number := worker + len(begins) * workers) < level - _EPSILON:
        begin_s, before = at(float(number)), spans.get(number)
        if before and begin_s - before[-1][1] <= _EPSILON:
            begin_s = before.pop()[0]
        begins.append(begin_s)


def total_starts(segments: Sequence[Segment]) -> float:
    """Return the integral of the rate: how many starts are due in all."""
    return sum((s.level_from + s.level_to) / 2 * (s.end_s - s.start_s) for s in segments)


class Arrivals:
    """Starts of a worker in the open model: an iterator over pairs of start number and due time.

    Start n = 0, 1, 2 … is due at the t where the integral of the rate from 0 to t is n (`uniform`), or the sum of n + 1 unit-exponential
    draws (`poisson`). The draws come from one stream for all workers; worker w takes the starts with n mod `workers` = w. Due times are
    seconds from the start of the load, ascending.

    Parameters
    ----------
    segments : sequence of Segment
        The rate over time.
    kind : str
        `uniform` or `poisson`.
    seed : int or str
        Of the draws.
    worker, workers : int
        Which share.
    """

    def __init__(
        self, segments: Sequence[Segment], kind: Literal["uniform", "poisson"], seed: int | str, worker: int, workers: int
    ) -> None:
        self._due_of = _Inverse(segments)
        self._integrals = _integrals(kind, seed, worker, workers)
        self._last: tuple[int, float] | None = None

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return self

    def __next__(self) -> tuple[int, float]:
        self._last = next(self._integrals)
        start = self.again()
        if start is None:
            raise StopIteration
        return start

    def again(self) -> tuple[int, float] | None:
        """Return the newest start with its due time as it is now, None when it is not due any more."""
        if self._last is None:
            return None
        number, wanted = self._last
        due = self._due_of(wanted)
        return None if due is None else (number, due)

    def replan(self, segments: Sequence[Segment]) -> None:
        """Go on with another rate; up to now the segments must be the same, so that numbers go on where they stood."""
        self._due_of = _Inverse(segments)


def arrivals(
    segments: Sequence[Segment], kind: Literal["uniform", "poisson"], seed: int | str, worker: int, workers: int, *, from_s: float = 0.0
) -> Iterator[tuple[int, float]]:
    """Yield the starts of a worker in the open model that are due at `from_s` or later; see `Arrivals`."""
    return (start for start in Arrivals(segments, kind, seed, worker, workers) if start[1] >= from_s)


def recorded(due_s: Sequence[float], worker: int, workers: int) -> Iterator[tuple[int, float]]:
    """Yield a worker's share of starts whose times are given: number over all workers, and seconds from the start of the load."""
    return zip(range(worker, len(due_s), workers), due_s[worker::workers], strict=True)


def share_of(total: int, worker: int, workers: int) -> int:
    """Return a worker's share of a whole number; the shares add up to it, the first take what does not divide, those beyond have none."""
    if worker >= workers:
        return 0
    return total // workers + (worker < total % workers)


def _integrals(kind: str, seed: int | str, worker: int, workers: int) -> Iterator[tuple[int, float]]:
    """Yield the numbers of a worker's starts with the integral of the rate at which they are due."""
    if kind == "uniform":
        yield from ((number, float(number)) for number in count(worker, workers))
    rng = Random(f"{seed}/arrivals")
    wanted = 0.0
    for number in count():
        # Every worker draws the whole stream, so that it is the same whatever their number.
        wanted += rng.expovariate(1.0)
        if number % workers == worker:
            yield number, wanted


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
            # What is due at the end of a segment belongs to the next: at the end of the last nothing starts, whatever the last bit says.
            if wanted < (self._before + area) * (1 - _EPSILON):
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

    Weights are divided by their greatest common divisor; each index stands its weight times. `round-robin` takes one of each that has any
    left, in order, until all are used (3:2:1 gives 0 1 2 0 1 0); `serial` takes all of one before the next; `random` shuffles the serial
    list with the seed.

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


class ScenarioChoice:
    """Which scenario user k, or start n, takes.

    Parameters
    ----------
    order : sequence of int
        Scenario indexes, as `scenario_order` gives them.
    seed : int
        The plan's seed.
    each_loop : bool
        Whether the order is shuffled anew at each pass. Each pass has its own stream, so the choice of k is the same on every worker.
    """

    def __init__(self, order: Sequence[int], seed: int, *, each_loop: bool = False) -> None:
        self._order = tuple(order)
        self._seed = seed
        self._each_loop = each_loop
        self._pass = 0
        self._shuffled = self._order

    def __call__(self, number: int) -> int:
        """Return the scenario index of user or start `number`, from 0."""
        turn, place = divmod(number, len(self._order))
        if not self._each_loop:
            return self._order[place]
        if turn != self._pass:
            self._pass = turn
            shuffled = list(self._order)
            if turn:
                Random(f"{self._seed}/order/{turn}").shuffle(shuffled)
            self._shuffled = tuple(shuffled)
        return self._shuffled[place]
