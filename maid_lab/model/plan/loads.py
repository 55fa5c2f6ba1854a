"""Load profiles as a plan holds them: linear segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from maid_lab.model.rows import Phase

__all__ = [
    "Ceilings",
    "Load",
    "Search",
    "Segment",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A linear piece of a load profile; times in seconds from the start of its load, levels in users or starts per second."""

    start_s: float
    end_s: float
    level_from: float
    level_to: float

    @property
    def phase(self) -> Phase:
        """Phase by slope: increase, maintain or decrease."""
        if self.level_to > self.level_from:
            return Phase.INCREASE
        return Phase.DECREASE if self.level_to < self.level_from else Phase.MAINTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for the highest level that holds its objectives: levels from `first` to `last`, thresholds of the threshold grammar.

    `whole` levels are users, others starts per second. Times in seconds: `probe_s` is measured after `settle_s`.
    """

    first: float
    last: float
    slo: tuple[str, ...]
    tolerance: float = 0.05
    probe_s: float = 30.0
    settle_s: float = 5.0
    max_probes: int = 12
    whole: bool = True

    @property
    def longest_s(self) -> float:
        """Longest time that the search can take: each probe settles, and can be made for twice as long."""
        return self.max_probes * (self.settle_s + 2 * self.probe_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load profile, resolved.

    `model` is `users` (closed: the level is live users), `iterations` (closed: `users` loop `iterations` times each, or draw from one
    pool) or `rate` (open: the level is starts per second). `order` lists scenario indexes; user or start k takes entry k mod its length.
    With `assignment` `per-iteration` every iteration draws the next entry. `random_each_loop` reshuffles `order` at each pass. A replay has
    the times of its starts in `due_s`, seconds from the start of the load, and what `row` is for each of them in `rows`; its segments only
    say how dense they are. A `search` sets the level while running; its segment holds the first level for as long as it can take.
    """

    name: str
    profile: str
    model: Literal["users", "rate", "iterations"]
    segments: tuple[Segment, ...]
    order: tuple[int, ...]
    start_at_s: float = 0.0
    assignment: Literal["per-user", "per-iteration"] = "per-user"
    random_each_loop: bool = False
    pace_s: float = 0.0
    graceful_stop_s: float = 30.0
    graceful_ramp_down_s: float = 30.0
    max_users: int = 0
    prewarm: int = 0
    arrivals: Literal["uniform", "poisson"] = "uniform"
    of: Literal["iterations", "requests"] = "iterations"
    due_s: tuple[float, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    iterations: int = 0
    share: Literal["per-user", "shared"] = "per-user"
    search: Search | None = None

    @property
    def end_s(self) -> float:
        """End of the last segment, seconds from the start of the run."""
        return self.start_at_s + (self.segments[-1].end_s if self.segments else 0.0)

    @property
    def peak(self) -> float:
        """Highest level of all segments, and of a search."""
        highest = max((max(s.level_from, s.level_to) for s in self.segments), default=0.0)
        return max(highest, self.search.last) if self.search is not None else highest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Most that live control may make of a run: the caps of the policy and the limits of the recipe, the smaller of each; 0 for none."""

    max_users: float = 0.0
    max_rate_per_s: float = 0.0
    max_duration_s: float = 0.0
