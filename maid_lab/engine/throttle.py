"""A ceiling of request starts: a leaky bucket that holds users back; the wait shows as blocked time."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.ops import PENDING

if TYPE_CHECKING:
    from maid_lab.engine.http.operation import HttpOperation
    from maid_lab.engine.user import VirtualUser

__all__ = ["Throttle"]

_NS: Final = 1_000_000_000
_SECTIONS_EXEMPT: Final = frozenset({"setup", "teardown"})
#: A slot is not used in the last millisecond of its second, so that the request it lets go starts in the same second.
_MARGIN_NS: Final = 1_000_000


class Throttle:
    """Slots for request starts, on one time line for all workers.

    Slot n stands at n / rate seconds of the run and belongs to worker n mod `workers`. It lets one request go, at that moment or, when the
    worker was not waiting for it or woke late, until the worker's next slot, but never in another second: no second of the run has more
    starts than slots. Slots that nobody wants are lost, so that nothing adds up to a burst.

    Parameters
    ----------
    rate_per_s : float
        Ceiling over all workers.
    worker, workers : int
        Which slots are this worker's.
    """

    __slots__ = ("_next", "_rate_per_s", "_worker", "_workers")

    def __init__(self, rate_per_s: float, *, worker: int, workers: int) -> None:
        self._rate_per_s = rate_per_s
        self._worker = worker
        self._workers = workers
        self._next: int | None = None

    def change(self, rate_per_s: float) -> None:
        """Go on with another ceiling; who waits already keeps its slot."""
        self._rate_per_s = rate_per_s
        self._next = None

    def holds_back(self, user: VirtualUser, operation: HttpOperation) -> bool:
        """Take the next slot; when that is in the future, the request is sent then and True is returned."""
        if user.shard.plan.labels[operation.label].section in _SECTIONS_EXEMPT:
            return False
        now = monotonic_ns() - user.shard.zero_ns
        slot = self._take(now)
        if slot <= now:
            return False
        user.timer = user.shard.timers.at(user.shard.zero_ns + slot, self._release, (user, operation, slot, user.life))
        return True

    def _take(self, now: int) -> int:
        """Take the first free slot that can be used from now on, and return its time."""
        # The slot that stands now may still be used; those before it are lost.
        behind = int(now * self._rate_per_s / _NS)
        first = behind - (behind - self._worker) % self._workers
        number = first if self._next is None else max(first, self._next)
        slot = self._time_of(number)
        if not _is_usable(slot, now):
            number += self._workers
            slot = self._time_of(number)
        self._next = number + self._workers
        return slot

    def _time_of(self, number: int) -> int:
        # Rounded up, so that the slot at the start of a second never falls into the one before.
        return -int(-number * _NS // self._rate_per_s)

    def _release(self, what: Any) -> None:
        user, operation, slot, life = what
        if user.life != life:
            return
        now = monotonic_ns() - user.shard.zero_ns
        if not _is_usable(slot, now):
            again = self._take(now)
            if again > now:
                user.timer = user.shard.timers.at(user.shard.zero_ns + again, self._release, (user, operation, again, life))
                return
        user.timer = None
        if operation.send(user) is not PENDING:
            user.step(False)  # noqa: FBT003 - the result of the operation


def _is_usable(slot: int, now: int) -> bool:
    """Whether a request that goes now, or at the slot when that is later, starts in the second of the slot."""
    return slot >= now or now < (slot // _NS + 1) * _NS - _MARGIN_NS
