"""One HTTP/1.1 connection of a virtual user: send, receive, record."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Final

from maid_lab.engine.http.head import CHUNKED, UNTIL_CLOSE, Chunks, Head, cached_head, parse_head
from maid_lab.engine.http.link import WOULD_BLOCK, Link
from maid_lab.engine.recording.exchange import CappedBody
from maid_lab.model.rows import FLAG_REUSED, NONE_U32, RECORD_PAIR, RECORD_SIZE, Outcome

if TYPE_CHECKING:
    from maid_lab.engine.http.asking import Asking
    from maid_lab.engine.http.origin import Origin
    from maid_lab.engine.scripts.flat import FlatLoop
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["Connection"]

#: A head beyond this is an attack or an accident.
MAX_HEAD: Final = 65536

_READ_SIZE: Final = 65536
_PAIR_SIZE: Final = RECORD_PAIR.size
_pack_pair: Final = RECORD_PAIR.pack_into
_STATUS_START: Final = b"HTTP/1."


class Connection(Link):
    """A connection and the exchange that is on it.

    Attributes
    ----------
    intended, start, connected, first_byte : int
        Stamps of the exchange, monotonic ns; −1 for none. `connected` is −1 on a reused connection.
    bytes_out, bytes_in : int
        On the wire, head and body, of this exchange.
    is_proven : bool
        The server has kept the connection open behind an answer.
    is_quick : bool
        The exchange is on a reused connection, nothing of its answer has been read, and its operation is simple: `readable` may record it.
    """

    __slots__ = (
        "_body", "_chunks", "_left", "_raw", "_recorder", "attempt", "bytes_in", "bytes_out", "first_byte", "head", "hops", "is_proven",
        "is_quick", "last_read",
    )  # fmt: skip

    first_byte: int
    bytes_in: int
    head: Head | None
    _raw: bytes
    _left: int
    _body: list[bytes] | None
    _chunks: Chunks | None

    def __init__(self, origin: Origin, user: VirtualUser) -> None:
        super().__init__(origin, user)
        self._recorder = user.shard.recorder
        self.is_quick = False
        self.is_proven = False
        self.attempt = 0
        self.hops = 0
        self._reset()

    # ---- sending

    def exchange(self, operation: Asking, wire: bytes, intended: int) -> None:
        """Send one request; the outcome is recorded and the user goes on when the answer is there or has failed."""
        self.operation = operation
        self.intended = intended
        self.bytes_out = len(wire)
        self.is_quick = operation.is_simple and not self.hops
        self.start = monotonic_ns()
        try:
            sent = self._write(wire)
        except WOULD_BLOCK:
            sent = 0
        except OSError as error:
            # The reader callback would report it too, but only if the user is not stepped from here: results must come later.
            self._loop.call_soon(self._broken_if, operation, error)
            return
        if sent != len(wire):
            self.send_rest(wire, sent)

    def established(self) -> None:
        """Send the request that the connection was opened for; connecting counts as part of its service time."""
        operation = self.operation
        if operation is None:
            return
        start, connected = self.start, self.connected
        self.exchange(operation, self.wire, self.intended)
        self.start, self.connected = start, connected
        self.is_quick = False
        self.wire = b""

    def opened(self) -> None:
        """Let the worker watch its times."""
        self.user.shard.connections.add(self)

    def closed(self) -> None:
        """Leave the user and the worker."""
        self.user.shard.connections.discard(self)
        if self.user.connections.get(self.origin) is self:
            del self.user.connections[self.origin]

    # ---- receiving

    def readable(self) -> None:
        """Take what the socket has; called by the loop."""
        try:
            data = self._read(_READ_SIZE)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._broken(error)
            return
        operation = self.operation
        if operation is not None and self.is_quick:
            end = data.find(b"\r\n\r\n") + 4
            head = cached_head(data[:end])
            size = len(data)
            if head is not None and head.plain and size == end + head.length:
                now = monotonic_ns()
                start = self.start
                service = now - start
                blocked = start - self.intended
                user = self.user
                if service < NONE_U32 > blocked:
                    flat = user.flat
                    if flat is not None and flat.only_wire and not user.leaving and now - user.iteration_ns < NONE_U32:
                        self._again(flat, user, now, head.status, size)
                        return
                    recorder = self._recorder
                    position = recorder.position
                    recorder.pack(
                        recorder.buffer, position, start - recorder.zero_ns, service, blocked, service, blocked // 1000, user.number,
                        user.iteration,
                        self.bytes_out, size, operation.label, head.status, 0, user.flags | FLAG_REUSED,
                    )  # fmt: skip
                    recorder.position = position = position + RECORD_SIZE
                    if position >= recorder.limit:
                        recorder.flush()
                    self.operation = None
                    user.ready_ns = now
                    if flat is None or user.leaving:
                        user.step(True)  # noqa: FBT003 - the result of the operation
                    else:
                        self._leap(flat, user, now)
                    return
        elif operation is not None and self.head is None and not self.bytes_in and not operation.is_head:
            end = data.find(b"\r\n\r\n") + 4
            head = cached_head(data[:end])
            if head is not None and len(data) == end + head.length and head.status >= 200:
                self._whole(operation, head, data, end)
                return
        self._receive(data)

    def _whole(self, operation: Asking, head: Head, data: bytes, end: int) -> None:
        """Take an answer that came in one piece: what `_receive` and all behind it would do, without their questions."""
        self.last_read = now = monotonic_ns()
        if self.first_byte < 0:
            self.first_byte = now
        self.bytes_in = len(data)
        self.head = head
        body = data[end:]
        self._body = [body]
        reusable = head.keep_alive and not self._out and operation.reuse != "none"
        operation.finish(self, head, body, now, reusable=reusable)

    def _again(self, flat: FlatLoop, user: VirtualUser, now: int, status: int, size: int) -> None:
        """Write the rows of a loop's only request and of its iteration, and send the request again."""
        recorder, start, began, iteration = self._recorder, self.start, user.iteration_ns, user.iteration
        position, zero, number, flags = recorder.position, recorder.zero_ns, user.number, user.flags
        service, blocked = now - start, start - self.intended
        _pack_pair(
            recorder.buffer, position, start - zero, service, blocked, service, blocked // 1000, number, iteration, self.bytes_out, size,
            flat.request_label, status, 0, flags | FLAG_REUSED,
            began - zero, now - began, 0, NONE_U32, 0, number, iteration, 0, 0, flat.label, -1, 0, flags,
        )  # fmt: skip
        recorder.position = position = position + _PAIR_SIZE
        if position >= recorder.limit:
            recorder.flush()
        user.iteration = iteration + 1
        user.iteration_ns = user.ready_ns = self.intended = now
        self.start = monotonic_ns()
        wire = flat.only_wire
        try:
            sent = self._write(wire)
        except WOULD_BLOCK:
            sent = 0
        except OSError as error:
            self._loop.call_soon(self._broken_if, flat.operations[0], error)
            return
        if sent != self.bytes_out:
            self.send_rest(wire, sent)

    def _leap(self, flat: FlatLoop, user: VirtualUser, now: int) -> None:
        """Send the next request of a flat loop, at its end with the row of the iteration."""
        position = user.position + 1
        if position == flat.length:
            position = 0
            self._recorder.record_span(flat.label, user.number, user.iteration, user.iteration_ns, now, user.flags)
            user.iteration += 1
            user.iteration_ns = now
        user.position = position
        user.request = flat.requests[position]
        self.exchange(flat.operations[position], flat.wires[position], now)

    def _receive(self, data: bytes) -> None:
        if not data:
            self._ended()
            return
        if self.operation is None:
            self.close()  # nobody asked: the server speaks out of turn, this connection cannot be trusted
            return
        self.is_quick = False
        self.last_read = monotonic_ns()
        if self.first_byte < 0:
            self.first_byte = self.last_read
        self.bytes_in += len(data)
        try:
            self._feed(data)
        except ValueError as error:
            self.fail(Outcome.PROTOCOL_ERROR, str(error))

    def _feed(self, data: bytes) -> None:
        while self.head is None:
            raw = self._raw + data if self._raw else data
            end = raw.find(b"\r\n\r\n") + 4
            if end < 4:
                _refuse_hopeless(raw)
                self._raw = raw
                return
            head = parse_head(raw[:end])
            self._raw, data = b"", raw[end:]
            if head.status == 101:
                raise ValueError("the server switched protocols without being asked")
            if head.status >= 200:
                self._begin_body(head)
            elif not data:
                return
        self._feed_body(data)

    def _begin_body(self, head: Head) -> None:
        operation = self.operation
        self.head = head
        if operation is None or operation.is_head:
            self._left = 0
            return
        self._left = head.length
        if operation.streams and (body := operation.body_for(self, head)) is not None:
            self._body = body
        elif operation.needs_body:
            self._body = []
        elif operation.keeps_body or head.status >= 400:
            self._body = CappedBody()
        if head.length == CHUNKED:
            self._chunks = Chunks(keep=self._body is not None)
            if self._body is not None:
                self._chunks.body = self._body

    def _feed_body(self, data: bytes) -> None:
        left = self._left
        if left > 0 or left == 0:
            if self._body is not None and data:
                self._body.append(data[:left])
            self._left = left - len(data)
            if self._left <= 0:
                self._complete(has_extra=self._left < 0)
        elif left == CHUNKED and self._chunks is not None:
            self._chunks.feed(data)
            if self._chunks.is_complete:
                self._complete(has_extra=self._chunks.has_extra)
        elif self._body is not None and data:
            self._body.append(data)

    def _ended(self) -> None:
        if self.operation is None:
            self.close()
        elif self.head is not None and self._left == UNTIL_CLOSE:
            self._complete(has_extra=True)
        elif not self.bytes_in:
            self.fail(Outcome.RESET, "the server closed the connection without an answer")
        elif self.head is None:
            self.fail(Outcome.RESET, "the server closed the connection within the head of its answer")
        else:
            self.fail(Outcome.RESET, "the server closed the connection within the body of its answer")

    # ---- ending an exchange

    def _complete(self, *, has_extra: bool) -> None:
        operation, head = self.operation, self.head
        if operation is None or head is None:
            return
        now = monotonic_ns()
        body = b"".join(self._body) if self._body is not None else b""
        reusable = head.keep_alive and not has_extra and not self._out and operation.reuse != "none"
        operation.finish(self, head, body, now, reusable=reusable)

    def fail(self, outcome: Outcome, text: str, *, now: int = 0) -> None:
        """End the exchange with an error and close; records the row and lets the user go on."""
        operation = self.operation
        end = now or monotonic_ns()
        self.close()
        if operation is not None:
            operation.fail(self, outcome, text, end)

    def release(self, *, reusable: bool) -> None:
        """Make the connection idle, or close it when it cannot be used again."""
        self.operation = None
        if not reusable:
            self.close()
        elif self.is_proven:
            self._reset()
        elif self._has_ended():
            self.close()
        else:
            self.is_proven = True
            self._reset()

    def _reset(self) -> None:
        self.intended = self.start = self.last_read = 0
        self.connected = self.first_byte = -1
        self.bytes_out = self.bytes_in = 0
        self.head = None
        self.wire = b""
        self._raw = b""
        self._left = 0
        self._body = None
        self._chunks = None
        self._out = b""

    def overdue(self, now: int) -> str:
        """Return which limit the exchange has passed (`connect`, `read`, `total`), empty when none."""
        operation = self.operation
        if operation is None:
            return ""
        if now - self.start > operation.total_ns:
            return "total"
        if self._stage != "open":
            return "connect" if operation.connect_ns and now - self.start > operation.connect_ns else ""
        waited_from = self.last_read or max(self.start, self.connected)
        return "read" if operation.read_ns and now - waited_from > operation.read_ns else ""

    @property
    def kept_body(self) -> bytes:
        """What was kept of the answer's body so far: all for a step that wants to see it, else the beginning of a failed one."""
        return b"".join(self._body) if self._body else b""


def _refuse_hopeless(raw: bytes) -> None:
    if not _STATUS_START.startswith(raw[: len(_STATUS_START)]):
        raise ValueError("the answer does not begin with an HTTP/1 status line")
    if len(raw) > MAX_HEAD:
        raise ValueError(f"the head of the answer is larger than {MAX_HEAD // 1024} KiB")
    if b"\n\n" in raw:
        raise ValueError("the lines of the answer's head do not end in CR LF")
