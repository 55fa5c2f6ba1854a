"""What a load has to do and when: one list in the load's own time, which can be paused and rewritten while the run goes on."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.engine.timers import Timer, Timers

__all__ = ["Agenda"]

_NS: Final = 1_000_000_000


class Agenda:
    """Actions of one load by the time at which they are due.

    Times are seconds from the start of the load. While the agenda is paused its time stands still, so that everything after the pause
    comes later by the length of the pause.

    Parameters
    ----------
    timers : Timers
        The worker's timers.

    Attributes
    ----------
    zero_ns : int
        Start of the load on the monotonic clock, moved on by the pauses so far.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._items: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._numbers = count()
        self._timer: Timer | None = None
        self._armed_ns = 0
        self._paused_ns = 0
        self._has_begun = False
        self.zero_ns = 0

    def put(self, at_s: float, action: Callable[[Any], None], argument: Any = None) -> None:
        """Call `action(argument)` at `at_s`, or at once when that has passed; equal times keep the order in which they were put."""
        heappush(self._items, (int(at_s * _NS), next(self._numbers), action, argument))
        self._arm()

    def begin(self, zero_ns: int) -> None:
        """Start the clock."""
        self.zero_ns = zero_ns
        self._has_begun = True
        self._arm()

    def remove(self, *actions: Callable[[Any], None]) -> None:
        """Take out everything that would call one of these actions."""
        self._items = [item for item in self._items if item[2] not in actions]
        heapify(self._items)

    def clear(self) -> None:
        """Take out everything."""
        self._items.clear()

    def pause(self, now_ns: int) -> None:
        """Stop the clock."""
        if not self._paused_ns:
            self._paused_ns = now_ns
            self._disarm()

    def resume(self, now_ns: int) -> None:
        """Let the clock go on from where it stood."""
        if self._paused_ns:
            # A load that is to start later than now waits for its start and for the pause.
            self.zero_ns += max(0, now_ns - self._paused_ns)
            self._paused_ns = 0
            self._arm()

    def _arm(self) -> None:
        if not self._items or self._paused_ns or not self._has_begun:
            return
        due = self.zero_ns + self._items[0][0]
        if self._timer is not None:
            if self._armed_ns <= due:
                return
            self._timer.cancel()
        self._armed_ns = due
        self._timer = self._timers.at(due, self._fire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self, _: Any) -> None:
        self._timer = None
        limit = monotonic_ns() - self.zero_ns
        items = self._items
        while items and items[0][0] <= limit and not self._paused_ns:
            _, _, action, argument = heappop(items)
            action(argument)
            items = self._items
        self._arm()
