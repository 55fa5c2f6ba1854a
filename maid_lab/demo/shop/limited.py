"""An endpoint with a limit: so many answers a second for each key, then 429 with Retry-After."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from maid_lab.demo.shop.answer import Answer, json_answer, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.shop.routing import Call, Router

__all__ = ["Limited"]

_PER_SECOND: Final = 50
_MOST: Final = 100_000
_KEYS: Final = 10_000


class Limited:
    """Route `/limited`: a bucket of one second for each value of the header `X-Api-Key`, filled at `limit` a second (50).

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, int], tuple[float, float]] = OrderedDict()

    def add_to(self, router: Router) -> None:
        """Register the route."""
        router.add("GET /limited", self.answer)

    def answer(self, call: Call) -> Answer:
        """Answer, or say when to come again."""
        limit = call.number("limit", _PER_SECOND, low=1, high=_MOST)
        key, now = (call.headers.get("X-Api-Key", "")[:100], limit), self._clock()
        left, at = self._buckets.pop(key, (float(limit), now))
        left = min(float(limit), left + (now - at) * limit)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _KEYS:
            self._buckets.popitem(last=False)
        if allowed:
            return json_answer({"limit": limit, "left": int(left - 1)})
        # In whole seconds, as most clients read it: 1 is the shortest wait that can be said.
        wait = max(1, math.ceil((1 - left) / limit))
        return problem(429, f"more than {limit} requests a second", headers=(("Retry-After", str(wait)),))
