"""The open model by requests: users loop, and each of their requests waits for a slot of the rate."""

from __future__ import annotations

from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.loads.mixed import mixed
from maid_lab.engine.loads.pacer import Pacer
from maid_lab.engine.loads.phases import PhaseClock
from maid_lab.engine.scripts.program import stays
from maid_lab.engine.users.ops import PENDING
from maid_lab.model.rows import Outcome
from maid_lab.model.schedules import ScenarioChoice, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.engine.loads.agenda import Agenda
    from maid_lab.engine.loads.gate import Gate
    from maid_lab.engine.loads.host import LoadHost
    from maid_lab.engine.users.parts import Sendable
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Load, Segment

__all__ = ["RequestLoad"]

_NS: Final = 1_000_000_000
_SLOTTED: Final = "scenario"


class RequestLoad:
    """Slots of one load on one worker, and the users whose requests take them.

    A slot goes to the user that has been ready to send for longest, else to a new user while fewer than this worker's share of `max_users`
    exist, else it is recorded as dropped. A user that thinks, or waits for an answer, is not ready. Requests of `on_start` and `on_stop`,
    redirects that are followed and further attempts go without a slot. The slot's time is the intended start of its request.

    Parameters
    ----------
    shard : LoadHost
        The worker's part of the run.
    load : Load
        A load of model `rate` that counts requests.
    """

    def __init__(self, shard: LoadHost, load: Load) -> None:
        self._shard = shard
        self._load = load
        self._limit = share_of(load.max_users, shard.worker, shard.workers)
        self._choose = ScenarioChoice(load.order, shard.plan.seed, each_loop=load.random_each_loop)
        self._pace_ns = int(load.pace_s * _NS)
        self._ready: deque[tuple[VirtualUser, Sendable, int]] = deque()
        self._users: set[VirtualUser] = set()
        #: Slots of users that were made for them and have not come to their first request yet, with the think time they had by then.
        self._granted: dict[VirtualUser, tuple[int, int, int]] = {}
        self._made = 0
        self._drawn = 0
        self._is_over = False
        self._pacer = Pacer(shard, load, self._slot)
        self._phases = PhaseClock(self.agenda, load.segments, self._set_phase)

    @property
    def agenda(self) -> Agenda:
        """What the load has to do and when."""
        return self._pacer.agenda

    @property
    def users(self) -> int:
        """Live users."""
        return len(self._users)

    @property
    def is_done(self) -> bool:
        """Whether no user lives and no slot is to come."""
        return not self._users and (self._is_over or self._pacer.is_done)

    def start(self) -> None:
        """Make the users that are wanted beforehand and schedule the first slot."""
        shard, load = self._shard, self._load
        for _ in range(min(share_of(load.prewarm, shard.worker, shard.workers), self._limit)):
            self._begin(self._make())
        self.agenda.put(load.segments[-1].end_s, self._finish)
        self._pacer.start(shard.zero_ns)

    def use_gate(self, gate: Gate | None) -> None:
        """Keep the users: they wait here for their slots, and then ask the shard's gate."""

    def replan(self, segments: Sequence[Segment]) -> None:
        """Follow another rate from now on."""
        if not self._is_over and segments:
            self.agenda.remove(self._finish)
            self.agenda.put(segments[-1].end_s, self._finish)
            self._phases.follow(segments, from_s=self._pacer.now_s)
            self._pacer.replan(segments)

    def stop(self) -> None:
        """Give no more slots; users finish the request under way."""
        self._is_over = True
        self._pacer.end()
        # Branches of a user wait for slots of their own.
        waiting = [user for user, _, life in self._ready if user.life == life and user.waits_for_slot]
        self._ready.clear()
        for user in tuple(self._users):
            user.leave_now()
        for user in waiting:
            if user.waits_for_slot:
                user.waits_for_slot = False
                user.ready_ns = monotonic_ns()
                user.step(False)  # noqa: FBT003 - the request was not sent

    def kill(self) -> None:
        """Cut all users."""
        self._is_over = True
        self._pacer.end()
        self._ready.clear()
        self._cut_all(None)

    # ---- slots

    def _slot(self, number: int, due: int) -> None:
        while self._ready:
            user, operation, life = self._ready.popleft()
            if user.life == life and user.waits_for_slot:
                user.waits_for_slot = False
                self._send(user, operation, due)
                return
        if len(self._users) >= self._limit:
            self._drop(number, due)
            return
        user = self._make()
        self._granted[user] = (number, due, user.think_ns)
        self._begin(user)

    def _send(self, user: VirtualUser, operation: Sendable, due: int) -> None:
        user.ready_ns = due
        gate = self._shard.gate
        if gate is not None and gate.holds_back(user, operation):
            return
        if operation.send(user) is not PENDING:
            user.step(False)  # noqa: FBT003 - the result of the operation

    def holds_back(self, user: VirtualUser, operation: Sendable) -> bool:
        """Let a request wait for its slot; the gate of this load's users."""
        if self._shard.label(operation.label).section != _SLOTTED:
            gate = self._shard.gate
            return gate is not None and gate.holds_back(user, operation)
        granted = self._granted.pop(user, None)
        if granted is not None:
            number, due, thought = granted
            if user.think_ns == thought:
                user.ready_ns = due
                gate = self._shard.gate
                return gate is not None and gate.holds_back(user, operation)
            # It turned out to be a thinking user, which is not ready: the slot found nobody.
            self._drop(number, due)
        if self._is_over:
            user.leaving = user.leaving_now = True
        user.waits_for_slot = True
        self._ready.append((user, operation, user.life))
        if user.leaving_now:
            self._shard.timers.at(monotonic_ns(), self._refuse, (user, user.life))
        return True

    def _refuse(self, what: tuple[VirtualUser, int]) -> None:
        """Tell a user that came for a slot after the end that there is none."""
        user, life = what
        if user.life == life and user.waits_for_slot:
            user.waits_for_slot = False
            user.step(False)  # noqa: FBT003 - the request was not sent

    def _drop(self, number: int, due: int) -> None:
        shard = self._shard
        shard.recorder.record(
            label=shard.programs[self._choose(number)].label,
            user=0,
            iteration=0,
            intended=due,
            start=due,
            end=due,
            outcome=Outcome.DROPPED,
            flags=self._phases.flags,
        )

    # ---- users

    def _make(self) -> VirtualUser:
        shard = self._shard
        number = shard.worker + shard.workers * self._made
        self._made += 1
        user = shard.new_user(number, shard.programs[self._choose(number)], flags=self._phases.flags, on_end=self._ended)
        user.gate = self
        user.is_plain = False
        self._users.add(user)
        return user

    def _begin(self, user: VirtualUser) -> None:
        now = monotonic_ns()
        if self._load.assignment == "per-user":
            user.start(user.program.closed(user, stays, self._pace_ns), now)
        else:
            user.start(mixed(user, self._next_program, stays, self._pace_ns), now)

    def _next_program(self) -> Any:
        number = self._drawn
        self._drawn += 1
        return self._shard.programs[self._choose(number)]

    def _ended(self, user: VirtualUser) -> None:
        user.life += 1
        granted = self._granted.pop(user, None)
        if granted is not None:
            self._drop(*granted[:2])
        user.close_connections()
        self._shard.release_data(user)
        self._users.discard(user)

    # ---- the end

    def _finish(self, _: Any) -> None:
        self.stop()
        self._shard.timers.at(monotonic_ns() + int(self._load.graceful_stop_s * _NS), self._cut_all)

    def _cut_all(self, _: Any) -> None:
        for user in tuple(self._users):
            user.abort()

    def _set_phase(self, flags: int) -> None:
        for user in self._users:
            user.flags = flags
