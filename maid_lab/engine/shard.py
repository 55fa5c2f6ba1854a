"""A worker's part of a run: its loads, users and connections, and everything they share."""

from __future__ import annotations

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
from maid_lab.engine.users.context import WorkerContext
from maid_lab.engine.users.data import DataFeed
from maid_lab.engine.users.user import VirtualUser
from maid_lab.model.dealing import drawing_workers, sets_of
from maid_lab.model.expressions import Scope
from maid_lab.model.plan import Scenario, plan_to_json
from maid_lab.model.rows import SETUP_USER, Outcome
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maid_lab.engine.users.parts import Compiled
    from maid_lab.model.plan import Code, Load, Plan, Segment, Step

__all__ = ["SETUP_USER", "Shard"]

_NS: Final = 1_000_000_000
_USERS_EVERY_NS: Final = 5_000_000
#: Answers under way at the ceiling of requests get as long as at any graceful stop.
_GRACE_S: Final = 10.0


class Shard(WorkerContext):
    """Part of a plan that one worker runs; its parameters are those of `WorkerContext` but for the addresses, which are the plan's."""

    gate: Gate | None

    def __init__(self, plan: Plan, **context: Any) -> None:
        super().__init__(plan, origins=Origins(plan.targets, self._text_of), **context)
        self.gate = Gate(self, plan.throttle_per_s) if plan.throttle_per_s else None
        self._feeds = self._feeds_of(plan)
        captures = self.capture is not None and self.capture.options.requests
        text = json.dumps(plan_to_json(plan.scenarios))
        self._compiler = StepCompiler(uses_last="last." in text, uses_pages='"FormStep"' in text, captures=captures)
        self._user_class: type[VirtualUser] = VirtualUser
        self.programs = [self._program(scenario) for scenario in plan.scenarios]
        self.loads = [_load_class(load)(self, load) for load in plan.loads]
        self._users_recorded = -1
        self._users_at_ns = 0

    def _text_of(self, template: str) -> str:
        """Return the value of a text that is the same for all users, such as a proxy's address."""
        scope = Scope()
        scope.params, scope.secrets, scope.vars = self.parameters, self.secrets, self.variables
        value = compile_value(template)
        return str(value(scope) if callable(value) else value)

    def _feeds_of(self, plan: Plan) -> dict[str, DataFeed]:
        read = [sets_of(scenario) for scenario in plan.scenarios]
        drawing = {data.name: drawing_workers(plan, data.name, self.workers, users=read) for data in plan.data}
        return {data.name: DataFeed(data, worker=self.worker, drawing=drawing[data.name], seed=plan.seed) for data in plan.data}

    def _program(self, scenario: Scenario) -> Program:
        if scenario.code is None:
            return Program(scenario, self.plan, self._feeds, self._compiler)
        # Imported where a plan has code: recipes do without.
        from maid_lab.engine.python.face import User
        from maid_lab.engine.python.program import PythonProgram
        from maid_lab.engine.python.runtime import CodeRuntime
        from maid_lab.engine.python.user import CodeUser

        self._user_class = CodeUser
        self.code = self.code or CodeRuntime(self, User)
        return PythonProgram(scenario, self.plan, self._feeds, self._compiler, self.code)

    # ---- life of the shard

    def start(self, zero_ns: int, variables: Mapping[str, Any]) -> None:
        """Begin the loads; all times count from `zero_ns`."""
        self.zero_ns = self.recorder.zero_ns = zero_ns
        self.variables.update(variables)
        for load in self.loads:
            load.start()
        if self.plan.max_requests and not self.max_requests:
            # A ceiling below the number of workers leaves some without any.
            self.hold_back()

    @property
    def is_done(self) -> bool:
        """Whether all loads have ended and no user is left."""
        return all(load.is_done for load in self.loads) and not self.asides

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
        for user in tuple(self.asides):
            user.abort()

    def hold_back(self) -> None:
        """Stop at the ceiling of requests: the supervisor would say so a tenth of a second later, and have more sent until then."""
        if not self.is_ending:
            self.stop(_GRACE_S)

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

    @property
    def dry(self) -> list[str]:
        """Data sets that end the run when they are used up, and are used up on this worker."""
        return [name for name, feed in self._feeds.items() if feed.is_dry]

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
        from maid_lab.engine.python.face import User
        from maid_lab.engine.python.program import PythonProgram
        from maid_lab.engine.python.runtime import CodeRuntime
        from maid_lab.engine.python.user import CodeUser

        self.code = self.code or CodeRuntime(self, User)
        scenario = Scenario(name="", label=0, weight=0, steps=(), code=code)
        program = PythonProgram(scenario, self.plan, {}, self._compiler, self.code, section=section)
        user = CodeUser(self, SETUP_USER, program, flags=0, on_end=lambda user: user.close_connections())
        user.keeps = True
        user.start(program.only(user, lambda error: done(user, error)), monotonic_ns())
        return user

    # ---- what users share

    def new_user(self, number: int, program: Compiled, *, flags: int, on_end: Callable[[VirtualUser], None]) -> VirtualUser:
        """Return a new user: with a Task when any scenario of the plan is in Python, as it may come to it."""
        return self._user_class(self, number, program, flags=flags, on_end=on_end)

    def release_data(self, user: VirtualUser) -> None:
        """Give back the rows that a user held."""
        for feed in self._feeds.values():
            feed.release(user)


def _load_class(load: Load) -> type[ClosedLoad | OpenLoad | RequestLoad]:
    if load.model != "rate":
        return ClosedLoad
    return OpenLoad if load.of == "iterations" else RequestLoad
