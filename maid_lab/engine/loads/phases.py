"""Phase bits of rows: increase, maintain or decrease by the segment of the load that is running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maid_lab.model.rows import FLAG_PHASE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maid_lab.engine.loads.agenda import Agenda
    from maid_lab.model.plan import Segment

__all__ = ["PhaseClock"]


class PhaseClock:
    """Follows the segments of one load and tells when the phase changes.

    Parameters
    ----------
    agenda : Agenda
        The load's agenda.
    segments : sequence of Segment
        The load's segments.
    changed : callable
        Called with the new phase bits.
    """

    def __init__(self, agenda: Agenda, segments: Sequence[Segment], changed: Callable[[int], None]) -> None:
        self._agenda = agenda
        self._changed = changed
        self.flags = segments[0].phase << FLAG_PHASE_SHIFT if segments else 0
        self.follow(segments)

    def follow(self, segments: Sequence[Segment], *, from_s: float = 0.0) -> None:
        """Put the changes of phase into the agenda, instead of those that were there; `from_s` is now."""
        self._agenda.remove(self._change)
        for segment in segments:
            if segment.end_s > from_s:
                self._agenda.put(segment.start_s, self._change, segment.phase << FLAG_PHASE_SHIFT)

    def _change(self, flags: int) -> None:
        if flags != self.flags:
            self.flags = flags
            self._changed(flags)
