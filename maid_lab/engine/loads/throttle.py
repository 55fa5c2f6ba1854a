"""Slots of a ceiling of request starts: a leaky bucket without burst, on one time line for all workers."""

from __future__ import annotations

from typing import Final

__all__ = ["Throttle"]

_NS: Final = 1_000_000_000
#: A slot is not used in the last millisecond of its second, so that the request it lets go starts in the same second.
_MARGIN_NS: Final = 1_000_000


class Throttle:
    """Slots for request starts of one worker.

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

    def take(self, now: int) -> int:
        """Take the first free slot that can be used from now on, and return its time; times in ns since the start of the run."""
        # The slot that stands now may still be used; those before it are lost.
        behind = int(now * self._rate_per_s / _NS)
        first = behind - (behind - self._worker) % self._workers
        number = first if self._next is None else max(first, self._next)
        slot = self._time_of(number)
        if not self.is_usable(slot, now):
            number += self._workers
            slot = self._time_of(number)
        self._next = number + self._workers
        return slot

    @staticmethod
    def is_usable(slot: int, now: int) -> bool:
        """Whether a request that goes now, or at the slot when that is later, starts in the second of the slot."""
        return slot >= now or now < (slot // _NS + 1) * _NS - _MARGIN_NS

    def _time_of(self, number: int) -> int:
        # Rounded up, so that the slot at the start of a second never falls into the one before.
        return -int(-number * _NS // self._rate_per_s)
