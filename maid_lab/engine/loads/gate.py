"""The gate before each request: a ceiling of starts, and the pause of a run. What waits here shows as blocked time."""

from __future__ import annotations

from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.loads.throttle import Throttle
from maid_lab.engine.users.held import Held

if TYPE_CHECKING:
    from maid_lab.engine.loads.host import LoadHost
    from maid_lab.engine.timers import Timer
    from maid_lab.engine.users.parts import Sendable
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["Gate"]

_SECTIONS_EXEMPT: Final = frozenset({"setup", "teardown"})


class Gate:
    """Lets requests through in the order in which they came: all at once, at most at a rate, or none while paused.

    Parameters
    ----------
    shard : LoadHost
        The worker's part of the run. What belongs to setup and teardown is never held back.
    rate_per_s : float
        Ceiling of starts per second over all workers; 0 for none.
    """

    def __init__(self, shard: LoadHost, rate_per_s: float = 0.0) -> None:
        self._shard = shard
        self._held: deque[Held] = deque()
        self._timer: Timer | None = None
        self._throttle: Throttle | None = None
        #: The slot that whoever is first in the queue waits for, ns since the start of the run.
        self._slot = 0
        self._is_paused = False
        self.limit(rate_per_s)

    @property
    def is_open(self) -> bool:
        """Whether nothing holds requests back and nothing waits."""
        return not (self._is_paused or self._throttle or self._held)

    def limit(self, rate_per_s: float) -> None:
        """Change the ceiling over all workers; 0 takes it away."""
        shard = self._shard
        self._throttle = Throttle(rate_per_s, worker=shard.worker, workers=shard.workers) if rate_per_s else None
        self._rearm()

    def pause(self) -> None:
        """Let nothing through until `resume`."""
        self._is_paused = True
        self._disarm()

    def resume(self) -> None:
        """Let requests through again; what waited is ready from now on, so that the pause is nobody's blocked time."""
        if self._is_paused:
            self._is_paused = False
            now = monotonic_ns()
            for held in self._held:
                held.user.ready_ns = now
            self._rearm()

    def holds_back(self, user: VirtualUser, operation: Sendable) -> bool:
        """Return whether the request has to wait; when it does, the gate sends it in its turn."""
        if self._shard.label(operation.label).section in _SECTIONS_EXEMPT:
            return False
        if not self._held and not self._is_paused:
            if self._throttle is None:
                return False
            now = self._now()
            self._slot = self._throttle.take(now)
            if self._slot <= now:
                return False
        self._held.append(Held(user, operation))
        if self._timer is None and not self._is_paused:
            self._arm()
        return True

    # ---- letting through

    def _now(self) -> int:
        return monotonic_ns() - self._shard.zero_ns

    def _arm(self) -> None:
        self._timer = self._shard.timers.at(self._shard.zero_ns + self._slot, self._release)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rearm(self) -> None:
        """Wait for the first slot of the ceiling that holds now."""
        self._disarm()
        if self._held and not self._is_paused:
            self._slot = self._throttle.take(self._now()) if self._throttle is not None else self._now()
            self._arm()

    def _release(self, _: Any) -> None:
        """Let through all whose slots have come."""
        self._timer = None
        while self._held and not self._is_paused:
            if self._held[0].is_cancelled:
                self._held.popleft()
                continue
            now = self._now()
            if self._throttle is not None and not self._throttle.is_usable(self._slot, now):
                self._slot = self._throttle.take(now)
            if self._slot > now:
                self._arm()
                return
            held = self._held.popleft()
            if self._held and self._throttle is not None:
                self._slot = self._throttle.take(now)
            held.send()
