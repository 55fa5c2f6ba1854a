"""The course of a run: its loads as they are now, after all changes, and the time that pauses took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maid_lab.model.rows import Phase
from maid_lab.model.schedules import level_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maid_lab.model.plan import Plan, Segment

__all__ = ["Course"]


class Course:
    """Where a run stands by its plan and the changes made to it.

    Parameters
    ----------
    plan : Plan
        The plan as it was started.

    Attributes
    ----------
    segments : list of tuple of Segment
        Of each load, in its own time.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.segments: list[tuple[Segment, ...]] = [load.segments for load in plan.loads]
        self._paused_at_s: float | None = None
        self._paused_s = 0.0
        self._pauses: list[tuple[float, float]] = []
        self._search: dict[str, Any] = {}

    @property
    def is_paused(self) -> bool:
        """Whether the run stands still."""
        return self._paused_at_s is not None

    def pause(self, elapsed_s: float) -> None:
        """Stop the plan's clock."""
        if self._paused_at_s is None:
            self._paused_at_s = elapsed_s

    def resume(self, elapsed_s: float) -> None:
        """Let the plan's clock go on."""
        if self._paused_at_s is not None:
            length = max(0.0, elapsed_s - self._paused_at_s)
            self._pauses.append((self._paused_at_s, length))
            self._paused_s += length
            self._paused_at_s = None

    def planned_s(self, elapsed_s: float) -> float:
        """Return the time of the plan at a time of the run: it stands still in pauses."""
        now = self._paused_at_s if self._paused_at_s is not None else elapsed_s
        return now - self._paused_s

    def load_s(self, index: int, elapsed_s: float) -> float:
        """Return the time of a load at a time of the run, negative before it starts."""
        return self.planned_s(elapsed_s) - self._plan.loads[index].start_at_s

    @property
    def duration_s(self) -> float:
        """End of the last segment of all loads in the time of the run, with the pauses so far."""
        ends = [load.start_at_s + segments[-1].end_s for load, segments in zip(self._plan.loads, self.segments, strict=True) if segments]
        return max(ends, default=0.0) + self._paused_s

    @property
    def warmup_end_s(self) -> float:
        """Start of the first `maintain` segment in the time of the run, 0 without one."""
        starts = [
            load.start_at_s + segment.start_s
            for load, segments in zip(self._plan.loads, self.segments, strict=True)
            for segment in segments
            if segment.phase is Phase.MAINTAIN
        ]
        at = min(starts, default=0.0)
        # A pause that began before this moment put it off.
        for began, length in self._pauses:
            if began <= at:
                at += length
        return at

    def found(self, best: Mapping[str, Any] | None, probes: Sequence[Mapping[str, Any]], reason: str) -> None:
        """Note what a search for capacity found: the best good probe is what is measured."""
        self._search = {"probes": list(probes), "best": best and best["number"], "reason": reason}
        if best is not None:
            self._search |= {"warmup_end_s": best["from_s"], "measured_until_s": best["to_s"]}

    def to_json(self) -> dict[str, Any]:
        """Return what became of the plan's times, as `course.json` keeps it: seconds of the run, segments in each load's own time."""
        pieces = [[[s.start_s, s.end_s, s.level_from, s.level_to] for s in segments] for segments in self.segments]
        times = {"warmup_end_s": self.warmup_end_s, "duration_s": self.duration_s}
        return {**times, "pauses": self._pauses, "segments": pieces, **self._search}

    def level(self, elapsed_s: float) -> float:
        """Return the sum of all loads' levels; 0 in a pause."""
        if self.is_paused:
            return 0.0
        return sum(level_at(segments, self.load_s(index, elapsed_s)) for index, segments in enumerate(self.segments))

    def phase(self, elapsed_s: float) -> str:
        """Return the phase, the earliest of increase, maintain and decrease when the loads differ."""
        phases = [
            segment.phase
            for index, segments in enumerate(self.segments)
            for segment in segments
            if segment.start_s <= self.load_s(index, elapsed_s) < segment.end_s
        ]
        for phase in (Phase.INCREASE, Phase.MAINTAIN, Phase.DECREASE):
            if phase in phases:
                return phase.word
        return "decrease" if self.segments else "maintain"
