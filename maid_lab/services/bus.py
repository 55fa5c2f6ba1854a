"""The bus: who publishes does not know who listens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["LOGS", "METRICS", "STATUS", "TEST_COMPLETED", "TEST_STARTED", "Bus", "Listener"]

log = logging.getLogger(__name__)

#: `LiveStatus`, on each change of status or phase.
STATUS: Final = "maid:status"
#: `LiveStatus`, ten times a second while a run lives.
METRICS: Final = "maid:metrics"
#: `{t_s, level, source, message}`.
LOGS: Final = "maid:logs"
#: `{run_id, title, recipe_id, plan_hash}`.
TEST_STARTED: Final = "maid:test-started"
#: `{run_id, title, status, verdict, reason, rows}`.
TEST_COMPLETED: Final = "maid:test-completed"

Listener = Callable[[str, Any], None]


class Bus:
    """Publish and subscribe by topic inside one process.

    Listeners are called at once, in the order they came, on the publisher's thread; they must be short. One that fails is logged and the
    others are still called: a broken display never ends a run.
    """

    def __init__(self) -> None:
        self._listeners: list[tuple[frozenset[str], Listener]] = []

    def publish(self, topic: str, data: Any) -> None:
        """Give `data` to each listener of `topic`."""
        for topics, listener in tuple(self._listeners):
            if topics and topic not in topics:
                continue
            try:
                listener(topic, data)
            except Exception:
                log.exception("a listener of %s failed", topic)

    def subscribe(self, listener: Listener, topics: Iterable[str] = ()) -> Callable[[], None]:
        """Call `listener(topic, data)` from now on, for all topics when none is named; the returned function ends it."""
        entry = (frozenset(topics), listener)
        self._listeners.append(entry)

        def unsubscribe() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)

        return unsubscribe

    @contextmanager
    def listening(self, listener: Listener, topics: Iterable[str] = ()) -> Iterator[None]:
        """Subscribe for the length of a `with` block."""
        unsubscribe = self.subscribe(listener, topics)
        try:
            yield
        finally:
            unsubscribe()
