"""One virtual user: session, connections and the script it is stepped through.

There is no task, future or queue behind a user. Its script is a generator; the read callback of its connection sends the result straight
into it and begins the operation that comes out, so that a request costs a few function calls.
"""

from __future__ import annotations

from random import Random
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from maid_lab.engine.users.ops import PENDING, Cut
from maid_lab.model.expressions import Scope
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from maid_lab.engine.http.cookies import CookieJar
    from maid_lab.engine.http.digest import Challenge
    from maid_lab.engine.http.origin import Base, Origin
    from maid_lab.engine.users.context import WorkerContext
    from maid_lab.engine.users.parts import Branches, Compiled, RequestGate, Waiting

__all__ = ["UserScope", "VirtualUser"]


class UserScope(Scope):
    """What expressions see, with the random stream of the user's current iteration, seeded on first use."""

    __slots__ = ("_user",)

    def __init__(self, user: VirtualUser) -> None:
        self._user = user
        super().__init__()
        context = user.shard
        self.params = context.parameters
        self.secrets = context.secrets
        self.vars = dict(context.variables)
        self.row = {}
        self.data = {}
        self.vu = {"id": user.number, "scenario": user.program.scenario.name}
        self.iter = 0
        self.run = context.run_values()
        self.last = {}
        self.seq = context.next_in

    @property
    def rng(self) -> Random:
        """The user's random stream."""
        return self._user.rng

    @rng.setter
    def rng(self, value: object) -> None:
        """Ignore what the base class puts there: the stream belongs to the user."""


class VirtualUser:
    """State of one user.

    Attributes
    ----------
    number : int
        0-based over all workers.
    ready_ns : int
        When the user was ready for what it does next: end of the last answer or pause, or the due time of an arrival. Monotonic ns.
    flags : int
        Phase bits of rows written now.
    leaving, leaving_now : bool
        Start no further iteration; start no further request either.
    flat, position
        The loop that connections may step by themselves, and the place in it.
    life : int
        Grows when the script is replaced, so that what was scheduled for the old one does nothing.
    """

    __slots__ = (
        "_generator",
        "_rng",
        "_rng_key",
        "_send",
        "base",
        "challenges",
        "connections",
        "failure",
        "flags", "flat", "flock",
        "gate",
        "is_plain",
        "iteration",
        "iteration_ns",
        "jar",
        "keeps",
        "kept",
        "leaving",
        "leaving_now",
        "life",
        "number",
        "on_end", "page", "position",
        "program",
        "ready_ns",
        "request",
        "scope",
        "shard",
        "taken",
        "think_ns",
        "timer",
        "waits_for_slot",
    )  # fmt: skip

    def __init__(self, shard: WorkerContext, number: int, program: Compiled, *, flags: int, on_end: Callable[[VirtualUser], None]) -> None:
        self.shard = shard
        self.number = number
        self.program = program
        self.flags = flags
        self.on_end = on_end
        #: Open connections; which class they are of is the operation's choice.
        self.connections: dict[Origin, Any] = {}
        self.jar: CookieJar | None = None
        #: What servers asked to be answered by digest authentication.
        self.challenges: dict[Origin, Challenge] | None = None
        #: What holds requests back before they are sent.
        self.gate: RequestGate | None = shard.gate
        #: No cookies to send and nothing that holds requests back: constant requests may go out as they are.
        self.is_plain = shard.gate is None and not shard.max_requests
        self.base: Base | None = shard.base_of(program.scenario, number)
        self.kept: dict[str, Any] = dict(shard.variables)
        self.keeps = False
        self.iteration = 0
        self.iteration_ns = 0
        self.taken = 0
        self.think_ns = 0
        self.failure: tuple[Outcome, str] | None = None
        self.leaving = False
        self.leaving_now = False
        self.waits_for_slot = False
        self.life = 0
        self.ready_ns = 0
        self.request: Any = None
        self.timer: Waiting | None = None
        self.flat: Any = None
        #: Branches that run at the same time, once there were some.
        self.flock: Branches | None = None
        #: The last HTML page of the iteration, where the plan has a use for it.
        self.page: Any = None
        self.position = 0
        self._rng: Random | None = None
        self._rng_key = -1
        self._generator: Generator[Any, Any, None] | None = None
        self._send: Callable[[Any], Any] = _not_started
        self.scope = UserScope(self)

    # ---- being stepped

    def start(self, script: Generator[Any, Any, None], ready_ns: int) -> None:
        """Begin a script."""
        self.life += 1
        self._generator = script
        self._send = script.send
        self.ready_ns = ready_ns
        self.step(None)

    def step(self, result: Any) -> None:
        """Give the script a result and begin what it yields next, until something has to be waited for."""
        send = self._send
        try:
            while True:
                result = send(result).begin(self)
                if result is PENDING:
                    return
        except StopIteration:
            self._generator = None
            self.on_end(self)

    def later(self, result: Any) -> Any:
        """Let the script go on with a result behind whatever is ready in the loop now."""
        self.shard.loop.call_soon(self._go_on, result, self.life)
        return PENDING

    def _go_on(self, result: Any, life: int) -> None:
        if life == self.life:
            self.step(result)

    def sleep_until(self, due_ns: int) -> Any:
        """Wait until a moment of the monotonic clock; the script goes on with True, or with False when it is cut short."""
        if self.leaving_now:
            return False
        self.timer = self.shard.timers.at(due_ns, self._wake, self.life)
        return PENDING

    def _wake(self, life: int) -> None:
        timer = self.timer
        if timer is None or timer.is_request or life != self.life:
            return
        self.timer = None
        self.ready_ns = timer.due_ns
        self.step(True)  # noqa: FBT003 - the result of the pause

    def leave_now(self) -> None:
        """Finish the request that is under way, then end; a pause ends at once."""
        self.leaving = self.leaving_now = True
        if self.flock is not None:
            self.flock.leave_now()
        timer = self.timer
        if timer is not None:
            self.timer = None
            timer.cancel()
            self.ready_ns = monotonic_ns()
            if timer.is_request:
                self._cut()
            else:
                self.step(False)  # noqa: FBT003 - the pause was cut

    def _cut(self) -> None:
        """End the script where it waits for a request that will not be sent."""
        generator = self._generator
        if generator is None:
            return
        try:
            result = generator.throw(Cut()).begin(self)
        except StopIteration:
            self._generator = None
            self.on_end(self)
        else:
            if result is not PENDING:
                self.step(result)

    def abort(self) -> None:
        """End where it stands: what is under way is recorded as aborted."""
        self.life += 1
        self.leaving = self.leaving_now = True
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.flock is not None:
            self.flock.abort()
        now = monotonic_ns()
        for connection in tuple(self.connections.values()):
            if connection.operation is not None:
                connection.operation.abort(connection, now)
                connection.operation = None
            connection.close()
        self.ready_ns = now
        generator, self._generator = self._generator, None
        if generator is not None:
            generator.close()
            self.on_end(self)

    def take(self, program: Compiled) -> None:
        """Go on with another scenario, as the same user with the same session."""
        if program is not self.program:
            self.program = program
            self.base = self.shard.base_of(program.scenario, self.number)
            self.scope.vu = {"id": self.number, "scenario": program.scenario.name}

    def close_connections(self) -> None:
        """Close what is open; the user keeps its session."""
        if self.flock is not None:
            self.flock.close_connections()
        for connection in tuple(self.connections.values()):
            connection.close()

    def use_gate(self, gate: RequestGate | None) -> None:
        """Let another gate hold back the user's requests, or none."""
        self.gate = gate
        self.is_plain = gate is None and not self.shard.max_requests and self.jar is None
        self.flat = None

    # ---- session

    @property
    def rng(self) -> Random:
        """Random stream, seeded by the plan's seed, the user and the iteration, whatever the number of workers."""
        if self._rng is None:
            self._rng = Random()
        if self._rng_key != self.iteration:
            self._rng_key = self.iteration
            self._rng.seed(f"{self.shard.plan.seed}/{self.number}/{self.iteration}")
        return self._rng

    def set_variable(self, name: str, value: Any, *, keep: bool) -> None:
        """Set a variable until the iteration ends, or for the user's life."""
        self.scope.vars[name] = value
        if keep or self.keeps:
            self.kept[name] = value

    def failed_by(self, _operation: object, outcome: Outcome, error: str) -> None:
        """Note the first failure for the rows of the transaction and iteration around it."""
        if self.failure is None:
            self.failure = (outcome, error)

    def verdict(self, default: Outcome) -> tuple[Outcome, str]:
        """Return the first failure noted, or `default` without text."""
        return self.failure or (default, "")

    def record(self, label: int, *, start: int, end: int, outcome: Outcome, error: str = "", intended: int = 0) -> None:
        """Write a row that has no exchange of its own."""
        self.shard.recorder.record(
            label=label, user=self.number, iteration=self.iteration, intended=intended or start, start=start, end=end, outcome=outcome,
            flags=self.flags,
            error=error,
        )  # fmt: skip

    def base_for(self) -> Base:
        """Return the user's base URL.

        Raises
        ------
        InvalidInput
            If the plan has none: a relative URL needs one.
        """
        return self.shard.require_base(self.base)


def _not_started(_result: Any) -> Any:
    raise StopIteration
