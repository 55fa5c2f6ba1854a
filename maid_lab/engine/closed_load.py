"""The closed model: users come and go by the load profile; each loops through its scenario."""

from __future__ import annotations

from math import ceil
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.mixed import mixed
from maid_lab.engine.phases import PhaseClock
from maid_lab.engine.program import stays
from maid_lab.engine.user import VirtualUser
from maid_lab.model.schedules import ScenarioChoice, share_of, user_lifetimes

if TYPE_CHECKING:
    from maid_lab.engine.program import Program
    from maid_lab.engine.shard import Shard
    from maid_lab.model.plan import Load

__all__ = ["ClosedLoad"]

_NS: Final = 1_000_000_000


class ClosedLoad:
    """Users of one load on one worker.

    Parameters
    ----------
    shard : Shard
        The worker's part of the run.
    load : Load
        A load of model `users` or `iterations`.
    """

    def __init__(self, shard: Shard, load: Load) -> None:
        self._shard = shard
        self._load = load
        self._live: dict[int, VirtualUser] = {}
        self._waiting = 0
        self._is_over = False
        self._pool: int | None = None
        if load.model == "iterations" and load.share == "shared":
            self._pool = share_of(load.iterations, shard.worker, min(shard.workers, ceil(load.peak)))
        self._phases = PhaseClock(shard, load, self._set_phase)
        self._choose = ScenarioChoice(load.order, shard.plan.seed, each_loop=load.random_each_loop)
        self._drawn = 0
        self._pace_ns = int(load.pace_s * _NS)

    @property
    def users(self) -> int:
        """Live users."""
        return len(self._live)

    @property
    def is_done(self) -> bool:
        """Whether no user lives and none is to come."""
        return not self._live and (self._is_over or not self._waiting)

    def start(self) -> None:
        """Schedule all arrivals and departures."""
        shard, load = self._shard, self._load
        zero = shard.zero_ns + int(load.start_at_s * _NS)
        end = int((load.end_s - load.start_at_s) * _NS)
        self._phases.start()
        for number, spans in user_lifetimes(load.segments, shard.worker, shard.workers):
            for begin_s, leave_s in spans:
                self._waiting += 1
                shard.timers.at(zero + int(begin_s * _NS), self._arrive, number)
                leave_ns = int(leave_s * _NS)
                if leave_ns < end:
                    shard.timers.at(zero + leave_ns, self._depart, number)
        shard.timers.at(zero + end, self._finish)

    def stop(self) -> None:
        """Let no user begin anything more."""
        self._is_over = True
        for user in tuple(self._live.values()):
            user.leave_now()

    def kill(self) -> None:
        """Cut all users."""
        self._is_over = True
        for user in tuple(self._live.values()):
            user.abort()

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
        user = self._live[number] = VirtualUser(self._shard, number, program, flags=self._phases.flags, on_end=self._ended)
        may_iterate = self._may_iterate if load.model == "iterations" else stays
        self._shard.note_users(now)
        if load.assignment == "per-user":
            user.start(program.closed(user, may_iterate, self._pace_ns), now)
        else:
            user.start(mixed(user, self._next_program, may_iterate, self._pace_ns), now)

    def _program(self, number: int) -> Program:
        return self._shard.programs[self._choose(number)]

    def _next_program(self) -> Program:
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
        user.close_connections()
        self._shard.release_data(user)
        if self._live.get(user.number) is user:
            del self._live[user.number]
        self._shard.note_users(monotonic_ns())

    def _set_phase(self, flags: int) -> None:
        for user in self._live.values():
            user.flags = flags
