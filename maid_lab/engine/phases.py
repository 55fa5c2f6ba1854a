"""Phase bits of rows: increase, maintain or decrease by the segment of the load that is running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from maid_lab.model.rows import FLAG_PHASE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.engine.shard import Shard
    from maid_lab.model.plan import Load

__all__ = ["PhaseClock"]

_NS: Final = 1_000_000_000


class PhaseClock:
    """Follows the segments of one load and tells when the phase changes.

    Parameters
    ----------
    shard : Shard
        The worker's part of the run.
    load : Load
        The load whose segments are followed.
    changed : callable
        Called with the new phase bits.
    """

    def __init__(self, shard: Shard, load: Load, changed: Callable[[int], None]) -> None:
        self._shard = shard
        self._load = load
        self._changed = changed
        self.flags = load.segments[0].phase << FLAG_PHASE_SHIFT if load.segments else 0

    def start(self) -> None:
        """Schedule the changes."""
        zero = self._shard.zero_ns + int(self._load.start_at_s * _NS)
        for segment in self._load.segments[1:]:
            self._shard.timers.at(zero + int(segment.start_s * _NS), self._change, segment.phase << FLAG_PHASE_SHIFT)

    def _change(self, flags: int) -> None:
        if flags != self.flags:
            self.flags = flags
            self._changed(flags)
