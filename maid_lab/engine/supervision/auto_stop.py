"""The automatic stop: a target that fails most requests is left alone."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["AutoStop"]

_SPAN_S: Final = 30
_LEAST: Final = 100


class AutoStop:
    """Watches the share of failed requests over the last 30 s, from counts that only grow."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque([(0.0, 0, 0)])

    def second(self, elapsed_s: float, requests: int, failed: int) -> str:
        """Take the counts so far, and return why the run is to be stopped; empty while it may go on."""
        self._seen.append((elapsed_s, requests, failed))
        # The one that is 30 s old stays: the span is counted from it.
        while len(self._seen) > 1 and self._seen[1][0] <= elapsed_s - _SPAN_S:
            self._seen.popleft()
        began, requests_then, failed_then = self._seen[0]
        made, bad = requests - requests_then, failed - failed_then
        if elapsed_s - began < _SPAN_S or made < _LEAST or 2 * bad <= made:
            return ""
        return f"stopped automatically: {bad:,} of {made:,} requests failed over {_SPAN_S} s"
