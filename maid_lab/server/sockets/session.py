"""One client: who it is, what it wants, what waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maid_lab.server.sockets.frames import TOPICS
from maid_lab.server.sockets.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maid_lab.server.sockets.frames import Frame
    from maid_lab.services.access.principal import Principal

__all__ = ["Session"]


class Session:
    """A client that is connected.

    Parameters
    ----------
    principal : Principal
        Who it is.
    allowed : iterable of str
        Topics that its ticket names; all of them by default.
    outbox : Outbox, optional
        What waits for it.
    """

    def __init__(self, principal: Principal, *, allowed: Iterable[str] = TOPICS, outbox: Outbox | None = None) -> None:
        self.principal = principal
        self.allowed = frozenset(allowed)
        self.outbox = outbox or Outbox()
        self.topics: set[str] = set()
        self.run_id: str | None = None
        self.rank = 0

    def wants(self, frame: Frame) -> bool:
        """Whether it subscribed to such a frame."""
        return frame.topic in self.topics and self.run_id in (None, frame.run_id) and frame.rank >= self.rank
