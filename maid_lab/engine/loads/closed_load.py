"""The closed model: users come and go by the load profile; each loops through its scenario."""

from __future__ import annotations

from math import ceil
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.loads.agenda import Agenda
from maid_lab.engine.loads.mixed import mixed
from maid_lab.engine.loads.phases import PhaseClock
from maid_lab.engine.scripts.program import stays
from maid_lab.model.schedules import ScenarioChoice, share_of, user_lifetimes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from maid_lab.engine.loads.gate import Gate
    from maid_lab.engine.loads.host import LoadHost
    from maid_lab.engine.users.parts import Compiled
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import Load, Segment

__all__ = ["ClosedLoad"]

_NS: Final = 1_000_000_000


class ClosedLoad:
    """Users of one load on one worker.

    Parameters
    ----------
    shard : LoadHost
        The worker's part of the run.
    load : Load
        A load of model `users` or `iterations`.
    """

    def __init__(self, shard: LoadHost, load: Load) -> None:
        self._shard = shard
        self._load = load
        self.agenda = Agenda(shard.timers)
        self._live: dict[int, VirtualUser] = {}
        #: Users that have ended by themselves: whatever the level becomes, they do not come back.
        self._spent: set[int] = set()
        self._waiting = 0
        self._is_over = False
        self._pool: int | None = None
        if load.model == "iterations" and load.share == "shared":
            self._pool = share_of(load.iterations, shard.worker, min(shard.workers, ceil(load.peak)))
        self._phases = PhaseClock(self.agenda, load.segments, self._set_phase)
        self._choose = ScenarioChoice(load.order, shard.plan.seed, each_loop=load.random_each_loop)
        self._drawn = 0
        self._pace_ns = int(load.pace_s * _NS)

    @property
    def users(self) -> int:
        """Live users."""
        return len(self._live)

    @property
    def members(self) -> Iterable[VirtualUser]:
        """The live users."""
        return tuple(self._live.values())

    @property
    def is_done(self) -> bool:
        """Whether no user lives and none is to come."""
        return not self._live and (self._is_over or not self._waiting)

    def start(self) -> None:
        """Schedule all arrivals and departures."""
        self._schedule(self._load.segments, from_s=0.0)
        self.agenda.begin(self._shard.zero_ns + int(self._load.start_at_s * _NS))

    def use_gate(self, gate: Gate | None) -> None:
        """Let another gate hold back the users' requests, or none."""
        for user in self.members:
            user.use_gate(gate)

    def replan(self, segments: Sequence[Segment]) -> None:
        """Follow other segments from now on: users come and go as these say; who was told to leave and is wanted again stays."""
        if self._is_over or not segments:
            return
        now_s = max(0.0, (monotonic_ns() - self.agenda.zero_ns) / _NS)
        self.agenda.remove(self._arrive, self._depart, self._finish)
        self._phases.follow(segments, from_s=now_s)
        wanted = self._schedule(segments, from_s=now_s)
        for number in [number for number in self._live if number not in wanted]:
            self._depart(number)

    def stop(self) -> None:
        """Let no user begin anything more."""
        self._is_over = True
        for user in self.members:
            user.leave_now()

    def kill(self) -> None:
        """Cut all users."""
        self._is_over = True
        for user in self.members:
            user.abort()

    def _schedule(self, segments: Sequence[Segment], *, from_s: float) -> set[int]:
        """Put who comes and goes into the agenda; returns the users that are to live now."""
        shard, end_s = self._shard, segments[-1].end_s
        self._waiting = 0
        wanted: set[int] = set()
        for number, spans in user_lifetimes(segments, shard.worker, shard.workers, from_s=from_s):
            for begin_s, leave_s in spans:
                if begin_s <= from_s:
                    wanted.add(number)
                if number not in self._spent:
                    self._waiting += 1
                    self.agenda.put(begin_s, self._arrive, number)
                if leave_s < end_s:
                    self.agenda.put(leave_s, self._depart, number)
        self.agenda.put(end_s, self._finish)
        return wanted

    def _arrive(self, number: int) -> None:
        self._waiting -= 1
        if self._is_over:
            return
        if number in self._live:
            # Due back before it has left: it stays, as if it had gone and come.
            self._live[number].leaving = False
            return
        load = self._load
        program = self._program(number)
        now = monotonic_ns()
        user = self._live[number] = self._shard.new_user(number, program, flags=self._phases.flags, on_end=self._ended)
        may_iterate = self._may_iterate if load.model == "iterations" else stays
        self._shard.note_users(now)
        if load.assignment == "per-user":
            user.start(program.closed(user, may_iterate, self._pace_ns), now)
        else:
            user.start(mixed(user, self._next_program, may_iterate, self._pace_ns), now)

    def _program(self, number: int) -> Compiled:
        return self._shard.programs[self._choose(number)]

    def _next_program(self) -> Compiled:
        """Return the scenario of the next iteration: each worker walks the whole order, so that shares hold whatever their number."""
        number = self._drawn
        self._drawn += 1
        return self._program(number)

    def _may_iterate(self, user: VirtualUser) -> bool:
        if user.leaving:
            return False
        if self._pool is None:
            return user.iteration < self._load.iterations
        self._pool -= 1
        return self._pool >= 0

    def _depart(self, number: int) -> None:
        user = self._live.get(number)
        if user is None or user.leaving:
            return
        user.leaving = True
        self._cut_later(user, self._load.graceful_ramp_down_s)

    def _finish(self, _: Any) -> None:
        self._is_over = True
        for user in tuple(self._live.values()):
            user.leaving = True
            self._cut_later(user, self._load.graceful_stop_s)

    def _cut_later(self, user: VirtualUser, after_s: float) -> None:
        if after_s <= 0:
            user.abort()
        else:
            self._shard.timers.at(monotonic_ns() + int(after_s * _NS), self._cut, (user, user.life))

    @staticmethod
    def _cut(what: tuple[VirtualUser, int]) -> None:
        user, life = what
        if user.life == life and user.leaving:
            user.abort()

    def _ended(self, user: VirtualUser) -> None:
        user.life += 1
        if not user.leaving:
            self._spent.add(user.number)
        user.close_connections()
        self._shard.release_data(user)
        if self._live.get(user.number) is user:
            del self._live[user.number]
        self._shard.note_users(monotonic_ns())

    def _set_phase(self, flags: int) -> None:
        for user in self._live.values():
            user.flags = flags
