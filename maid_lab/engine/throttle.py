"""A ceiling of request starts: a leaky bucket that holds users back; the wait shows as blocked time."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.ops import PENDING

if TYPE_CHECKING:
    from maid_lab.engine.http.operation import HttpOperation
    from maid_lab.engine.user import VirtualUser

__all__ = ["Throttle"]

_SECTIONS_EXEMPT: Final = frozenset({"setup", "teardown"})


class Throttle:
    """Slots for request starts at a fixed rate.

    Parameters
    ----------
    rate_per_s : float
        Starts per second of this worker.
    """

    __slots__ = ("_interval_ns", "_next_ns")

    def __init__(self, rate_per_s: float) -> None:
        self._interval_ns = 1e9 / rate_per_s
        self._next_ns = 0.0

    def holds_back(self, user: VirtualUser, operation: HttpOperation) -> bool:
        """Take the next slot; when that is in the future, the request is sent then and True is returned."""
        if user.shard.plan.labels[operation.label].section in _SECTIONS_EXEMPT:
            return False
        now = monotonic_ns()
        slot = max(self._next_ns, now)
        self._next_ns = slot + self._interval_ns
        if slot <= now:
            return False
        user.timer = user.shard.timers.at(int(slot), self._release, (user, operation, user.life))
        return True

    def _release(self, what: Any) -> None:
        user, operation, life = what
        if user.life != life:
            return
        user.timer = None
        if operation.send(user) is not PENDING:
            user.step(False)  # noqa: FBT003 - the result of the operation
