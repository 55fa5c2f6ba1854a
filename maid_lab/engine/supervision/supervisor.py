"""The supervisor of one run: starts the workers' load, watches, merges, stops, and says how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from maid_lab.engine.supervision.auto_stop import AutoStop
from maid_lab.engine.supervision.course import Course
from maid_lab.engine.supervision.guard import Guard
from maid_lab.engine.supervision.journal import Journal
from maid_lab.engine.supervision.live import LiveCounts, WorkerHealth
from maid_lab.engine.supervision.probing import Prober
from maid_lab.engine.supervision.steering import Steering
from maid_lab.engine.supervision.view import RunView
from maid_lab.engine.wire import LEASE_S, SNAPSHOT_S, Message
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.errors import Conflict, EngineFailure
from maid_lab.model.plan import plan_to_json
from maid_lab.model.states import RunStatus, next_status

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.engine.supervision.pool import LocalPool, WorkerHandle
    from maid_lab.model.control import ControlChange
    from maid_lab.model.plan import Plan
    from maid_lab.model.snapshot import LiveStatus

__all__ = ["RunEnd", "Supervisor"]

_READY_S: Final = 30.0
_ONCE_S: Final = 120.0
_LEAD_NS: Final = 20_000_000
_STOP_DEADLINE_S: Final = 10.0
_ABORT_DEADLINE_S: Final = 1.0
#: Time beyond the end of the plan and its graceful period after which workers are cut: nothing waits for ever.
_OVERTIME_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended.

    Attributes
    ----------
    condemned : bool
        A step failed that says `on_error: run`, or a threshold that says abort: whatever the rows say in the end, the verdict is fail.
    course : dict or None
        The plan's times as they came about, after pauses and changes of the load (see `Course.to_json`); None when the plan's hold.
    """

    status: RunStatus
    reason: str
    generator_bound: bool
    started_at: datetime
    ended_at: datetime
    interrupted: bool
    condemned: bool = False
    course: dict[str, Any] | None = None


class Supervisor:
    """Runs one plan on a pool of workers.

    Parameters
    ----------
    run_id : str
        Identity of the run.
    plan : Plan
        What to run.
    folder : Path
        The run's folder; workers write their rows into it.
    pool : LocalPool
        Workers; the caller closes the pool.
    secrets : mapping of str to str
        Values of secret parameters, given to workers only.
    publish : callable
        `publish(topic, payload)` for `maid:status`, `maid:metrics` and `maid:logs`.
    capture : CaptureOptions, optional
        What workers keep of exchanges beside their rows; failure samples by default.
    auto_stop : bool
        Whether the run is stopped when most of its requests fail.

    Attributes
    ----------
    status : LiveStatus
        The newest merged state.
    """

    def __init__(
        self,
        *,
        run_id: str,
        plan: Plan,
        folder: Path,
        pool: LocalPool,
        secrets: Mapping[str, str] | None = None,
        publish: Callable[[str, Mapping[str, Any]], None] = lambda _topic, _payload: None,
        capture: CaptureOptions | None = None,
        auto_stop: bool = False,
    ) -> None:
        self._run_id = run_id
        self._plan = plan
        self._folder = folder
        self._pool = pool
        self._secrets = dict(secrets or {})
        self._publish = publish
        self._capture = capture or CaptureOptions()
        self._journal = Journal(folder)
        self._counts = LiveCounts(plan)
        self._guard = Guard(plan)
        self._auto_stop = AutoStop() if auto_stop else None
        self._counts.learners.append(self._guard.learn)
        self._health = {handle.number: WorkerHealth() for handle in pool.workers}
        self._course = Course(plan)
        self._steering = Steering(plan, self._course, send=self._broadcast)
        self._was_changed = False
        self._searching = next((index for index, load in enumerate(plan.loads) if load.search is not None), -1)
        self._prober = Prober(plan, self._counts, jump=self._probe_at, tell=self._probed) if self._searching >= 0 else None
        self._view = RunView(run_id, plan, course=self._course, counts=self._counts, health=self._health, workers=pool.workers)
        self._last_seen = dict.fromkeys(self._health, 0.0)
        self._done: set[int] = set()
        self._dry = {number: frozenset[str]() for number in self._health}
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._state = RunStatus.PENDING
        self._reason = ""
        self._interrupted = False
        self._is_condemned = False
        self._phase = "idle"
        self._zero_ns = 0
        self._ended_s: float | None = None
        self._wake = asyncio.Event()
        self._started_at = datetime.now(UTC)
        self._cut_at = float("inf")
        self.status: LiveStatus = self._live()

    # ---- what others call

    def stop(
        self, *, mode: Literal["graceful", "kill"] = "graceful", reason: str = "stopped by request", deadline_s: float = _STOP_DEADLINE_S
    ) -> None:
        """End the run: no new request from now on; `graceful` waits for answers under way up to `deadline_s`, `kill` does not."""
        if self._state in (RunStatus.PENDING, RunStatus.RUNNING):
            self._state = next_status(self._state, "stop") if self._state is RunStatus.RUNNING else RunStatus.STOPPING
            self._reason = reason
            self._interrupted = True
            self._note("info", reason)
        self._order_stop(mode, deadline_s)

    def control(self, change: ControlChange, *, by: str = "") -> dict[str, Any]:
        """Change the running load; the change is an event of the run.

        Parameters
        ----------
        change : ControlChange
            What is to change.
        by : str
            Who wants it, for the log.

        Returns
        -------
        dict
            What holds from now on; see `Steering.apply`.

        Raises
        ------
        Conflict
            If no load is under way, or the run has none of the kind that is to change.
        Missing, Refused
            If a load is unknown, or a cap would be exceeded.
        """
        if self._state is not RunStatus.RUNNING or not self._zero_ns:
            raise Conflict(f"run {self._run_id} is {self._state}: only a running load can be changed.", hint="maid status says what runs.")
        done = self._steering.apply(change, self._elapsed())
        self._was_changed = True
        said = ", ".join(f"{name} {value}" for name, value in change.said().items())
        self._event("control", f"changed: {said}{f' by {by}' if by else ''}", change=change.said(), by=by)
        self.status = self._live()
        self._publish("maid:status", self.status)
        return done

    async def run(self) -> RunEnd:
        """Run the whole test.

        Raises
        ------
        EngineFailure
            If the workers cannot be started.
        """
        readers: list[asyncio.Task[None]] = []
        try:
            await self._pool.connect()
            readers = [asyncio.create_task(self._listen(handle)) for handle in self._pool.workers]
            await self._init_workers()
            if self._state is RunStatus.PENDING:
                await self._run_loads()
        finally:
            for reader in readers:
                reader.cancel()
            self._ended_s = self._elapsed()
            if self._prober is not None and not self._prober.reason:
                self._course.found(self._prober.best, self._prober.probes, "the run ended before the search did")
            self._finish()
        return RunEnd(
            status=self._state,
            reason=self._reason,
            generator_bound=self._view.is_generator_bound,
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
            interrupted=self._interrupted,
            condemned=self._is_condemned,
            course=self._course.to_json() if self._was_changed else None,
        )

    # ---- the course of a run

    async def _init_workers(self) -> None:
        plan = plan_to_json(self._plan)
        workers = self._pool.workers
        waits = []
        for handle in workers:
            waits.append(self._expect(f"ready-{handle.number}"))
            handle.send(
                {
                    "type": "init",
                    "plan": plan,
                    "run_id": self._run_id,
                    "folder": str(self._folder),
                    "worker": handle.number,
                    "workers": len(workers),
                    "epoch": 0,
                    "secrets": self._secrets,
                    "capture": self._capture.to_json(),
                }
            )
        try:
            await asyncio.wait_for(asyncio.gather(*waits), _READY_S)
        except TimeoutError:
            message = f"run {self._run_id}: the workers were not ready within {_READY_S:.0f} s."
            raise EngineFailure(message, hint="See maid doctor.") from None

    async def _run_loads(self) -> None:
        variables: dict[str, Any] = {}
        self._state = RunStatus.RUNNING
        if self._plan.setup or self._plan.setup_code:
            variables = await self._once("setup", time.monotonic_ns())
        if self._state is RunStatus.RUNNING:
            self._started_at = datetime.now(UTC)
            self._zero_ns = time.monotonic_ns() + _LEAD_NS
            self._last_seen = dict.fromkeys(self._health, time.monotonic())
            self._broadcast({"type": "start", "zero_ns": self._zero_ns, "variables": variables, "folder": str(self._folder)})
            self._note("info", f"load starts with {len(self._health)} workers")
            await self._watch()
        if (self._plan.teardown or self._plan.teardown_code) and self._state is not RunStatus.FAILED:
            await self._once("teardown", self._zero_ns or time.monotonic_ns())

    async def _watch(self) -> None:
        next_second = 1.0
        while self._state is not RunStatus.FAILED and len(self._done) < len(self._health):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), SNAPSHOT_S)
            self._wake.clear()
            elapsed = self._elapsed()
            self._counts.mark(elapsed)
            self._follow_phase(elapsed)
            self._find_lost()
            self._enforce_end(elapsed)
            if self._prober is not None:
                self._search(self._prober, elapsed)
            if elapsed >= next_second:
                next_second = int(elapsed) + 1.0
                self._second(elapsed)
            self.status = self._live()
            self._publish("maid:metrics", self.status)
        if self._elapsed() - next_second + 1.0 > 0:
            self._second(self._elapsed())

    # ---- the search for capacity

    def _search(self, prober: Prober, elapsed: float) -> None:
        if self._course.is_paused:
            prober.interrupt(elapsed)
            return
        if self._state is RunStatus.RUNNING and prober.step(elapsed, self._view.bound_seconds):
            self._course.found(prober.best, prober.probes, prober.reason)
            level = f"{prober.best['level']:g} {self._unit}" if prober.best else "no level"
            self._event("capacity", f"the search is over, {prober.reason}: {level} held", best=prober.best, reason=prober.reason)
            self._steering.end(self._searching, elapsed)

    def _probe_at(self, level: float) -> None:
        self._steering.jump(self._searching, level, self._elapsed())

    def _probed(self, probe: dict[str, Any]) -> None:
        self._was_changed = True
        self._event("probe", f"probe {probe['number']}: {probe['level']:g} {self._unit}: {probe['judged']}", **probe)

    @property
    def _unit(self) -> str:
        return "starts/s" if self._plan.is_open else "users"

    async def _once(self, kind: str, zero_ns: int) -> dict[str, Any]:
        """Run setup or teardown on the first worker and return its variables."""
        wait = self._expect(f"{kind}-done-0")
        self._note("info", f"{kind} starts")
        self._pool.workers[0].send({"type": kind, "zero_ns": zero_ns})
        try:
            answer = await asyncio.wait_for(wait, _ONCE_S)
        except TimeoutError:
            self._fail(f"{kind} did not end within {_ONCE_S:.0f} s")
            return {}
        if answer["error"]:
            self._fail(f"{kind} failed: {answer['error']}")
        variables: dict[str, Any] = answer["variables"]
        return variables

    def _finish(self) -> None:
        if self._state is RunStatus.PENDING:
            self._fail("the run never started")
        elif self._state in (RunStatus.RUNNING, RunStatus.STOPPING):
            self._state = next_status(self._state, "finish")
        self._phase = "shutdown"
        self._note("info", f"run {self._state}{f': {self._reason}' if self._reason else ''}")
        self.status = self._live()
        self._journal.status(self.status)
        self._publish("maid:status", self.status)
        self._publish("maid:metrics", self.status)
        self._journal.close()

    # ---- messages of workers

    async def _listen(self, handle: WorkerHandle) -> None:
        number = handle.number
        while (message := await handle.receive()) is not None:
            self._last_seen[number] = time.monotonic()
            kind = message["type"]
            if kind == "snapshot":
                self._take(handle, message)
            elif kind == "log":
                self._note(message["level"], message["message"], source=f"worker {number}", at_s=message["t_s"])
            elif kind == "fatal":
                self._fail(f"worker {number}: {message['error']}")
                self._give_up_waiting()
            else:
                waiting = self._waiting.pop(f"{kind}-{number}", None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
        await asyncio.sleep(0.05)  # the exit code is there a moment after the socket's end
        self._fail(f"worker {number} (pid {handle.pid}) {handle.end_reason()}; rows up to its last flush are kept")
        self._give_up_waiting()

    def _give_up_waiting(self) -> None:
        """Tell whoever waits for an answer of the workers that none comes."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(EngineFailure(f"run {self._run_id}: {self._reason}"))

    def _take(self, handle: WorkerHandle, snapshot: Message) -> None:
        handle.send({"type": "lease", "seq": snapshot["seq"]})
        self._counts.take(snapshot)
        self._health[handle.number].take(snapshot)
        if snapshot["end"] and self._state is RunStatus.RUNNING:
            reason, failed = snapshot["end"]
            if failed:
                self._abort(reason)
            else:
                self._reason = reason
                self._order_stop("graceful", _STOP_DEADLINE_S)
        self._dry[handle.number] = frozenset(snapshot["dry"])
        if snapshot["dry"] and self._state is RunStatus.RUNNING and not self._reason:
            self._end_for_data(frozenset.intersection(*self._dry.values()))
        if snapshot["done"]:
            self._done.add(handle.number)
            self._wake.set()

    def _end_for_data(self, used_up: frozenset[str]) -> None:
        """End the run when a data set that says so is used up on all workers."""
        for name in sorted(used_up)[:1]:
            self._reason = f"data set {name} has no rows left"
            self._order_stop("graceful", _STOP_DEADLINE_S)

    def _find_lost(self) -> None:
        now = time.monotonic()
        for handle in self._pool.workers:
            if handle.number not in self._done and now - self._last_seen[handle.number] > LEASE_S:
                self._fail(f"worker {handle.number} (pid {handle.pid}) sent nothing for {LEASE_S:.0f} s and was ended")
                handle.process.kill()

    # ---- ends

    def _enforce_end(self, elapsed: float) -> None:
        graceful = max((load.graceful_stop_s for load in self._plan.loads), default=0.0)
        if self._course.is_paused and self._cut_at == float("inf"):
            return
        limit = min(self._cut_at, self._course.duration_s + graceful + _OVERTIME_S)
        if elapsed > limit:
            self._cut_at = float("inf")
            self._broadcast({"type": "stop", "mode": "kill"})
        if elapsed > limit + _OVERTIME_S:
            self._fail("workers did not end in time and were killed")

    def _abort(self, reason: str) -> None:
        """Cut the run short because the test itself says that it has failed: it is stopped, not completed, and its verdict is fail."""
        self._state = next_status(self._state, "stop")
        self._reason = reason
        self._is_condemned = True
        self._note("error", reason)
        self._order_stop("graceful", _ABORT_DEADLINE_S)

    def _order_stop(self, mode: str, deadline_s: float) -> None:
        self._broadcast({"type": "stop", "mode": mode, "deadline_s": deadline_s})
        self._cut_at = min(self._cut_at, self._elapsed() + deadline_s + 1.0)
        self._wake.set()

    def _fail(self, reason: str) -> None:
        if self._state is RunStatus.FAILED:
            return
        self._state = RunStatus.FAILED
        self._reason = reason
        self._note("error", reason)
        self._broadcast({"type": "stop", "mode": "kill"})
        self._wake.set()

    # ---- views

    def _elapsed(self) -> float:
        if self._ended_s is not None:
            return self._ended_s
        return max(0.0, (time.monotonic_ns() - self._zero_ns) / 1e9) if self._zero_ns else 0.0

    def _follow_phase(self, elapsed: float) -> None:
        over = elapsed >= self._course.duration_s and not self._course.is_paused
        phase = "shutdown" if self._state is RunStatus.STOPPING or over else self._course.phase(elapsed)
        if phase != self._phase:
            self._phase = phase
            self.status = self._live()
            self._event("phase", f"phase {phase}", phase=phase, users=self.status["users"])
            self._publish("maid:status", self.status)

    def _second(self, elapsed: float) -> None:
        figures, counts = self._view.second(elapsed)
        self._journal.second(figures)
        self.status = self._live()
        self._journal.status(self.status)
        self._view.begin_second()
        failed = self._guard.second(elapsed, counts)
        if failed and self._state is RunStatus.RUNNING:
            self._abort(failed)
        elif self._auto_stop is not None:
            reason = self._auto_stop.second(elapsed, self._counts.requests, self._counts.failures)
            if reason and self._state is RunStatus.RUNNING:
                self.stop(reason=reason, deadline_s=_ABORT_DEADLINE_S)

    def _live(self) -> LiveStatus:
        return self._view.status(state=self._state, phase=self._phase, reason=self._reason, elapsed_s=self._elapsed())

    # ---- small things

    def _expect(self, key: str) -> asyncio.Future[Message]:
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        return future

    def _broadcast(self, message: Message) -> None:
        for handle in self._pool.workers:
            handle.send(message)

    def _event(self, kind: str, text: str, **fields: Any) -> None:
        """Log something that belongs to the history of the run."""
        entry = {"t_s": round(self._elapsed(), 3), "level": "info", "source": "supervisor", "message": text, "event": kind, **fields}
        self._journal.log(entry)
        self._publish("maid:logs", entry)

    def _note(self, level: str, text: str, *, source: str = "supervisor", at_s: float | None = None) -> None:
        entry = {"t_s": round(self._elapsed() if at_s is None else at_s, 3), "level": level, "source": source, "message": text}
        self._journal.log(entry)
        self._publish("maid:logs", entry)
