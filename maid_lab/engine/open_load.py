"""The open model: iterations start when they are due, whatever the answers do."""

from __future__ import annotations

from collections import defaultdict
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.phases import PhaseClock
from maid_lab.engine.user import VirtualUser
from maid_lab.model.rows import Outcome
from maid_lab.model.schedules import arrivals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maid_lab.engine.http.cookies import CookieJar
    from maid_lab.engine.shard import Shard
    from maid_lab.engine.timers import Timer
    from maid_lab.model.plan import Load

__all__ = ["OpenLoad"]

_NS: Final = 1_000_000_000


class OpenLoad:
    """Starts of one load on one worker.

    A start takes an idle user of its scenario, makes one while fewer than this worker's share of `max_users` exist, or replaces an idle
    user of another
    scenario. If all are busy it is recorded as dropped. A start that is released late keeps its due time as intended start.

    Parameters
    ----------
    shard : Shard
        The worker's part of the run.
    load : Load
        A load of model `rate`.
    """

    def __init__(self, shard: Shard, load: Load) -> None:
        self._shard = shard
        self._load = load
        self._limit = load.max_users // shard.workers + (shard.worker < load.max_users % shard.workers)
        self._idle: dict[int, list[VirtualUser]] = defaultdict(list)
        self._users: set[VirtualUser] = set()
        self._sessions: dict[VirtualUser, tuple[CookieJar | None, dict[str, Any]]] = {}
        self._busy = 0
        self._made = 0
        self._zero = 0
        self._starts: Iterator[tuple[int, float]] = iter(())
        self._next: tuple[int, float] | None = None
        self._timer: Timer | None = None
        self._is_over = False
        self._phases = PhaseClock(shard, load, self._set_phase)

    @property
    def users(self) -> int:
        """Users in an iteration."""
        return self._busy

    @property
    def is_done(self) -> bool:
        """Whether nothing runs and nothing is to start."""
        return not self._busy and (self._is_over or self._next is None)

    def start(self) -> None:
        """Make the users that are wanted beforehand and schedule the first start."""
        shard, load = self._shard, self._load
        self._zero = shard.zero_ns + int(load.start_at_s * _NS)
        self._starts = arrivals(load.segments, load.arrivals, f"{shard.plan.seed}/{load.name}", shard.worker, shard.workers)
        self._phases.start()
        prewarm = min(load.prewarm // shard.workers + (shard.worker < load.prewarm % shard.workers), self._limit)
        for index in range(prewarm):
            self._prepare(load.order[index % len(load.order)])
        shard.timers.at(self._zero + int(load.segments[-1].end_s * _NS), self._finish)
        self._advance()

    def stop(self) -> None:
        """Start nothing more; users finish their request."""
        self._end_starts()
        for user in tuple(self._users):
            user.leave_now()

    def kill(self) -> None:
        """Cut all users."""
        self._end_starts()
        for user in tuple(self._users):
            user.abort()
        self._busy = 0

    # ---- pacing

    def _advance(self) -> None:
        self._next = next(self._starts, None)
        if self._next is not None:
            self._timer = self._shard.timers.at(self._zero + int(self._next[1] * _NS), self._release)

    def _release(self, _: Any) -> None:
        """Release everything that is due by now from the absolute time line, so that lateness does not add up."""
        zero, now = self._zero, monotonic_ns()
        while self._next is not None and not self._is_over:
            number, due_s = self._next
            due = zero + int(due_s * _NS)
            if due > now:
                self._timer = self._shard.timers.at(due, self._release)
                return
            self._next = next(self._starts, None)
            self._begin(number, due)

    def _begin(self, number: int, due: int) -> None:
        order = self._load.order
        scenario = order[number % len(order)]
        idle = self._idle[scenario]
        user = idle.pop() if idle else self._make(scenario)
        if user is None:
            self._drop(scenario, due)
            return
        self._busy += 1
        if user in self._sessions:
            self._visit(user, due)
        else:
            self._first_visit(user, due)

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

    def _make(self, scenario: int) -> VirtualUser | None:
        if len(self._users) >= self._limit and not self._retire_idle():
            return None
        shard = self._shard
        number = shard.worker + shard.workers * self._made
        self._made += 1
        user = VirtualUser(shard, number, shard.programs[scenario], flags=self._phases.flags, on_end=self._ended)
        self._users.add(user)
        return user

    def _retire_idle(self) -> bool:
        for idle in self._idle.values():
            if idle:
                user = idle.pop()
                self._forget(user)
                return True
        return False

    def _prepare(self, scenario: int) -> None:
        user = self._make(scenario)
        if user is not None:
            self._busy += 1
            user.taken = 0
            user.start(user.program.preparation(user), monotonic_ns())

    def _first_visit(self, user: VirtualUser, due: int) -> None:
        user.taken = due
        user.start(user.program.preparation(user), due)

    def _visit(self, user: VirtualUser, due: int) -> None:
        jar, kept = self._sessions[user]
        user.jar = jar.copy() if jar is not None else None
        user.kept = dict(kept)
        user.taken = 0
        user.flags = self._phases.flags
        user.start(user.program.visit(user), due)

    def _ended(self, user: VirtualUser) -> None:
        user.life += 1
        if user not in self._sessions and not user.leaving:
            self._sessions[user] = (user.jar.copy() if user.jar is not None else None, dict(user.kept))
            if user.taken:
                self._visit(user, user.taken)
                return
        self._busy -= 1
        if user.leaving or self._is_over:
            self._forget(user)
        else:
            self._idle[self._shard.programs.index(user.program)].append(user)

    def _forget(self, user: VirtualUser) -> None:
        self._users.discard(user)
        self._sessions.pop(user, None)
        user.close_connections()
        self._shard.release_data(user)

    # ---- the end

    def _finish(self, _: Any) -> None:
        self._end_starts()
        for user in tuple(self._users):
            user.leaving = True
        for idle in self._idle.values():
            for user in idle:
                self._forget(user)
            idle.clear()
        self._shard.timers.at(monotonic_ns() + int(self._load.graceful_stop_s * _NS), self._cut_all)

    def _cut_all(self, _: Any) -> None:
        for user in tuple(self._users):
            user.abort()

    def _end_starts(self) -> None:
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _set_phase(self, flags: int) -> None:
        for user in self._users:
            user.flags = flags
