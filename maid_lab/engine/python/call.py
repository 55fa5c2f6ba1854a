"""What a scenario's code awaits: future-like objects that wake its Task at once.

An asyncio Task waits for whatever its coroutine yields that has `_asyncio_future_blocking`; it leaves its wake-up there by
`add_done_callback`. A Future would give that wake-up to the loop, which calls it in its next turn. Here the read callback calls it itself, in
the Task's context, so that the code goes on in the same turn: worth a tenth of the throughput. The Task keeps all that asyncio promises it:
being the current task, timeouts, cancellation.
"""

from __future__ import annotations

from asyncio import CancelledError, current_task
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Protocol

from maid_lab.engine.python.answer import Answer, RequestFailed
from maid_lab.engine.users.ops import PENDING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator
    from contextvars import Context

    from maid_lab.engine.python.operation import CodeOperation
    from maid_lab.engine.python.template import Values
    from maid_lab.engine.users.context import WorkerContext

__all__ = ["Asker", "AskerLane", "Call", "LaneWaiter", "LeaveIteration", "Waiter"]


class LeaveIteration(Exception):
    """Ends the iteration where it stands; raised by `user.abandon`."""


class AskerLane(Protocol):
    """Where a request of the code runs, as far as a call knows it."""

    ready_ns: int
    values: Any
    call: Any
    answer: Any

    def take_answer(self) -> Answer | None:
        """Return what came; None when nothing was sent."""

    def give_up(self) -> None:
        """End what the code awaits here."""


class Asker(Protocol):
    """The user whose code asks, as far as a call knows it."""

    late_ns: int
    is_cut: bool
    has_waited: bool
    leaving_now: bool

    @property
    def shard(self) -> WorkerContext:
        """What the users of the worker share."""

    def refuses(self) -> bool:
        """Whether code that asks on after its end gets no further."""

    def lane(self) -> Any:
        """Return a lane that is free."""


class Waiter:
    """One thing that a Task can wait for; used over and over."""

    __slots__ = ("_asyncio_future_blocking", "_context", "_loop", "_wakeup", "is_cancelled")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wakeup: Callable[[Any], Any] | None = None
        self._context: Context | None = None
        self._asyncio_future_blocking = False
        self.is_cancelled = False

    # ---- what a Task asks of a future

    def add_done_callback(self, callback: Callable[[Any], Any], *, context: Context | None = None) -> None:
        """Keep the Task's wake-up."""
        self._wakeup = callback
        self._context = context

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop."""
        return self._loop

    def result(self) -> None:
        """Raise when the wait was cancelled."""
        if self.is_cancelled:
            raise CancelledError

    def cancel(self, msg: Any = None) -> bool:
        """Give up waiting: what was waited for is over by the time the Task hears of it."""
        del msg
        if self.is_cancelled or self._wakeup is None:
            return False
        self.is_cancelled = True
        self.give_up()
        wakeup, self._wakeup = self._wakeup, None
        self._loop.call_soon(wakeup, self, context=self._context)
        return True

    # ---- what the engine calls

    def give_up(self) -> None:
        """End what is waited for."""

    @property
    def is_awaited(self) -> bool:
        """Whether a Task waits."""
        return self._wakeup is not None

    def wake(self) -> bool:
        """Let the Task go on; returns whether it did so at once, which it does unless another one is running."""
        wakeup = self._wakeup
        if wakeup is None:
            return True
        self._wakeup = None
        context = self._context
        if context is None or current_task(self._loop) is not None:
            self._loop.call_soon(wakeup, self, context=context)
            return False
        context.run(wakeup, self)
        return True

    def __await__(self) -> Generator[Any, Any, None]:
        self.is_cancelled = False
        self._asyncio_future_blocking = True
        yield self


class LaneWaiter(Waiter):
    """What a lane waits for: an answer, or the end of a pause."""

    __slots__ = ("lane",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.lane: AskerLane | None = None

    def give_up(self) -> None:
        """End the exchange or the pause: a row says that the code cancelled the request."""
        if self.lane is not None:
            self.lane.give_up()


class Call:
    """One request, sent when it is awaited; the same object serves a user's next one.

    It is not the future-like object itself: asyncio would take it for a Future wherever one can be given, and ask it for more.
    """

    __slots__ = ("_user", "_waiter", "is_taken", "operation", "raises", "values")

    def __init__(self, user: Asker) -> None:
        self._user = user
        self._waiter = LaneWaiter(user.shard.loop)
        self.operation: CodeOperation
        self.values: Values | None
        self.raises = False
        self.is_taken = False

    def __del__(self) -> None:
        # Taken and still not begun: nobody holds it any more who could await it.
        if self.is_taken:
            self._user.shard.code.forgotten(self.operation)

    def __await__(self) -> Generator[Any, Any, Answer]:
        user, waiter = self._user, self._waiter
        try:
            if user.is_cut or user.leaving_now:
                if user.refuses():
                    # Code that catches its own end and asks on, over and over, goes no further than here.
                    waiter._asyncio_future_blocking = True
                    yield waiter
                raise CancelledError
            lane = user.lane()
            # Between an answer and this moment the code did what it wanted; only a late begin of the iteration counts as waiting.
            lane.ready_ns = monotonic_ns() - user.late_ns
            user.late_ns = 0
            lane.values = self.values
            lane.call = waiter
            lane.answer = None
            waiter.lane = lane
            waiter.is_cancelled = False
            if self.operation.begin(lane) is PENDING:
                user.has_waited = True
                waiter._asyncio_future_blocking = True
                yield waiter
            else:
                lane.call = None
            answer: Answer | None = lane.take_answer()
            if answer is None:
                raise CancelledError
            if self.raises and answer._outcome:
                raise RequestFailed(answer)
            return answer
        finally:
            waiter.lane = None
            self.values = None
            self.is_taken = False
