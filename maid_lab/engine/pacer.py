"""The pacer: releases the starts of one load on one worker from an absolute time line, so that lateness never adds up."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.schedules import arrivals, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from maid_lab.engine.shard import Shard
    from maid_lab.engine.timers import Timer
    from maid_lab.model.plan import Load

__all__ = ["Pacer"]

_NS: Final = 1_000_000_000


class Pacer:
    """Starts of one load, in order of time.

    Starts are dealt in turn to the workers that have users: with `max_users` below the number of workers, the last workers have neither.

    Parameters
    ----------
    shard : Shard
        The worker's part of the run.
    load : Load
        A load of model `rate`.
    release : callable
        `release(number, due_ns)`: start n of the load is due, monotonic ns.
    """

    def __init__(self, shard: Shard, load: Load, release: Callable[[int, int], None]) -> None:
        self._shard = shard
        self._load = load
        self._release = release
        self._zero = 0
        self._starts: Iterator[tuple[int, float]] = iter(())
        self._next: tuple[int, float] | None = None
        self._timer: Timer | None = None
        self._is_over = False

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to start."""
        return self._is_over or self._next is None

    def start(self) -> None:
        """Schedule the first start."""
        shard, load = self._shard, self._load
        self._zero = shard.zero_ns + int(load.start_at_s * _NS)
        workers = min(shard.workers, load.max_users)
        if shard.worker < workers:
            if load.due_s:
                self._starts = recorded(load.due_s, shard.worker, workers)
            else:
                self._starts = arrivals(load.segments, load.arrivals, f"{shard.plan.seed}/{load.name}", shard.worker, workers)
        self._advance()

    def end(self) -> None:
        """Start nothing more."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _advance(self) -> None:
        self._next = next(self._starts, None)
        if self._next is not None:
            self._timer = self._shard.timers.at(self._zero + int(self._next[1] * _NS), self._fire)

    def _fire(self, _: Any) -> None:
        """Release everything that is due by now."""
        zero, now = self._zero, monotonic_ns()
        while self._next is not None and not self._is_over:
            number, due_s = self._next
            due = zero + int(due_s * _NS)
            if due > now:
                self._timer = self._shard.timers.at(due, self._fire)
                return
            self._next = next(self._starts, None)
            self._release(number, due)
