"""The HTTP step that reads an event stream: messages are stamped as they come, and the step ends with the last one that it waits for."""

from __future__ import annotations

import re
from time import monotonic_ns
from typing import TYPE_CHECKING, ClassVar, Final

from maid_lab.engine.http.capturing import CapturingHttpOperation
from maid_lab.engine.http.operation import HttpOperation, store_cookies
from maid_lab.engine.http.response import Response
from maid_lab.engine.http.stream_body import StreamBody
from maid_lab.model.rows import FLAG_ATTEMPT_SHIFT, FLAG_REDIRECTED, FLAG_REUSED, Outcome
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from maid_lab.engine.http.connection import Connection
    from maid_lab.engine.http.head import Head
    from maid_lab.engine.http.request import Request
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import EventStream, HttpStep

__all__ = ["CapturingStreamOperation", "StreamOperation", "StreamResponse"]

#: How long the end of the answer is waited for behind the last message: servers send it at once, and the connection can be kept.
_GRACE_NS: Final = 50_000_000
_MIME: Final = re.compile(rb"text/event-stream\s*(;|$)", re.IGNORECASE)


class StreamResponse(Response):
    """An answer whose body was read as a stream; the body is what was kept of it, without its content coding."""

    __slots__ = ("_messages",)

    def __init__(self, head: Head, body: bytes, *, request: Request, service_s: float, messages: int) -> None:
        super().__init__(head, body, request=request, service_s=service_s)
        self._messages = messages

    @property
    def messages(self) -> int | None:
        """Events of the stream."""
        return self._messages

    def decode(self) -> None:
        """Do nothing: the coding was taken off piece by piece."""


class StreamOperation(HttpOperation):
    """A compiled HTTP step with `sse`.

    The row's `first_byte` is the arrival of the first message, its `end` that of the last one waited for. What comes in one read has one
    stamp: gaps between messages are those that a client could see.
    """

    __slots__ = ("_limit", "_streams", "_until")

    streams: ClassVar[bool] = True

    def __init__(self, step: HttpStep, *, uses_last: bool) -> None:
        super().__init__(step, uses_last=uses_last)
        self.is_simple = False
        options: EventStream = step.sse  # type: ignore[assignment]  # this class is for steps that have it
        self._limit = options.limit
        self._until = (options.until_event, compile_value(options.until))
        self._streams: dict[Connection, StreamBody] = {}

    @property
    def is_constant(self) -> bool:
        """Whether a flat loop can send it; never, each answer has to be read."""
        return False

    # ---- the body

    def body_for(self, connection: Connection, head: Head) -> StreamBody | None:
        """Return what takes the body of this answer; None for one that is no event stream."""
        if not 200 <= head.status < 300 or _MIME.match(head.get(b"content-type")) is None:
            return None
        kind, text = self._until
        wanted = text(connection.user.scope) if callable(text) else text
        until = (kind.encode(), str(wanted or "").encode())
        self._streams[connection] = body = StreamBody(self, connection, head, until=until, limit=self._limit)
        return body

    def stop_soon(self, connection: Connection, body: StreamBody) -> None:
        """End the exchange: the last message is there, the rest of the answer is waited for no longer than a moment."""
        grace = 0 if body.problem else _GRACE_NS
        connection.user.shard.timers.at(body.ended + grace, self._stop, (connection, body))

    def _stop(self, what: tuple[Connection, StreamBody]) -> None:
        connection, body = what
        head = connection.head
        if self._streams.get(connection) is body and head is not None:
            self._take(connection, head, body, monotonic_ns(), reusable=False)

    # ---- the answer

    def finish(self, connection: Connection, head: Head, body: bytes, now: int, *, reusable: bool) -> None:
        """Take a whole answer."""
        stream = self._streams.get(connection)
        if stream is None:
            # In one piece with its head, or no stream at all.
            stream = self.body_for(connection, head)
            if stream is None:
                super().finish(connection, head, body, now, reusable=reusable)
                return
            stream.append(body)
        stream.close()
        self._take(connection, head, stream, now, reusable=reusable)

    def fail(self, connection: Connection, outcome: Outcome, text: str, now: int) -> None:
        """Take a failed exchange; what happens behind the last message that was waited for is of no interest."""
        stream, head = self._streams.get(connection), connection.head
        if stream is not None and stream.ended and head is not None:
            self._take(connection, head, stream, now, reusable=False)
        else:
            super().fail(connection, outcome, text, now)

    def abort(self, connection: Connection, now: int) -> None:
        """Record the exchange as cut by the end of the run, unless only the end of the answer was missing."""
        stream, head = self._streams.get(connection), connection.head
        if stream is not None and stream.ended and head is not None:
            outcome, error = self._judge(connection.user, self._response(connection, head, stream, stream.ended))
            self._record(connection, outcome, error, head.status, stream.ended)
        else:
            super().abort(connection, now)

    def _take(self, connection: Connection, head: Head, stream: StreamBody, now: int, *, reusable: bool) -> None:
        user = connection.user
        if not head.plain:
            store_cookies(user, head, user.request)
        end = stream.ended or now
        outcome, error = self._judge(user, self._response(connection, head, stream, end))
        if stream.problem:
            outcome, error = Outcome.PROTOCOL_ERROR, stream.problem
        elif not (stream.is_satisfied or outcome):
            outcome, error = Outcome.CHECK_FAILED, "the stream ended before the message that it was read for (until)"
        self._end(connection, outcome, error, head.status, now, reusable=reusable and not stream.problem)

    @staticmethod
    def _response(connection: Connection, head: Head, stream: StreamBody, end: int) -> StreamResponse:
        service_s = (end - connection.start) / 1e9
        return StreamResponse(head, b"".join(stream), request=connection.user.request, service_s=service_s, messages=len(stream.stamps))

    def _judge(self, user: VirtualUser, response: Response) -> tuple[Outcome, str]:
        if 200 <= response.status < 300 and response.messages is None and response.status != 204:
            kind = (response.header("content-type") or "without a type").partition(";")[0]
            return Outcome.PROTOCOL_ERROR, f"the answer is {kind}, not text/event-stream"
        return super()._judge(user, response)

    def _record(self, connection: Connection, outcome: Outcome, error: str, status: int, now: int) -> None:
        stream = self._streams.pop(connection, None)
        if stream is None:
            super()._record(connection, outcome, error, status, now)
            return
        user, shard = connection.user, connection.user.shard
        flags = user.flags | (FLAG_REUSED if connection.connected < 0 else 0) | (FLAG_REDIRECTED if connection.hops else 0)
        flags |= min(connection.attempt, 127) << FLAG_ATTEMPT_SHIFT
        stamps = stream.stamps
        shard.recorder.record(
            label=self.label,
            user=user.number,
            iteration=user.iteration,
            intended=connection.intended,
            start=connection.start,
            end=stream.ended or now,
            outcome=outcome,
            flags=flags,
            status=status,
            first_byte=stamps[0] if stamps else -1,
            connected=connection.connected,
            bytes_out=connection.bytes_out,
            bytes_in=connection.bytes_in,
            error=error,
            trace_id=user.request.trace_id if self._traces else 0,
            messages=len(stamps),
        )
        shard.recorder.record_messages(
            stamps,
            stream.sizes,
            request=connection.start,
            user=user.number,
            iteration=user.iteration,
            label=self.label,
            flags=flags | outcome,
        )


class CapturingStreamOperation(CapturingHttpOperation, StreamOperation):
    """A compiled step with `sse` whose requests are all kept for the logs."""

    __slots__ = ()
