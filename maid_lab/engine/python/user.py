"""Virtual users whose scenario is a Python function: one asyncio Task each, and a lane for each request under way.

The script of such a user is the same generator as for recipes: it counts iterations, keeps the pace, thinks between iterations, comes and goes
with the load. Where a recipe has steps it yields one `Run`, which lets the Task call the function; when that is over the Task steps the script.
"""

from __future__ import annotations

import asyncio
from asyncio import current_task
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.python.answer import Answer, RequestFailed, write_answer
from maid_lab.engine.python.call import LaneWaiter, LeaveIteration, Waiter
from maid_lab.engine.users.ops import PENDING, Abandon, Cut
from maid_lab.engine.users.user import VirtualUser
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.engine.python.template import Values
    from maid_lab.engine.scripts.program import Program
    from maid_lab.engine.users.context import WorkerContext
    from maid_lab.model.scenarios import UserFunction

__all__ = ["CodeUser", "Lane", "Run"]

#: A row that the code has not changed for this long is written: live figures are not to wait for a user that sleeps.
_WRITE_AFTER_NS: Final = 1_000_000_000
_MOST_TEXT: Final = 300
_NO_ROWS: Final[dict[str, Any]] = {}


class Run:
    """Lets a user's Task call a function, or iterate over it; the script goes on with None, or with what ended it.

    Parameters
    ----------
    function : async function
        What is called with the user.
    section : str
        Of the rows.
    may_iterate : callable, optional
        Call it again and again while this says so, with a row for each time.
    """

    __slots__ = ("function", "may_iterate", "section")

    def __init__(self, function: UserFunction, section: str = "scenario", may_iterate: Callable[[VirtualUser], bool] | None = None) -> None:
        self.function = function
        self.section = section
        self.may_iterate = may_iterate

    def begin(self, user: Any) -> Any:
        """Give the function to the user's Task."""
        user.give(self)
        return PENDING


class CodeUser(VirtualUser):
    """A user with a Task; it is its own first lane.

    Attributes
    ----------
    call : LaneWaiter or None
        What the code awaits on this lane.
    answer : Answer or None
        What came, until the code takes it.
    open_answer : Answer or None
        An answer whose row the code may still change.
    holder : Task or None
        The Task that made the last request on this lane.
    rows : dict
        Rows of the scenario's data sets by key, a single one under ''.
    section : str
        Which part of the scenario runs: scenario, on_start or on_stop.
    has_waited : bool
        The code has awaited one of its requests or pauses in this iteration.
    is_iterating : bool
        The Task is within an iteration whose row it writes itself.
    late_ns : int
        How much too late the first request of this iteration goes, ns.
    """

    __slots__ = (
        "_is_working",
        "_job",
        "_refused",
        "_rest",
        "_task",
        "answer",
        "call",
        "face",
        "has_waited",
        "holder",
        "is_cut",
        "is_iterating",
        "is_over",
        "lanes",
        "late_ns",
        "open_answer",
        "rows",
        "section",
        "values",
    )

    def __init__(self, shard: WorkerContext, number: int, program: Program, *, flags: int, on_end: Callable[[VirtualUser], None]) -> None:
        super().__init__(shard, number, program, flags=flags, on_end=on_end)
        self.call: LaneWaiter | None = None
        self.answer: Answer | None = None
        self.open_answer: Answer | None = None
        self.values: Values | None = None
        self.holder: Any = None
        self.section = "scenario"
        self.rows: dict[str, Any] = _NO_ROWS
        self.is_cut = False
        self.is_over = False
        self.is_iterating = False
        self.has_waited = False
        self.late_ns = 0
        self.lanes: list[CodeUser | Lane] = [self]
        #: What the code gets to see of this user.
        self.face: Any = shard.code.face_of(self)
        self._job: Run | None = None
        self._refused = 0
        self._is_working = False
        self._rest = Waiter(shard.loop)
        self._task: asyncio.Task[None] | None = None

    # ---- the Task

    def give(self, job: Run) -> None:
        """Let the Task do a job: it is resting, or comes back for it."""
        self._job = job
        if self._task is None:
            self._task = self.shard.loop.create_task(self._live(), name=f"user {self.number}")
            self._task.add_done_callback(self._died)
            self.shard.code.users.add(self)
        else:
            self._rest.wake()

    async def _live(self) -> None:
        while not self.is_over:
            job = self._job
            if job is None:
                await self._rest
                continue
            result = await self._do(job)
            self.write_rows()
            self._job = None
            if self.is_cut:
                return
            VirtualUser.step(self, result)

    def _died(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.shard.log("error", f"user {self.number} of {self.program.scenario.name} ended: {type(error).__name__}: {error}")

    async def _do(self, job: Run) -> Abandon | None:
        """Do a job; returns what ended it early."""
        is_late = self.leaving_now
        if is_late:
            return Cut()
        self.section = job.section
        self._refused = 0
        self._is_working = True
        try:
            if job.may_iterate is not None:
                return await self._loop(job.function, job.may_iterate)
            self.has_waited = False
            # How late the iteration begins is its first request's, the time of the code itself is nobody's.
            self.late_ns = max(0, monotonic_ns() - self.ready_ns)
            try:
                await job.function(self.face)
            except BaseException as error:
                end = self._ended_by(error)
            else:
                end = None
            if self.face._call.is_taken:
                self.face._forget_call()
            self.ready_ns = monotonic_ns()
            if not self.has_waited:
                await asyncio.sleep(0)
            return end
        except asyncio.CancelledError as error:
            return self._ended_by(error)
        finally:
            self._is_working = False

    async def _loop(self, function: UserFunction, may_iterate: Callable[[VirtualUser], bool]) -> Abandon | None:
        """Iterate as long as the user may, each iteration a row: what the script does, without asking it each time."""
        face, recorder, label, lanes = self.face, self.shard.recorder, self.program.label, self.lanes
        while may_iterate(self):
            self.iteration_ns = start = self.ready_ns
            self.failure = None
            self.has_waited = False
            self.is_iterating = True
            try:
                await function(face)
            except BaseException as error:
                end = self._ended_by(error)
                if self.is_cut:
                    return end
            else:
                end = None
            for lane in lanes:
                if lane.open_answer is not None:
                    _write_row(lane)
            if face._call.is_taken:
                face._forget_call()
            self.is_iterating = False
            self.ready_ns = now = monotonic_ns()
            if end is None and self.failure is None:
                recorder.record_span(label, self.number, self.iteration, start, now, self.flags)
            else:
                outcome, text = (Outcome.ABORTED, "") if isinstance(end, Cut) else self.verdict(Outcome.CHECK_FAILED)
                self.record(label, start=start, end=now, outcome=outcome, error=text)
            self.iteration += 1
            if isinstance(end, Cut):
                return end
            if not self.has_waited:
                # Code that awaits nothing must not keep the others from theirs.
                await asyncio.sleep(0)
        return None

    def _ended_by(self, error: BaseException) -> Abandon | None:
        """Return what an exception of the code means for the script, None for an end that is as good as any."""
        if isinstance(error, GeneratorExit):
            raise error
        self.write_rows()
        if isinstance(error, asyncio.CancelledError):
            if self.leaving_now:
                if self._task is not None:
                    self._task.uncancel()
                return Cut()
            self.failure = (Outcome.CHECK_FAILED, "CancelledError: the scenario was cancelled by its own code")
        elif isinstance(error, LeaveIteration):
            if not error.args:
                return None
            self.failure = (Outcome.CHECK_FAILED, str(error)[:_MOST_TEXT])
        elif not isinstance(error, RequestFailed):
            # Whatever the code does, the worker and its other users go on.
            self.failure = (Outcome.CHECK_FAILED, f"{type(error).__name__}: {error}"[:_MOST_TEXT])
            self.shard.code.report(self.program.scenario.name or self.section, error)
        return Abandon()

    # ---- lanes

    def lane(self) -> CodeUser | Lane:
        """Return a lane for a request that begins now; rows that the code has had its time to judge are written."""
        task = current_task(self.shard.loop)
        main = self._task
        lanes = self.lanes
        if task is main and len(lanes) > 1:
            self.write_rows()
        for lane in lanes:
            # The row of another branch of the code, which may still judge it, is left alone.
            if lane.call is None and (lane.open_answer is None or task is main or lane.holder is task or lane.holder is main):
                if lane.open_answer is not None:
                    _write_row(lane)
                lane.holder = task
                return lane
        new = Lane(self)
        new.holder = task
        lanes.append(new)
        return new

    def refuses(self) -> bool:
        """Count a request after the end; returns whether it was not the first."""
        self._refused += 1
        return self._refused > 1

    def settle(self) -> None:
        """Write the open rows that are of the running Task; all when that is the user's own."""
        task = current_task(self.shard.loop)
        for lane in self.lanes:
            if lane.open_answer is not None and (task is self._task or lane.holder is task):
                _write_row(lane)

    def judgeable(self) -> Answer | None:
        """Return the newest answer of the running Task whose row may still be changed."""
        task = current_task(self.shard.loop)
        answers = [lane.open_answer for lane in self.lanes if lane.open_answer is not None and (lane.holder is task or task is self._task)]
        return max(answers, key=lambda answer: answer._end, default=None)

    def write_rows(self) -> None:
        """Write all open rows."""
        for lane in self.lanes:
            if lane.open_answer is not None:
                _write_row(lane)

    def write_old_rows(self, now: int) -> None:
        """Write the open rows of more than a second ago."""
        for lane in self.lanes:
            if lane.open_answer is not None and lane.open_answer._end < now - _WRITE_AFTER_NS:
                _write_row(lane)

    def answered(self, answer: Answer) -> None:
        """Take the answer of the request on this lane."""
        _answered(self, answer)

    def take_answer(self) -> Answer | None:
        """Return what came, and let the code judge it; None when nothing was sent."""
        answer, self.answer = self.answer, None
        if answer is not None:
            self.open_answer = answer
        return answer

    def give_up(self) -> None:
        """End what the code awaits here, because the code cancelled it."""
        _give_up(self)

    def after(self) -> None:
        """Cut a user that was told to leave as soon as it waits for something else than its requests."""
        task = self._task
        if self.leaving_now and task is not None and self._is_working and not self._is_asking:
            task.cancel()

    @property
    def _is_asking(self) -> bool:
        return any(any(c.operation is not None for c in lane.connections.values()) for lane in self.lanes)

    # ---- being stepped

    def step(self, result: Any) -> None:
        """Let the code go on when it awaits something here, else the script."""
        if self.call is None:
            VirtualUser.step(self, result)
        else:
            _wake(self)

    def leave_now(self) -> None:
        """Finish the requests that are under way, then end; a pause ends at once, of whatever kind."""
        if self._job is None:
            super().leave_now()
            return
        self.leaving = self.leaving_now = True
        for lane in self.lanes:
            timer = lane.timer
            if timer is not None:
                lane.timer = None
                timer.cancel()
            lane.waits_for_slot = False
        self.ready_ns = monotonic_ns()
        self.after()

    def abort(self) -> None:
        """End where it stands: what is under way is recorded as aborted."""
        self.is_cut = True
        now = monotonic_ns()
        self.write_rows()
        for lane in self.lanes[1:]:
            if lane.timer is not None:
                lane.timer.cancel()
                lane.timer = None
            for connection in tuple(lane.connections.values()):
                if connection.operation is not None:
                    connection.operation.abort(connection, now)
                    connection.operation = None
                connection.close()
        super().abort()
        self._end_task()

    def close_connections(self) -> None:
        """Close what is open and let the Task end: the load has let this user go."""
        for lane in self.lanes:
            for connection in tuple(lane.connections.values()):
                connection.close()
        self._end_task()

    def use_gate(self, gate: Any) -> None:
        """Let another gate hold back the user's requests, or none."""
        super().use_gate(gate)
        for lane in self.lanes[1:]:
            lane.gate = gate

    def _end_task(self) -> None:
        self.is_over = True
        self.shard.code.users.discard(self)
        task = self._task
        if task is None or task.done():
            return
        if not self._is_working:
            self._rest.wake()
        elif self.is_cut:
            task.cancel()


class Lane(VirtualUser):
    """One more request of a user at the same time: a connection of its own, all else is the user's."""

    __slots__ = ("answer", "call", "holder", "open_answer", "owner", "values")

    def __init__(self, owner: CodeUser) -> None:
        self.owner = owner
        self.shard = owner.shard
        self.number = owner.number
        self.program = owner.program
        self.connections = {}
        self.gate = owner.gate
        self.scope = owner.scope
        self.life = 0
        self.ready_ns = monotonic_ns()
        self.request = None
        self.timer = None
        self.flat = None
        self.position = 0
        self.waits_for_slot = False
        self.think_ns = -1
        self.call: LaneWaiter | None = None
        self.answer: Answer | None = None
        self.open_answer: Answer | None = None
        self.values: Values | None = None
        self.holder: Any = None

    def answered(self, answer: Answer) -> None:
        """Take the answer of the request on this lane."""
        _answered(self, answer)
        self.owner.ready_ns = max(self.owner.ready_ns, self.ready_ns)

    def take_answer(self) -> Answer | None:
        """Return what came, and let the code judge it; None when nothing was sent."""
        answer, self.answer = self.answer, None
        if answer is not None:
            self.open_answer = answer
        return answer

    def give_up(self) -> None:
        """End what the code awaits here, because the code cancelled it."""
        _give_up(self)

    def step(self, result: Any) -> None:
        """Let the code go on."""
        _wake(self)

    def after(self) -> None:
        """See `CodeUser.after`."""
        self.owner.after()


def _answered(lane: CodeUser | Lane, answer: Answer) -> None:
    lane.answer = answer
    lane.open_answer = answer
    _wake(lane)


def _wake(lane: CodeUser | Lane) -> None:
    """Let the code go on with what came, or with nothing: a pause that is over, a request that was not sent."""
    call = lane.call
    lane.call = None
    went_on = call is None or call.wake()
    if lane.leaving_now:
        if went_on:
            lane.after()
        else:
            lane.shard.loop.call_soon(lane.after)


def _give_up(lane: CodeUser | Lane) -> None:
    lane.call = None
    now = monotonic_ns()
    if lane.timer is not None:
        timer, lane.timer = lane.timer, None
        timer.cancel()
    if lane.waits_for_slot:
        # What stands in the queue of slots is of an older life.
        lane.waits_for_slot = False
        lane.life += 1
    for connection in tuple(lane.connections.values()):
        operation: Any = connection.operation
        if operation is not None:
            if lane.leaving_now:
                operation.abort(connection, now)
            else:
                operation.cancel(connection, now)
                lane.failed_by(operation, Outcome.TIMEOUT, "the scenario cancelled a request")
            connection.operation = None
            connection.close()
    lane.ready_ns = now


def _write_row(lane: CodeUser | Lane) -> None:
    answer, lane.open_answer = lane.open_answer, None
    if answer is not None:
        write_answer(lane, answer)


def _shared(name: str) -> Any:
    """Return an attribute of a lane that is the user's."""

    def read(lane: Any) -> Any:
        return getattr(lane.owner, name)

    def write(lane: Any, value: Any) -> None:
        setattr(lane.owner, name, value)

    return property(read, write)


for _name in ("base", "failure", "flags", "is_plain", "iteration", "jar", "kept", "keeps", "leaving", "leaving_now"):
    setattr(Lane, _name, _shared(_name))
