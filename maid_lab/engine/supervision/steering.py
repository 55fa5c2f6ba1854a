"""Live control of one run: turns a change into new segments, orders for the workers, and events of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model import steering
from maid_lab.model.errors import Conflict, Missing, Refused
from maid_lab.model.nearest import did_you_mean
from maid_lab.model.rows import Phase
from maid_lab.model.schedules import level_at

if TYPE_CHECKING:
    from maid_lab.engine.supervision.course import Course
    from maid_lab.engine.wire import Message
    from maid_lab.model.control import ControlChange
    from maid_lab.model.plan import Load, Plan, Segment

__all__ = ["Steering"]

#: A change takes effect this much later, so that all workers have it by then and their users come and go together.
_LEAD_S: Final = 0.02


class Steering:
    """Changes the loads of a run.

    Parameters
    ----------
    plan : Plan
        What was started.
    course : Course
        Where its loads stand; changed here.
    send : callable
        Sends one order to all workers.
    """

    def __init__(self, plan: Plan, course: Course, *, send: Callable[[Message], None]) -> None:
        self._plan = plan
        self._course = course
        self._send = send
        self._slopes: dict[Phase, float] = {}
        self.throttle_per_s = plan.throttle_per_s

    def apply(self, change: ControlChange, elapsed_s: float) -> dict[str, Any]:
        """Carry out a change.

        Returns
        -------
        dict
            What holds from now on: `users` or `rate` aimed at, `paused`, `throttle`, `duration_s`.

        Raises
        ------
        Missing
            If no load has the name that was given.
        Conflict
            If the run has no load of the kind that is to change.
        Refused
            If a cap of the plan would be exceeded (E303).
        """
        planned = self._new_segments(change, elapsed_s)
        self._check_ceilings(planned)
        if change.paused is not None:
            self._pause_or_resume(elapsed_s, paused=change.paused)
        if change.throttle is not None:
            self.throttle_per_s = change.throttle
            self._send({"type": "throttle", "rate_per_s": change.throttle})
        for index, segments in planned.items():
            self._follow(index, segments)
        return {**change.said(), "paused": self._course.is_paused, "duration_s": round(self._course.duration_s, 3)}

    def jump(self, index: int, level: float, elapsed_s: float) -> None:
        """Set the level of one load for the rest of the run, at once."""
        at_s = self._course.load_s(index, elapsed_s) + _LEAD_S
        self._follow(index, steering.moved_to(self._course.segments[index], at_s, level))

    def end(self, index: int, elapsed_s: float) -> None:
        """End one load; its users finish their iterations within the graceful period."""
        at_s = self._course.load_s(index, elapsed_s) + _LEAD_S
        self._follow(index, steering.ended_at(self._course.segments[index], at_s))

    # ---- new segments

    def _new_segments(self, change: ControlChange, elapsed_s: float) -> dict[int, tuple[Segment, ...]]:
        chosen = self._chosen(change.load)
        edits = _Edits(self._course, elapsed_s)
        for phase, slope in ((Phase.INCREASE, change.increase_rate), (Phase.DECREASE, change.decrease_rate)):
            if slope is not None:
                self._slopes[phase] = slope / len(chosen)
                for index in chosen:
                    edits.add(index, partial(steering.resloped, per_s=slope / len(chosen), phase=phase))
        for kind, level in (("users", change.users), ("rate", change.rate)):
            if level is not None:
                self._level(self._of_kind(chosen, kind), level, edits)
        if change.test_plan is not None:
            for index in self._of_kind(chosen, "users", only_one=True):
                edits.add(index, partial(steering.staged, stages=change.test_plan))
        if change.run_time is not None:
            for index in chosen:
                edits.add(index, partial(steering.ended_after, run_time_s=change.run_time))
        return edits.segments

    def _level(self, members: list[int], level: float, edits: _Edits) -> None:
        """Move loads to a level that is theirs together, shared as their peaks are."""
        peaks = sum(self._plan.loads[index].peak for index in members)
        for index in members:
            load = self._plan.loads[index]
            wanted = level * load.peak / peaks
            phase = Phase.INCREASE if wanted > edits.level(index) else Phase.DECREASE
            slope = self._slopes.get(phase) or steering.slope_of(load.segments, phase)
            edits.add(index, partial(steering.moved_to, level=wanted, per_s=slope))

    def _chosen(self, name: str) -> list[int]:
        names = [load.name for load in self._plan.loads]
        if name and name not in names:
            raise Missing(f"the run has no load {name!r}.", hint=did_you_mean(name, names))
        return [index for index, load in enumerate(self._plan.loads) if name in ("", load.name)]

    def _of_kind(self, chosen: list[int], kind: str, *, only_one: bool = False) -> list[int]:
        found = [index for index in chosen if _kind(self._plan.loads[index]) == kind and not self._plan.loads[index].due_s]
        if not found:
            other = "rate" if kind == "users" else "users"
            raise Conflict(f"this run has no load by {kind} that can be changed.", hint=f"Change its {other}, or pause it.")
        if only_one and len(found) > 1:
            raise Conflict(f"this run has {len(found)} loads by {kind}, a test plan can only replace one.", hint="Name one with load.")
        return found

    def _check_ceilings(self, planned: Mapping[int, tuple[Segment, ...]]) -> None:
        loads = [planned.get(index, segments) for index, segments in enumerate(self._course.segments)]
        peaks = [max((max(piece.level_from, piece.level_to) for piece in segments), default=0.0) for segments in loads]
        kinds = [_kind(load) for load in self._plan.loads]
        ends = [load.start_at_s + segments[-1].end_s for load, segments in zip(self._plan.loads, loads, strict=True) if segments]
        users = sum(peak if kind == "users" else load.max_users for load, kind, peak in zip(self._plan.loads, kinds, peaks, strict=True))
        ceilings = self._plan.ceilings
        for what, value, cap in (
            ("users", users, ceilings.max_users),
            ("starts per second", sum(peak for kind, peak in zip(kinds, peaks, strict=True) if kind == "rate"), ceilings.max_rate_per_s),
            ("seconds", max(ends, default=0.0), ceilings.max_duration_s),
        ):
            if cap and value > cap:
                raise Refused(f"E303 the change wants {value:g} {what}, the cap of this run is {cap:g}.", hint="Ask for less.")

    # ---- orders

    def _follow(self, index: int, segments: tuple[Segment, ...]) -> None:
        self._course.segments[index] = segments
        pieces = [[piece.start_s, piece.end_s, piece.level_from, piece.level_to] for piece in segments]
        self._send({"type": "replan", "load": index, "segments": pieces})

    def _pause_or_resume(self, elapsed_s: float, *, paused: bool) -> None:
        if paused == self._course.is_paused:
            return
        if paused:
            self._course.pause(elapsed_s)
        else:
            self._course.resume(elapsed_s)
        self._send({"type": "pause" if paused else "resume"})


class _Edits:
    """New segments of loads, edit upon edit."""

    def __init__(self, course: Course, elapsed_s: float) -> None:
        self._course = course
        self._elapsed_s = elapsed_s
        self.segments: dict[int, tuple[Segment, ...]] = {}

    def level(self, index: int) -> float:
        """Return the level of a load when the change takes effect."""
        return level_at(self._course.segments[index], self._at_s(index))

    def add(self, index: int, function: Callable[[Sequence[Segment], float], tuple[Segment, ...]]) -> None:
        """Edit a load, unless it is over."""
        at_s = self._at_s(index)
        segments = self.segments.get(index, self._course.segments[index])
        if segments and at_s < segments[-1].end_s:
            self.segments[index] = function(segments, at_s)

    def _at_s(self, index: int) -> float:
        return max(0.0, self._course.load_s(index, self._elapsed_s) + _LEAD_S)


def _kind(load: Load) -> str:
    return "rate" if load.model == "rate" else "users"
