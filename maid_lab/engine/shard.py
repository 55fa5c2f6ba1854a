"""A worker's part of a run: its loads, users and connections, and everything they share."""

from __future__ import annotations

import hashlib
import json
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.http.origin import Origins
from maid_lab.engine.loads.closed_load import ClosedLoad
from maid_lab.engine.loads.gate import Gate
from maid_lab.engine.loads.open_load import OpenLoad
from maid_lab.engine.loads.request_load import RequestLoad
from maid_lab.engine.scripts.program import Program
from maid_lab.engine.scripts.steps import StepCompiler
from maid_lab.engine.users.data import DataFeed
from maid_lab.engine.users.user import UserScope, VirtualUser
from maid_lab.model.dealing import drawing_workers, sets_of
from maid_lab.model.errors import InvalidInput
from maid_lab.model.plan import Scenario, Tls, plan_to_json
from maid_lab.model.rows import SETUP_USER, Outcome
from maid_lab.model.schedules import share_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from maid_lab.engine.http.connection import Connection
    from maid_lab.engine.http.origin import Base
    from maid_lab.engine.recording.capture import Capture
    from maid_lab.engine.recording.recorder import Recorder
    from maid_lab.engine.timers import Timers
    from maid_lab.model.plan import Code, Label, Load, Plan, Segment, Step

__all__ = ["SETUP_USER", "Shard"]

_NS: Final = 1_000_000_000
_USERS_EVERY_NS: Final = 5_000_000


class Shard:
    """Part of a plan that one worker runs.

    Parameters
    ----------
    plan : Plan
        The whole plan.
    worker, workers : int
        Which share of users and starts.
    loop, recorder, timers
        The worker's loop and what writes rows and wakes users.
    secrets : mapping of str to str
        Values of secret parameters.
    log : callable
        `log(level, message)`.
    capture : Capture, optional
        Keeps failed exchanges, and what the logs ask for.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        run_id: str,
        worker: int,
        workers: int,
        loop: asyncio.AbstractEventLoop,
        recorder: Recorder,
        timers: Timers,
        secrets: Mapping[str, str],
        log: Callable[[str, str], None],
        capture: Capture | None = None,
    ) -> None:
        self.plan = plan
        self.worker = worker
        self.workers = workers
        self.loop = loop
        self.recorder = recorder
        self.timers = timers
        self.log = log
        self.capture = capture
        self.run_id = run_id
        self.zero_ns = 0
        self.requests = 0
        self.is_ending = False
        self.end_reason = ""
        self.end_failed = False
        self.connections: set[Connection] = set()
        self.variables: dict[str, Any] = dict(plan.variables)
        self._secrets = dict(secrets)
        self._parameters = dict(plan.parameters)
        self._sequences: dict[str, int] = {}
        self._traces = 0
        self._trace_root = hashlib.sha256(run_id.encode()).hexdigest()[:16]
        self.origins = Origins(plan.targets)
        self._bases = [(self.origins.base(target.base_url), target.weight) for target in plan.targets if target.weight > 0]
        self._base_order = [index for index, (_, weight) in enumerate(self._bases) for _ in range(weight)]
        self.gate = Gate(self, plan.throttle_per_s) if plan.throttle_per_s else None
        self.max_requests = share_of(plan.max_requests, worker, workers) if plan.max_requests else 0
        self._feeds = self._feeds_of(plan)
        captures = capture is not None and capture.options.requests
        text = json.dumps(plan_to_json(plan.scenarios))
        self._compiler = StepCompiler(uses_last="last." in text, uses_pages='"FormStep"' in text, captures=captures)
        self._made_labels: dict[int, Label] = {}
        self.code: Any = None
        self._user_class: type[VirtualUser] = VirtualUser
        self.programs = [self._program(scenario) for scenario in plan.scenarios]
        self.loads = [_load_class(load)(self, load) for load in plan.loads]
        self._users_recorded = -1
        self._users_at_ns = 0

    def _feeds_of(self, plan: Plan) -> dict[str, DataFeed]:
        read = [sets_of(scenario) for scenario in plan.scenarios]
        drawing = {data.name: drawing_workers(plan, data.name, self.workers, users=read) for data in plan.data}
        return {data.name: DataFeed(data, worker=self.worker, drawing=drawing[data.name], seed=plan.seed) for data in plan.data}

    def _program(self, scenario: Scenario) -> Program:
        if scenario.code is None:
            return Program(scenario, self.plan, self._feeds, self._compiler)
        # Imported where a plan has code: recipes do without.
        from maid_lab.engine.python.program import PythonProgram
        from maid_lab.engine.python.runtime import CodeRuntime
        from maid_lab.engine.python.user import CodeUser

        self._user_class = CodeUser
        self.code = self.code or CodeRuntime(self)
        return PythonProgram(scenario, self.plan, self._feeds, self._compiler, self.code)

    # ---- labels

    def label(self, number: int) -> Label:
        """Return a label of the plan, or one that was made while running."""
        labels = self.plan.labels
        return labels[number] if number < len(labels) else self._made_labels[number]

    def label_id(self, label: Label) -> int:
        """Return the number of a label that is made while running."""
        number = self.recorder.label_id(label)
        self._made_labels.setdefault(number, label)
        return number

    # ---- life of the shard

    def start(self, zero_ns: int, variables: Mapping[str, Any]) -> None:
        """Begin the loads; all times count from `zero_ns`."""
        self.zero_ns = self.recorder.zero_ns = zero_ns
        self.variables.update(variables)
        for load in self.loads:
            load.start()

    @property
    def is_done(self) -> bool:
        """Whether all loads have ended and no user is left."""
        return all(load.is_done for load in self.loads)

    @property
    def users(self) -> int:
        """Live users."""
        return sum(load.users for load in self.loads)

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answer."""
        return sum(connection.operation is not None for connection in self.connections)

    def stop(self, deadline_s: float) -> None:
        """Start nothing more; finish the requests under way within the deadline, then cut."""
        self.is_ending = True
        for load in self.loads:
            load.stop()
        self.timers.at(monotonic_ns() + int(deadline_s * _NS), lambda _: self.kill())

    def kill(self) -> None:
        """Send nothing more from this moment; what is under way is recorded as aborted."""
        self.is_ending = True
        for load in self.loads:
            load.kill()

    def replan(self, index: int, segments: tuple[Segment, ...]) -> None:
        """Let a load follow other segments from now on."""
        if not self.is_ending:
            self.loads[index].replan(segments)

    def pause(self) -> None:
        """Send nothing more until `resume`: loads stand still, users wait before their next request, think times go on."""
        self._closed_gate().pause()
        for load in self.loads:
            load.agenda.pause(monotonic_ns())

    def resume(self) -> None:
        """Go on where the pause began."""
        if self.gate is not None:
            for load in self.loads:
                load.agenda.resume(monotonic_ns())
            self.gate.resume()

    def throttle(self, rate_per_s: float) -> None:
        """Change the ceiling of request starts over all workers; 0 takes it away."""
        self._closed_gate().limit(rate_per_s)

    def _closed_gate(self) -> Gate:
        if self.gate is None:
            self.gate = Gate(self)
            self._tell_gate()
        return self.gate

    def _tell_gate(self) -> None:
        """Tell users what holds their requests back: then none goes out past it."""
        for load in self.loads:
            load.use_gate(self.gate)

    def end_run(self, reason: str, *, failed: bool = True) -> None:
        """Ask the supervisor, with the next snapshot, to end the run; when it `failed`, its verdict is fail."""
        if not self.end_reason:
            self.end_reason, self.end_failed = reason, failed

    @property
    def dry(self) -> list[str]:
        """Data sets that end the run when they are used up, and are used up on this worker."""
        return [name for name, feed in self._feeds.items() if feed.is_dry]

    def debug(self, tag: str, user: VirtualUser | None, request_text: str = "", head: str = "", body: str | bytes = "") -> None:
        """Write a line into the debug log, masked and cut; nothing when nobody asked for that log. See `Capture.debug`."""
        if self.capture is not None:
            self.capture.debug(tag, user, request_text, head, body)

    def sweep(self, now: int) -> None:
        """End exchanges that have passed a limit, and note how many users are live."""
        for connection in tuple(self.connections):
            limit = connection.overdue(now)
            if limit:
                connection.fail(Outcome.TIMEOUT, f"timeout ({limit}) while {connection.stage}", now=now)
        self.note_users(now, due=True)
        if self.code is not None:
            self.code.write_old_rows(now)
        if self.gate is not None and self.gate.is_open:
            self.gate = None
            self._tell_gate()
        if self.max_requests and self.requests >= self.max_requests and not self.is_ending:
            self.end_run(f"max_requests {self.plan.max_requests} reached", failed=False)

    def note_users(self, now: int, *, due: bool = False) -> None:
        """Record the number of live users when it changed, at most every 5 ms: ten thousand starts need not be ten thousand rows."""
        count = self.users
        if count != self._users_recorded and (due or now - self._users_at_ns >= _USERS_EVERY_NS):
            self._users_recorded, self._users_at_ns = count, now
            self.recorder.users(count, now=now)

    # ---- setup and teardown

    def run_once(self, steps: tuple[Step, ...], done: Callable[[VirtualUser, str], None]) -> VirtualUser:
        """Run setup or teardown by one extra user; `done(user, error)` is called at the end."""
        scenario = Scenario(name="", label=0, weight=0, steps=steps)
        program = Program(scenario, self.plan, {}, self._compiler)
        user = VirtualUser(self, SETUP_USER, program, flags=0, on_end=lambda _: None)
        user.keeps = True
        user.scope.vars = user.kept
        user.start(program.once(user, lambda error: done(user, error)), monotonic_ns())
        return user

    def run_code_once(self, code: Code, section: str, done: Callable[[VirtualUser, str], None]) -> VirtualUser:
        """Run setup or teardown that is a function; see `run_once`."""
        from maid_lab.engine.python.program import PythonProgram
        from maid_lab.engine.python.runtime import CodeRuntime
        from maid_lab.engine.python.user import CodeUser

        self.code = self.code or CodeRuntime(self)
        scenario = Scenario(name="", label=0, weight=0, steps=(), code=code)
        program = PythonProgram(scenario, self.plan, {}, self._compiler, self.code, section=section)
        user = CodeUser(self, SETUP_USER, program, flags=0, on_end=lambda user: user.close_connections())
        user.keeps = True
        user.start(program.only(user, lambda error: done(user, error)), monotonic_ns())
        return user

    # ---- what users share

    def new_user(self, number: int, program: Program, *, flags: int, on_end: Callable[[VirtualUser], None]) -> VirtualUser:
        """Return a new user: with a Task when any scenario of the plan is in Python, as it may come to it."""
        return self._user_class(self, number, program, flags=flags, on_end=on_end)

    def scope_for(self, user: VirtualUser) -> UserScope:
        """Return a new scope for expressions of a user."""
        scope = UserScope(user)
        scope.params = self._parameters
        scope.secrets = self._secrets
        scope.vars = dict(self.variables)
        scope.row = {}
        scope.data = {}
        scope.vu = {"id": user.number, "scenario": user.program.scenario.name}
        scope.iter = 0
        scope.run = _RunScope(self)
        scope.last = {}
        scope.seq = self._next_in
        return scope

    def base_of(self, scenario: Scenario, number: int) -> Base | None:
        """Return the base URL for a user: the scenario's host, else the targets in turn by weight."""
        if scenario.host:
            return self.origins.base(scenario.host)
        if not self._base_order:
            return None
        return self._bases[self._base_order[number % len(self._base_order)]][0]

    def require_base(self, base: Base | None, tls: Tls) -> Base:
        """Return the base, or say that there is none.

        Raises
        ------
        InvalidInput
            Without a base.
        """
        if base is None:
            raise InvalidInput("the URL is relative and the plan has no base URL", hint="Set target.base_url.")
        return base

    def release_data(self, user: VirtualUser) -> None:
        """Give back the rows that a user held."""
        for feed in self._feeds.values():
            feed.release(user)

    def next_trace(self) -> tuple[int, str]:
        """Return a trace id of this run, and the header that carries it (W3C Trace Context, level 1).

        The upper half of the id is the run's; the lower half, which the row keeps, is unique in it whatever the number of workers.
        """
        self._traces += 1
        number = (self.worker + 1) << 48 | self._traces
        return number, f"traceparent: 00-{self._trace_root}{number:016x}-{self._traces:016x}-01\r\n"

    def _next_in(self, name: str) -> int:
        number = self._sequences.get(name, self.worker)
        self._sequences[name] = number + self.workers
        return number


class _RunScope(dict[str, Any]):
    """`run.id` and `run.elapsed`."""

    def __init__(self, shard: Shard) -> None:
        super().__init__(id=shard.run_id)
        self._shard = shard

    def __missing__(self, key: str) -> float:
        if key != "elapsed":
            raise KeyError(key)
        return max(0.0, (monotonic_ns() - self._shard.zero_ns) / _NS)

    def __contains__(self, key: object) -> bool:
        return key in ("id", "elapsed")


def _load_class(load: Load) -> type[ClosedLoad | OpenLoad | RequestLoad]:
    if load.model != "rate":
        return ClosedLoad
    return OpenLoad if load.of == "iterations" else RequestLoad
