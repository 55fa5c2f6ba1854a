"""The open model: iterations start when they are due, whatever the answers do."""

from __future__ import annotations

from collections import defaultdict, deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.loads.pacer import Pacer
from maid_lab.engine.loads.phases import PhaseClock
from maid_lab.model.rows import Outcome
from maid_lab.model.schedules import ScenarioChoice, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.engine.http.cookies import CookieJar
    from maid_lab.engine.loads.agenda import Agenda
    from maid_lab.engine.loads.gate import Gate
    from maid_lab.engine.loads.host import LoadHost
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Load, Segment

__all__ = ["OpenLoad"]

_NS: Final = 1_000_000_000
#: Where idle users wait when a start takes any of them.
_ANY: Final = -1


class OpenLoad:
    """Starts of one load on one worker.

    A start takes an idle user of its scenario, makes one while fewer than this worker's share of `max_users` exist, or replaces an idle user
    of another scenario. If all are busy it is recorded as dropped. A start that is released late keeps its due time as intended start. With
    `assignment: per-user` the scenario belongs to the user, and a start takes the user that has been idle longest.

    Each start is a new visitor: cookies and variables are as after `on_start`; connections stay open.

    Parameters
    ----------
    shard : LoadHost
        The worker's part of the run.
    load : Load
        A load of model `rate` that counts iterations.
    """

    def __init__(self, shard: LoadHost, load: Load) -> None:
        self._shard = shard
        self._load = load
        self._limit = share_of(load.max_users, shard.worker, shard.workers)
        self._choose = ScenarioChoice(load.order, shard.plan.seed, each_loop=load.random_each_loop)
        self._is_per_user = load.assignment == "per-user"
        self._pace_ns = int(load.pace_s * _NS)
        self._idle: dict[int, deque[VirtualUser]] = defaultdict(deque)
        #: Users whose pace does not let them start again yet.
        self._resting: set[VirtualUser] = set()
        self._users: set[VirtualUser] = set()
        #: Users in `on_stop`: no longer counted as users, but not gone.
        self._farewells: set[VirtualUser] = set()
        self._sessions: dict[VirtualUser, tuple[CookieJar | None, dict[str, Any]]] = {}
        self._busy = 0
        self._made = 0
        self._is_over = False
        self._is_cut = False
        self._has_farewells = any(shard.programs[index].has_farewell for index in load.order)
        self._pacer = Pacer(shard, load, self._begin)
        self._phases = PhaseClock(self.agenda, load.segments, self._set_phase)

    @property
    def agenda(self) -> Agenda:
        """What the load has to do and when."""
        return self._pacer.agenda

    @property
    def users(self) -> int:
        """Users in an iteration."""
        return self._busy

    @property
    def is_done(self) -> bool:
        """Whether nothing runs and nothing is to start; users that have an `on_stop` stay until the end of the load."""
        is_quiet = not self._busy and not self._farewells and self._pacer.is_done
        return is_quiet and (self._is_over or not self._has_farewells)

    def start(self) -> None:
        """Make the users that are wanted beforehand and schedule the first start."""
        shard, load = self._shard, self._load
        for _ in range(min(share_of(load.prewarm, shard.worker, shard.workers), self._limit)):
            self._prepare(self._choose(self._next_number()))
        self.agenda.put(load.segments[-1].end_s, self._finish)
        self._pacer.start(shard.zero_ns)

    def use_gate(self, gate: Gate | None) -> None:
        """Let another gate hold back the users' requests, or none."""
        for user in self._users:
            user.use_gate(gate)

    def replan(self, segments: Sequence[Segment]) -> None:
        """Follow another rate from now on."""
        if not self._is_over and segments:
            self.agenda.remove(self._finish)
            self.agenda.put(segments[-1].end_s, self._finish)
            self._phases.follow(segments, from_s=self._pacer.now_s)
            self._pacer.replan(segments)

    def stop(self) -> None:
        """Start nothing more; users finish their request, then say farewell."""
        self._end_starts()
        for user in tuple(self._users):
            user.leave_now()
        self._dismiss_idle()

    def kill(self) -> None:
        """Cut all users."""
        self._end_starts()
        self._cut_all(None)
        self._busy = 0

    # ---- starts

    def _begin(self, number: int, due: int) -> None:
        scenario = self._choose(number)
        user = self._free_user(scenario) or self._make(scenario)
        if user is None:
            self._drop(scenario, due)
            return
        self._busy += 1
        if self._load.rows:
            user.scope.row = self._load.rows[number]
        if user in self._sessions:
            self._visit(user, due)
        else:
            user.taken = due
            user.start(user.program.preparation(user), due)

    def _free_user(self, scenario: int) -> VirtualUser | None:
        idle = self._idle[_ANY if self._is_per_user else scenario]
        if not idle:
            return None
        # Of its own scenario the last to have ended is taken, whose connection is open most likely; else all are to have their turn.
        return idle.popleft() if self._is_per_user else idle.pop()

    def _drop(self, scenario: int, due: int) -> None:
        shard = self._shard
        shard.recorder.record(
            label=shard.programs[scenario].label,
            user=0,
            iteration=0,
            intended=due,
            start=due,
            end=due,
            outcome=Outcome.DROPPED,
            flags=self._phases.flags,
        )

    # ---- users

    def _next_number(self) -> int:
        return self._shard.worker + self._shard.workers * self._made

    def _make(self, scenario: int) -> VirtualUser | None:
        if len(self._users) >= self._limit and not self._retire_idle():
            return None
        shard, number = self._shard, self._next_number()
        self._made += 1
        program = shard.programs[self._choose(number) if self._is_per_user else scenario]
        user = shard.new_user(number, program, flags=self._phases.flags, on_end=self._ended)
        self._users.add(user)
        return user

    def _retire_idle(self) -> bool:
        for idle in self._idle.values():
            if idle:
                self._dismiss(idle.popleft())
                return True
        return False

    def _prepare(self, scenario: int) -> None:
        user = self._make(scenario)
        if user is not None:
            self._busy += 1
            user.taken = 0
            user.start(user.program.preparation(user), monotonic_ns())

    def _visit(self, user: VirtualUser, due: int) -> None:
        self._restore(user)
        user.taken = 0
        user.start(user.program.visit(user), due)

    def _restore(self, user: VirtualUser) -> None:
        jar, kept = self._sessions[user]
        user.jar = jar.copy() if jar is not None else None
        user.kept = dict(kept)
        user.flags = self._phases.flags

    def _ended(self, user: VirtualUser) -> None:
        user.life += 1
        if user in self._farewells:
            self._forget(user)
            return
        if user not in self._sessions:
            if user.leaving:
                self._gave_up(user)
                return
            self._sessions[user] = (user.jar.copy() if user.jar is not None else None, dict(user.kept))
            if user.taken and not self._is_over:
                self._visit(user, user.taken)
                return
            if user.taken:
                self._record_lost(user)
        self._busy -= 1
        if user.leaving or self._is_over:
            self._dismiss(user)
        else:
            self._rest(user)

    def _gave_up(self, user: VirtualUser) -> None:
        """Take back a user whose `on_start` did not end well."""
        self._busy -= 1
        if user.taken:
            self._record_lost(user)
        self._forget(user)

    def _record_lost(self, user: VirtualUser) -> None:
        """Record a start that never came to its iteration, so that no start goes without a row."""
        outcome, error = (Outcome.ABORTED, "") if self._is_over else (Outcome.UNSENT, "on_start failed")
        user.record(user.program.label, start=user.taken, end=max(user.ready_ns, user.taken), outcome=outcome, error=error)

    def _rest(self, user: VirtualUser) -> None:
        pace = max(self._pace_ns, user.program.pace_ns)
        if pace and user.iteration and user.iteration_ns + pace > monotonic_ns():
            self._resting.add(user)
            self._shard.timers.at(user.iteration_ns + pace, self._rested, user)
        else:
            self._release(user)

    def _rested(self, user: VirtualUser) -> None:
        if user in self._resting:
            self._resting.discard(user)
            self._release(user)

    def _release(self, user: VirtualUser) -> None:
        self._idle[_ANY if self._is_per_user else self._shard.programs.index(user.program)].append(user)

    def _dismiss(self, user: VirtualUser) -> None:
        """Let a user go that has ended its iteration: by its `on_stop` when it has one and is not cut."""
        if self._is_cut or user not in self._sessions or not user.program.has_farewell:
            self._forget(user)
            return
        self._users.discard(user)
        self._farewells.add(user)
        self._restore(user)
        user.start(user.program.farewell(user), monotonic_ns())

    def _forget(self, user: VirtualUser) -> None:
        self._users.discard(user)
        self._farewells.discard(user)
        self._resting.discard(user)
        self._sessions.pop(user, None)
        user.close_connections()
        self._shard.release_data(user)

    # ---- the end

    def _finish(self, _: Any) -> None:
        self._end_starts()
        for user in tuple(self._users):
            user.leaving = True
        self._dismiss_idle()
        self._shard.timers.at(monotonic_ns() + int(self._load.graceful_stop_s * _NS), self._cut_all)

    def _dismiss_idle(self) -> None:
        idle = [user for users in self._idle.values() for user in users]
        self._idle.clear()
        resting, self._resting = self._resting, set()
        for user in (*idle, *resting):
            self._dismiss(user)

    def _cut_all(self, _: Any) -> None:
        self._is_cut = True
        for user in (*self._users, *self._farewells):
            user.abort()

    def _end_starts(self) -> None:
        self._is_over = True
        self._pacer.end()

    def _set_phase(self, flags: int) -> None:
        for user in self._users:
            user.flags = flags
