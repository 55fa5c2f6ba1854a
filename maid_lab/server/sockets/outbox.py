"""What waits to be sent to one client: bounded, whatever the client does."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from maid_lab.server.sockets.frames import log_with_loss
from maid_lab.services.bus import LOGS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maid_lab.server.sockets.frames import Frame

__all__ = ["TRY_AGAIN", "Outbox", "write_out"]

#: Close code of a client that does not read; it may come back (RFC 6455, 7.4, "Try Again Later").
TRY_AGAIN: Final = 1013

_LOGS: Final = 1000
_CERTAIN: Final = 512
_REPLIES: Final = 64
_RUNS: Final = 4
_BYTES: Final = 4 << 20


class Outbox:
    """Queue of one client.

    Of frames that a later one makes worthless (metrics, the status of each second) the newest per topic and run waits. Log lines wait up to
    a bound; then the oldest go, and the next one that is sent says how many went. Everything else is never dropped: when it does not fit,
    `ending` is set, the client is to be closed, and it resumes with `last_seq`.

    Parameters
    ----------
    logs, certain, replies : int
        Most log frames, frames that are never dropped, and answers that wait.
    most_bytes : int
        Most characters of log frames, and of frames that are never dropped.

    Attributes
    ----------
    ending : tuple of int and str, or None
        Close code and reason once the client is to be closed.
    """

    def __init__(self, *, logs: int = _LOGS, certain: int = _CERTAIN, replies: int = _REPLIES, most_bytes: int = _BYTES) -> None:
        self._most = (logs, certain, replies)
        self._most_bytes = most_bytes
        self._newest: dict[tuple[str, str | None], Frame] = {}
        self._logs: deque[Frame] = deque()
        self._certain: deque[Frame] = deque()
        self._replies: deque[str] = deque()
        self._log_bytes = 0
        self._certain_bytes = 0
        self._lost = 0
        self._filled = asyncio.Event()
        self.ending: tuple[int, str] | None = None

    def __len__(self) -> int:
        return len(self._newest) + len(self._logs) + len(self._certain) + len(self._replies)

    @property
    def waiting_bytes(self) -> int:
        """Characters that wait; the texts are shared among clients, so this is an upper bound of memory."""
        newest = sum(len(frame.text) for frame in self._newest.values())
        return self._log_bytes + self._certain_bytes + newest + sum(map(len, self._replies))

    def put(self, frame: Frame) -> None:
        """Let a frame wait."""
        if self.ending is not None:
            return
        if frame.is_newest_only:
            key = (frame.topic, frame.run_id)
            self._newest.pop(key, None)
            self._newest[key] = frame
            while len(self._newest) > _RUNS * 2:
                del self._newest[next(iter(self._newest))]
        elif frame.topic == LOGS:
            self._put_log(frame)
        else:
            self._certain.append(frame)
            self._certain_bytes += len(frame.text)
            if len(self._certain) > self._most[1] or (self._certain_bytes > self._most_bytes and len(self._certain) > 1):
                self.end(TRY_AGAIN, "frames that are never dropped were not read; resume with last_seq")
        self._filled.set()

    def put_reply(self, text: str) -> None:
        """Let an answer wait; answers go before frames."""
        if self.ending is not None:
            return
        self._replies.append(text)
        if len(self._replies) > self._most[2]:
            self.end(TRY_AGAIN, "answers were not read")
        self._filled.set()

    def end(self, code: int, reason: str) -> None:
        """Have the client closed; what waits is not sent any more, the first reason stays."""
        self.ending = self.ending or (code, reason)
        self._newest.clear()
        self._logs.clear()
        self._certain.clear()
        self._replies.clear()
        self._log_bytes = self._certain_bytes = 0
        self._filled.set()

    def forget(self, topics: set[str]) -> None:
        """Drop what waits of these topics: the client wants no more of them."""
        self._newest = {key: frame for key, frame in self._newest.items() if frame.topic not in topics}
        self._certain = deque(frame for frame in self._certain if frame.topic not in topics)
        self._certain_bytes = sum(len(frame.text) for frame in self._certain)
        if LOGS in topics:
            self._logs.clear()
            self._log_bytes = self._lost = 0

    def take(self) -> str | None:
        """Return the text that is to be sent next, answers first, then frames in their order; None when nothing waits."""
        if self._replies:
            return self._replies.popleft()
        newest = next(iter(self._newest.values()), None)
        heads = [head for head in (newest, self._logs[0] if self._logs else None, self._certain[0] if self._certain else None) if head]
        if not heads:
            self._filled.clear()
            return None
        first = min(heads, key=lambda frame: frame.seq)
        if first is newest:
            del self._newest[first.topic, first.run_id]
            return first.text
        if first.topic == LOGS:
            self._logs.popleft()
            self._log_bytes -= len(first.text)
            lost, self._lost = self._lost, 0
            return log_with_loss(first, lost)
        self._certain.popleft()
        self._certain_bytes -= len(first.text)
        return first.text

    async def filled(self) -> None:
        """Wait until something may be taken, or the client is to be closed."""
        await self._filled.wait()

    def _put_log(self, frame: Frame) -> None:
        self._logs.append(frame)
        self._log_bytes += len(frame.text)
        while len(self._logs) > self._most[0] or (self._log_bytes > self._most_bytes and len(self._logs) > 1):
            self._log_bytes -= len(self._logs.popleft().text)
            self._lost += 1


async def write_out(outbox: Outbox, send: Callable[[str], Awaitable[None]], *, patience_s: float) -> tuple[int, str]:
    """Send what an outbox holds until its client is to be closed, and return the close code and the reason.

    Parameters
    ----------
    send : callable
        Done when the text has left this process; a server's own buffer has no bound, so the next one waits for this.
    patience_s : float
        Longest time for one text; a client that takes longer reads nothing.
    """
    while outbox.ending is None:
        text = outbox.take()
        if text is None:
            await outbox.filled()
            continue
        try:
            await asyncio.wait_for(send(text), patience_s)
        except TimeoutError:
            return TRY_AGAIN, f"nothing was read for {patience_s:g} s; resume with last_seq"
    return outbox.ending
