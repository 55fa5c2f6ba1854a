"""The pacer: releases the starts of one load on one worker from an absolute time line, so that lateness never adds up."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.loads.agenda import Agenda
from maid_lab.model.schedules import Arrivals, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from maid_lab.engine.loads.host import LoadHost
    from maid_lab.model.plan import Load, Segment

__all__ = ["Pacer"]

_NS: Final = 1_000_000_000


class Pacer:
    """Starts of one load, in order of time.

    Starts are dealt in turn to the workers that have users: with `max_users` below the number of workers, the last workers have neither.

    Parameters
    ----------
    shard : LoadHost
        The worker's part of the run.
    load : Load
        A load of model `rate`.
    release : callable
        `release(number, due_ns)`: start n of the load is due, monotonic ns.

    Attributes
    ----------
    agenda : Agenda
        What the load has to do and when, its starts among it.
    """

    def __init__(self, shard: LoadHost, load: Load, release: Callable[[int, int], None]) -> None:
        self._release = release
        self.agenda = Agenda(shard.timers)
        self._start_at_ns = int(load.start_at_s * _NS)
        self._starts: Iterator[tuple[int, float]] = iter(())
        workers = min(shard.workers, load.max_users)
        if shard.worker < workers:
            if load.due_s:
                self._starts = recorded(load.due_s, shard.worker, workers)
            else:
                self._starts = Arrivals(load.segments, load.arrivals, f"{shard.plan.seed}/{load.name}", shard.worker, workers)
        self._next: tuple[int, float] | None = None
        self._is_over = False

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to start."""
        return self._is_over or self._next is None

    @property
    def now_s(self) -> float:
        """Seconds since the start of the load, without pauses; 0 before it."""
        return max(0.0, (monotonic_ns() - self.agenda.zero_ns) / _NS)

    def start(self, zero_ns: int) -> None:
        """Schedule the first start; the run began at `zero_ns`."""
        self._await(next(self._starts, None))
        self.agenda.begin(zero_ns + self._start_at_ns)

    def replan(self, segments: Sequence[Segment]) -> None:
        """Follow another rate from now on; numbers of starts go on where they stood. Recorded starts stay as they are."""
        if isinstance(self._starts, Arrivals) and not self._is_over:
            self.agenda.remove(self._fire)
            self._starts.replan(segments)
            self._await(self._starts.again())

    def end(self) -> None:
        """Start nothing more."""
        self._is_over = True
        self.agenda.remove(self._fire)

    def _await(self, start: tuple[int, float] | None) -> None:
        self._next = start
        if start is not None:
            self.agenda.put(start[1], self._fire)

    def _fire(self, _: Any) -> None:
        """Release everything that is due by now."""
        zero, now = self.agenda.zero_ns, monotonic_ns()
        while self._next is not None and not self._is_over:
            number, due_s = self._next
            due = zero + int(due_s * _NS)
            if due > now:
                self.agenda.put(due_s, self._fire)
                return
            self._next = next(self._starts, None)
            self._release(number, due)
