"""The result service: a run id in, JSON data out; what is known of a finished run is kept, because nothing of it changes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from maid_lab.services.results import figures, journal
from maid_lab.services.results.sources import RunSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Results"]

#: Answers kept.
_KEPT: Final = 64
#: How long an answer about a run under way is given again, seconds: many may ask, its rows are read once.
_FRESH_S: Final = 1.0
#: Answers computed at a time; each uses all cores.
_AT_ONCE: Final = 2


class Results:
    """Tells of runs.

    Parameters
    ----------
    home : Path
        The home folder.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._clock = clock
        self._kept: OrderedDict[tuple[Any, ...], tuple[float | None, dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()
        self._busy = threading.BoundedSemaphore(_AT_ONCE)

    async def summary(self, run_id: str) -> dict[str, Any]:
        """Return run_id, status, is_final, latency, verdict, reason, generator_bound and summary, which docs/analysis.md describes."""
        return await self._ask(run_id, figures.summary_of)

    async def timeline(
        self, run_id: str, *, width_s: float | None = None, points: int = figures.MAX_POINTS, name: str | None = None
    ) -> dict[str, Any]:
        """Return the run over time; see `figures.timeline_of`."""
        return await self._ask(run_id, figures.timeline_of, width_s=width_s, points=points, name=name)

    async def errors(self, run_id: str, *, name: str | None = None) -> dict[str, Any]:
        """Return clusters of failures; see `figures.errors_of`."""
        return await self._ask(run_id, figures.errors_of, name=name)

    async def slowest(self, run_id: str, *, number: int = 20, name: str | None = None) -> dict[str, Any]:
        """Return the slowest requests; see `figures.slowest_of`."""
        return await self._ask(run_id, figures.slowest_of, number=number, name=name)

    async def distribution(self, run_id: str, *, name: str | None = None, metric: str = "latency") -> dict[str, Any]:
        """Return how a time is spread; see `figures.distribution_of`."""
        return await self._ask(run_id, figures.distribution_of, name=name, metric=metric)

    async def logs(
        self, run_id: str, *, level: str | None = None, text: str = "", limit: int = 100, cursor: str | None = None
    ) -> dict[str, Any]:
        """Return log lines; see `journal.logs_of`."""
        read = partial(journal.logs_of, level=level, text=text, limit=limit, cursor=cursor)
        return await asyncio.to_thread(lambda: read(RunSource.of(self._home, run_id)))

    async def samples(
        self, run_id: str, *, name: str | None = None, outcome: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> dict[str, Any]:
        """Return kept exchanges that failed; see `journal.samples_of`."""
        read = partial(journal.samples_of, name=name, outcome=outcome, limit=limit, cursor=cursor)
        return await asyncio.to_thread(lambda: read(RunSource.of(self._home, run_id)))

    async def _ask(self, run_id: str, compute: Callable[..., dict[str, Any]], **asked: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self._answer, run_id, compute, asked)

    def _answer(self, run_id: str, compute: Callable[..., dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
        # The record is read each time: it says whether the run is still there and whether it has ended.
        source = RunSource.of(self._home, run_id)
        key = (run_id, source.record.updated_at, compute.__name__, *sorted(asked.items()))
        found = self._found(key)
        if found is not None:
            return found
        with self._busy:
            # Whoever waited may find what the one before has computed.
            found = self._found(key)
            if found is None:
                found = compute(source, **asked)
                self._keep(key, None if source.is_final else self._clock() + _FRESH_S, found)
        return found

    def _found(self, key: tuple[Any, ...]) -> dict[str, Any] | None:
        with self._lock:
            until, answer = self._kept.get(key, (0.0, None))
            if answer is None or (until is not None and until < self._clock()):
                return None
            self._kept.move_to_end(key)
            return answer

    def _keep(self, key: tuple[Any, ...], until: float | None, answer: dict[str, Any]) -> None:
        with self._lock:
            self._kept[key] = (until, answer)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
