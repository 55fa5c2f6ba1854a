"""What was really served, counted where it happens."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maid_lab.demo.shop.routing import Route

__all__ = ["Stats"]


class Stats:
    """Counts of one server since its start or the last reset.

    A request counts as *begun* when its head was read and its route is known, whatever becomes of it, and as *answered* when all of its
    answer was handed to the network. The difference is what clients gave up, and what is still being worked on. Both counts live in the
    routes themselves: adding one to an attribute is the cheapest way to count. A request that is being worked on during a reset is
    counted as answered after it, so reset while nothing runs.
    """

    __slots__ = ("_routes", "_since", "bytes_out", "connections", "injected", "malformed", "messages", "open", "stalls", "status")

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)
        #: Connections that are open now; not a count, so no reset touches it.
        self.open = 0
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        for route in self._routes:
            route.begun = route.answered = 0
        self.status: Counter[int] = Counter()
        self.bytes_out = self.connections = self.injected = self.malformed = self.messages = self.stalls = 0
        self._since = time.monotonic()

    def to_json(self) -> dict[str, Any]:
        """Return all counts."""
        return {
            "served": self._part(control=False)
            | {"status": {str(code): n for code, n in sorted(self.status.items())}, "bytes": self.bytes_out},
            "control": self._part(control=True),
            "malformed": self.malformed,
            "connections": {"accepted": self.connections, "open": self.open},
            "injected_errors": self.injected,
            "messages": self.messages,
            "stalls": self.stalls,
            "seconds": round(time.monotonic() - self._since, 3),
            "pid": os.getpid(),
        }

    def _part(self, *, control: bool) -> dict[str, Any]:
        routes = [route for route in self._routes if route.is_control == control]
        return {
            "total": sum(route.begun for route in routes),
            "answered": sum(route.answered for route in routes),
            "routes": {route.name: route.begun for route in routes if route.begun},
            "answered_routes": {route.name: route.answered for route in routes if route.answered},
        }
