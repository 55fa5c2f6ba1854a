"""What limits of keys and agents allow now: requests per minute, recipes per day, runs at a time, runs of agents per hour."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import TooMany
from maid_lab.services.catalogue import opened

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.services.access.principal import Principal
    from maid_lab.services.settings import Settings

__all__ = ["Quota"]

_MINUTE_S: Final = 60.0
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MOST_BUCKETS: Final = 10_000
_USUAL_AGENT_RUNS: Final = 3


class Quota:
    """Counts what keys and agents do.

    Parameters
    ----------
    home : Path
        The home folder; runs are counted in its catalogue, so a restart forgets none.
    settings : Settings
        `agent_runs_per_hour`; environment and flags, which an agent may have set itself, can only lower it.
    clock, seconds : callable
        Time of day, and seconds that only go forward.
    """

    def __init__(
        self,
        home: Path,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._clock = clock
        self._seconds = seconds
        most = settings.agent_runs_per_hour
        from_outside = settings.layer("agent_runs_per_hour") in ("environment", "flag")
        self._agent_runs = min(most, _USUAL_AGENT_RUNS) if from_outside else most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._agent_starts: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def take_request(self, by: Principal) -> None:
        """Count a request of a key or token; others are not counted. A full bucket holds a minute's requests and fills evenly.

        Raises
        ------
        TooMany
            If the limit `requests_per_minute` is reached.
        """
        if by.key_id is None and by.kind != "token":
            return
        most, now, name = float(by.limits.requests_per_minute), self._seconds(), by.key_id or f"sub:{by.id}"
        with self._lock:
            left, since = self._buckets.pop(name, (most, now))
            left = min(most, left + (now - since) * most / _MINUTE_S)
            allowed = left >= 1
            self._buckets[name] = (left - 1 if allowed else left, now)
            while len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        if not allowed:
            raise TooMany(
                f"the API key may send {by.limits.requests_per_minute} requests per minute (requests_per_minute).",
                hint="Send fewer, or ask an administrator for a key with a higher limit.",
                retry_after_s=(1 - left) * _MINUTE_S / most,
            )

    def check_start(self, by: Principal, recipe_id: str) -> None:
        """Do nothing when a key or agent may start a run of a recipe now; reads the store.

        Raises
        ------
        TooMany
            If `recipe_limit`, `concurrent_tests` or the agents' runs per hour are reached.
        """
        now = self._clock()
        if by.key_id is not None and (by.limits.recipe_limit is not None or by.limits.concurrent_tests is not None):
            self._check_key(by, by.key_id, recipe_id, now)
        if by.is_agent:
            self._check_agent(by, now)

    def started(self, by: Principal) -> None:
        """Count a run that was started by an agent without a key, whose runs the catalogue does not tell from those of its user."""
        if by.is_agent and by.key_id is None:
            self._agent_starts[by.id].append(self._clock())

    def _check_key(self, by: Principal, key_id: str, recipe_id: str, now: datetime) -> None:
        with opened(self._home) as store:
            recipes = store.access.recipes_since(key_id, now - _DAY)
            under_way = store.access.unfinished(key_id)
        most = by.limits.recipe_limit
        if most is not None and recipe_id not in recipes and len(recipes) >= most:
            raise TooMany(
                f"the API key has run {len(recipes)} recipes within a day, its recipe_limit is {most}.",
                hint="Run one of these again, or wait.", retry_after_s=_HOUR.total_seconds(),
            )  # fmt: skip
        most = by.limits.concurrent_tests
        if most is not None and under_way >= most:
            raise TooMany(f"the API key has {under_way} runs under way, its concurrent_tests is {most}.", hint="Wait for their end.")

    def _check_agent(self, by: Principal, now: datetime) -> None:
        if by.key_id is not None:
            with opened(self._home) as store:
                starts = store.access.starts_since(by.key_id, now - _HOUR)
        else:
            mine = self._agent_starts[by.id]
            while mine and mine[0] <= now - _HOUR:
                mine.popleft()
            starts = list(mine)
        if len(starts) >= self._agent_runs:
            wait = starts[-self._agent_runs] + _HOUR - now
            raise TooMany(
                f"the agent has started {len(starts)} runs within an hour, agent_runs_per_hour is {self._agent_runs}.",
                hint="Wait, or have a person start it.", retry_after_s=max(1.0, wait.total_seconds()),
            )  # fmt: skip
