"""The search for the highest level that holds its objectives: doubling until one fails, then bisection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from maid_lab.model.plan import Search

__all__ = ["Bisection", "Judged"]

#: How a probe came out.
Judged = Literal["pass", "fail", "unknown"]


@dataclass(slots=True)
class Bisection:
    """Levels of a search, one after the other.

    The level doubles from the first until a probe is not good or the last level holds. Then the stretch between the highest good level and
    the lowest that was not is halved until it is shorter than `tolerance` of its upper end. An unknown probe is made once more for twice as
    long; a second unknown counts as not good. When the first level is not good, the search goes down from it.

    Attributes
    ----------
    level : float
        The level to probe now.
    good, bad : float
        Highest good level so far, 0 for none; lowest that was not good, infinity for none.
    is_long : bool
        Whether the probe is to take twice as long, because the last one at this level was unknown.
    reason : str
        Why the search is over; empty while it goes on.
    """

    search: Search
    level: float = 0.0
    good: float = 0.0
    bad: float = math.inf
    probes: int = 0
    is_long: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        self.level = self.search.first

    def take(self, judged: Judged) -> None:
        """Take how the probe at `level` came out, and choose the next level or say why there is none."""
        search = self.search
        self.probes += 1
        if judged == "unknown" and not self.is_long and self.probes < search.max_probes:
            self.is_long = True
            return
        self.is_long = False
        if judged == "pass":
            self.good = max(self.good, self.level)
        else:
            self.bad = min(self.bad, self.level)
        if self.good >= search.last:
            self.reason = "the last level holds"
        elif self.probes >= search.max_probes:
            self.reason = f"all {search.max_probes} probes were made"
        else:
            self._choose()

    def _choose(self) -> None:
        if math.isinf(self.bad):
            self.level = min(self.level * 2, self.search.last)
            return
        middle = (self.good + self.bad) / 2
        if self.search.whole:
            middle = math.floor(middle)
        if self.bad - self.good <= self.search.tolerance * self.bad or middle <= self.good:
            self.reason = "the highest good and the lowest bad level are close enough"
        else:
            self.level = middle
