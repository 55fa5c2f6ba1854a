"""One heap of deadlines behind one kernel timer.

uvloop's own timers have a granularity of 1 ms, which would make 1,000 starts a second 0.3 ms late at the median. Linux's `timerfd` wakes
the loop within tens of microseconds. All deadlines are absolute nanoseconds of the monotonic clock, so lateness never adds up: whatever is
due is released at once.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from heapq import heappop, heappush
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Timer", "Timers"]

_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK: Final = 0o4000
_TFD_CLOEXEC: Final = 0o2000000
_TFD_TIMER_ABSTIME: Final = 1
_ITIMERSPEC: Final = struct.Struct("@qqqq")


class Timer:
    """A deadline that can be cancelled; `action(argument)` is called once it has passed."""

    __slots__ = ("action", "argument", "due_ns")

    #: A user that waits for this does nothing; see `gate.Held` for the other kind of waiting.
    is_request: ClassVar[Literal[False]] = False

    def __init__(self, due_ns: int, action: Callable[[Any], None] | None, argument: Any) -> None:
        self.due_ns = due_ns
        self.action = action
        self.argument = argument

    def __lt__(self, other: Timer) -> bool:
        return self.due_ns < other.due_ns

    def cancel(self) -> None:
        """Make the timer do nothing; it leaves the heap when its time comes."""
        self.action = None
        self.argument = None


class Timers:
    """All timers of a worker.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        The loop on which actions run.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[Timer] = []
        self._armed_ns = 0
        self._handle: asyncio.TimerHandle | None = None
        self._kernel = _KernelTimer.create()
        if self._kernel is not None:
            loop.add_reader(self._kernel.fd, self._fire)

    def at(self, due_ns: int, action: Callable[[Any], None], argument: Any = None) -> Timer:
        """Call `action(argument)` at `due_ns` on the monotonic clock, or as soon after as the loop is free."""
        timer = Timer(due_ns, action, argument)
        heappush(self._heap, timer)
        if not self._armed_ns or due_ns < self._armed_ns:
            self._arm(due_ns)
        return timer

    def close(self) -> None:
        """Forget all timers and give the kernel timer back."""
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()
        if self._kernel is not None:
            self._loop.remove_reader(self._kernel.fd)
            self._kernel.close()
            self._kernel = None

    def _arm(self, due_ns: int) -> None:
        self._armed_ns = due_ns
        if self._kernel is not None:
            self._kernel.arm(due_ns)
            return
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(max(0.0, (due_ns - monotonic_ns()) / 1e9), self._fire)

    def _fire(self) -> None:
        if self._kernel is not None:
            self._kernel.acknowledge()
        self._armed_ns = 0
        heap = self._heap
        limit = monotonic_ns()
        while heap and heap[0].due_ns <= limit:
            timer = heappop(heap)
            if timer.action is not None:
                timer.action(timer.argument)
        while heap and heap[0].action is None:
            heappop(heap)
        if heap and (not self._armed_ns or heap[0].due_ns < self._armed_ns):
            self._arm(heap[0].due_ns)


class _KernelTimer:
    """Linux timerfd through libc: Python has it only from 3.13 on."""

    def __init__(self, libc: ctypes.CDLL, fd: int) -> None:
        self.fd = fd
        self._settime = libc.timerfd_settime

    @classmethod
    def create(cls) -> _KernelTimer | None:
        if not sys.platform.startswith("linux"):
            return None
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        return cls(libc, fd) if fd >= 0 else None

    def arm(self, due_ns: int) -> None:
        # A time of zero would disarm the timer, so what is overdue is set to the first nanosecond of the clock.
        seconds, rest = divmod(max(due_ns, 1), 1_000_000_000)
        self._settime(self.fd, _TFD_TIMER_ABSTIME, _ITIMERSPEC.pack(0, 0, seconds, rest), None)

    def acknowledge(self) -> None:
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return

    def close(self) -> None:
        os.close(self.fd)
