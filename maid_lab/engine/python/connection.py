"""Connections of Python users: the usual answer goes straight to the code that waits for it."""

from __future__ import annotations

from time import monotonic_ns
from typing import Any, Final

from maid_lab.engine.http.connection import Connection
from maid_lab.engine.http.head import cached_head
from maid_lab.engine.http.link import WOULD_BLOCK
from maid_lab.engine.python.answer import Answer
from maid_lab.model.rows import FLAG_REUSED, NONE_U32

__all__ = ["CodeConnection"]

_READ_SIZE: Final = 65536


class CodeConnection(Connection):
    """A connection whose quick way keeps head and body, and leaves the row to the code."""

    __slots__ = ()

    def readable(self) -> None:
        """Take what the socket has; called by the loop."""
        try:
            data = self._read(_READ_SIZE)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._broken(error)
            return
        operation: Any = self.operation
        if operation is None or self.head is not None or self.bytes_in or operation.is_head:
            self._receive(data)
            return
        end = data.find(b"\r\n\r\n") + 4
        head = cached_head(data[:end])
        size = len(data)
        if head is None or size != end + head.length or head.status < 200:
            self._receive(data)
            return
        lane: Any = self.user
        now = monotonic_ns()
        start = self.start
        service, blocked = now - start, start - self.intended
        if not (self.is_quick and head.plain and service < NONE_U32 > blocked):
            self._whole(operation, head, data, end)
            return
        answer = Answer()
        answer._head = head
        answer._raw = data[end:]
        answer._request = lane.request
        answer._start = start
        answer._end = now
        answer._packed = (
            start - self._recorder.zero_ns, service, blocked, service, blocked // 1000, lane.number,
            lane.iteration, self.bytes_out, size, operation.label, head.status, 0, lane.flags | FLAG_REUSED,
        )  # fmt: skip
        if operation.expects:
            operation.judged(answer, head.status)
        self.operation = None
        lane.ready_ns = now
        lane.answered(answer)
