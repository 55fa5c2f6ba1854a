"""Probes of a search for capacity: each a stretch of the run at one level, judged by the live counts of that stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.supervision.guard import Watched
from maid_lab.model.capacity import Bisection, Judged
from maid_lab.model.thresholds import parse_threshold

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.engine.supervision.live import LiveCounts
    from maid_lab.model.plan import Plan

__all__ = ["Prober"]

#: Share of generator-bound seconds above which a probe says nothing about the target.
_BOUND_SHARE: Final = 0.05


class Prober:
    """Leads a run through the levels of its search.

    Parameters
    ----------
    plan : Plan
        A plan with one load that has a `search`.
    counts : LiveCounts
        Counts of the run.
    jump : callable
        `jump(level)`: set the level now.
    tell : callable
        `tell(probe)`: a probe is over; its figures as JSON data.

    Attributes
    ----------
    best : dict or None
        The best good probe.
    probes : list of dict
        All probes so far: number, level, from_s, to_s (seconds of the run), judged, values by threshold, generator_bound.
    """

    def __init__(self, plan: Plan, counts: LiveCounts, *, jump: Callable[[float], None], tell: Callable[[dict[str, Any]], None]) -> None:
        load = next(load for load in plan.loads if load.search is not None)
        assert load.search is not None
        self._search = load.search
        self._bisection = Bisection(load.search)
        self._watched = [Watched(parse_threshold(text), plan) for text in load.search.slo]
        self._counts = counts
        counts.learners += [watched.learn for watched in self._watched]
        self._jump = jump
        self._tell = tell
        self._settled_at_s = load.start_at_s + load.search.settle_s
        self._measures = False
        self._from_s = 0.0
        self._bound_s = 0
        self.best: dict[str, Any] | None = None
        self.probes: list[dict[str, Any]] = []

    @property
    def reason(self) -> str:
        """Why the search is over; empty while it goes on."""
        return self._bisection.reason

    def step(self, elapsed_s: float, bound_s: int) -> bool:
        """Look at the clock; `bound_s` is the number of generator-bound seconds so far. Returns True once, when the search is over."""
        if self.reason:
            return False
        if not self._measures:
            if elapsed_s >= self._settled_at_s:
                self._measures, self._from_s, self._bound_s = True, elapsed_s, bound_s
                self._counts.watch()
        elif elapsed_s >= self._from_s + self._search.probe_s * (2 if self._bisection.is_long else 1):
            self._end(elapsed_s, bound_s - self._bound_s)
        return bool(self.reason)

    def interrupt(self, elapsed_s: float) -> None:
        """Begin the probe that is under way anew: the run stood still in it."""
        self._measures = False
        self._settled_at_s = elapsed_s + self._search.settle_s

    def _end(self, elapsed_s: float, bound_s: int) -> None:
        self._measures = False
        span_s = elapsed_s - self._from_s
        counts = self._counts.watched()
        values = {str(watched): watched.judge(counts, span_s) for watched in self._watched}
        is_bound = bound_s > _BOUND_SHARE * span_s
        judged = _judged([found for found, _ in values.values()], is_bound=is_bound)
        probe = {
            "number": len(self.probes) + 1,
            "level": self._bisection.level,
            "from_s": round(self._from_s, 3),
            "to_s": round(elapsed_s, 3),
            "judged": judged,
            "generator_bound": is_bound,
            "values": {text: value for text, (_, value) in values.items()},
        }
        self.probes.append(probe)
        if judged == "pass" and (self.best is None or probe["level"] >= self.best["level"]):
            self.best = probe
        level = self._bisection.level
        self._bisection.take(judged)
        self._tell(probe)
        if not self.reason:
            if self._bisection.level != level:
                self._jump(self._bisection.level)
            self._settled_at_s = elapsed_s + self._search.settle_s


def _judged(found: list[Judged], *, is_bound: bool) -> Judged:
    """Return the verdict of a probe: what the generator limited proves nothing good of the target, and nothing bad."""
    if is_bound or ("unknown" in found and "fail" not in found):
        return "unknown"
    return "fail" if "fail" in found else "pass"
