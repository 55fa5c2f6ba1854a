"""A user's requests over HTTP/2: what stands where a connection does, with the stamps of each request."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.http.head import Head
from maid_lab.engine.http.http2_session import Http2Session
from maid_lab.engine.recording.exchange import CappedBody
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maid_lab.engine.http.asking import Asking
    from maid_lab.engine.http.origin import Origin
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["Http2Exchange"]

#: Header fields that belong to one HTTP/1 connection (RFC 9113, section 8.2.2).
_HOP_BY_HOP: Final = frozenset({b"connection", b"host", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})


class Http2Exchange:
    """One request after the other of a user or branch, each a stream of the connection that the user's branches share.

    Attributes are those of `Connection`.
    """

    __slots__ = (
        "_body",
        "_is_first",
        "_session",
        "_tries",
        "attempt",
        "bytes_in",
        "bytes_out",
        "connected",
        "first_byte",
        "head",
        "hops",
        "intended",
        "last_read",
        "operation",
        "origin",
        "start",
        "user",
        "wire",
    )  # fmt: skip

    head: Head | None

    def __init__(self, origin: Origin, user: VirtualUser) -> None:
        self.origin = origin
        self.user = user
        self.operation: Asking | None = None
        self.wire = b""
        self.attempt = self.hops = 0
        self._body: Any = None
        self._is_first = True
        self._reset()
        sessions = user.shard.sessions
        session = sessions.get((user.number, origin))
        if session is None or session.is_going:
            session = sessions[user.number, origin] = Http2Session(origin, user)
        else:
            self._is_first = False
        self._session: Http2Session = session
        session.attach(self)

    # ---- sending

    def open(self, operation: Asking, wire: bytes, intended: int) -> None:
        """Send the first request; connecting, where it is needed, counts as part of its service time."""
        self.user.shard.connections.add(self)
        self.exchange(operation, wire, intended)

    def exchange(self, operation: Asking, wire: bytes, intended: int) -> None:
        """Send one request; the outcome is recorded and the user goes on when the answer is there or has failed."""
        if self._session.is_going:
            self._renew()
        self.operation = operation
        self.intended = intended
        self.wire = wire
        self.start = monotonic_ns()
        self._tries = 0
        self._session.begin(self, operation)

    def _renew(self) -> None:
        """Take another connection: the server has ended the one that there was."""
        user = self.user
        self._session.detach(self)
        sessions, key = user.shard.sessions, (user.number, self.origin)
        session = sessions.get(key)
        if session is None or session.is_going:
            session = sessions[key] = Http2Session(self.origin, user)
            self._is_first = True
        self._session = session
        session.attach(self)

    def opened(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return headers and body of the request as HTTP/2 wants them."""
        if self._is_first:
            self.connected = self._session.connected
            self._is_first = False
        head, _, body = self.wire.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        method, target, _ = line.split(b" ", 2)
        authority = self.origin.host_header.encode()
        plain = []
        for field in fields:
            name, _, value = field.partition(b":")
            name = name.lower()
            if name == b"host":
                authority = value.strip()
            elif name not in _HOP_BY_HOP:
                plain.append((name, value.strip()))
        first = [(b":method", method), (b":scheme", self.origin.scheme.encode()), (b":authority", authority), (b":path", target)]
        return [*first, *plain], body

    # ---- the answer

    def got_head(self, headers: Iterable[tuple[bytes, bytes]], now: int) -> None:
        """Take the head of the answer."""
        operation = self.operation
        if operation is None:
            return
        self.first_byte = self.last_read = now
        fields = list(headers)
        status = next((value for name, value in fields if name == b":status"), b"0")
        self.head = head = Head(int(status), tuple((name, value) for name, value in fields if name[:1] != b":"), version="2")
        if operation.is_head:
            return
        if operation.streams and (body := operation.body_for(self, head)) is not None:
            self._body = body
        elif operation.needs_body:
            self._body = []
        elif operation.keeps_body or head.status >= 400:
            self._body = CappedBody()

    def got_data(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.last_read = monotonic_ns()
        if self._body is not None and data:
            self._body.append(data)

    def ended(self, now: int) -> None:
        """Take the end of the answer."""
        operation, head = self.operation, self.head
        if operation is not None and head is not None:
            body = b"".join(self._body) if self._body is not None else b""
            operation.finish(self, head, body, now, reusable=operation.reuse != "none")

    def refused(self, text: str) -> None:
        """Ask again on another connection, once: the server has not looked at the request."""
        operation = self.operation
        if operation is None or self._tries:
            self.fail(Outcome.RESET, text)
            return
        self._tries += 1
        self._renew()
        self._session.begin(self, operation)

    def broken(self, outcome: Outcome, text: str) -> None:
        """Take the news that there will be no answer."""
        self.fail(outcome, text)

    # ---- the end

    def release(self, *, reusable: bool) -> None:
        """Make room for the next request; one that is still under way is given up."""
        self._session.cancel(self)
        self.operation = None
        if reusable:
            self._reset()
        else:
            self.close()

    def close(self) -> None:
        """Leave the user, the worker and the connection."""
        user = self.user
        user.shard.connections.discard(self)
        if user.connections.get(self.origin) is self:
            del user.connections[self.origin]
        self._session.detach(self)
        if self._session.is_going and user.shard.sessions.get((user.number, self.origin)) is self._session:
            del user.shard.sessions[user.number, self.origin]

    def fail(self, outcome: Outcome, text: str, *, now: int = 0) -> None:
        """End the exchange with an error; records the row and lets the user go on."""
        operation = self.operation
        end = now or monotonic_ns()
        self.close()
        if operation is not None:
            operation.fail(self, outcome, text, end)

    def _reset(self) -> None:
        self.intended = self.start = self.last_read = 0
        self.connected = self.first_byte = -1
        self.bytes_out = self.bytes_in = 0
        self.head = None
        self._body = None

    @property
    def stage(self) -> str:
        """What the exchange waits for."""
        return self._session.stage

    def overdue(self, now: int) -> str:
        """Return which limit the exchange has passed (`connect`, `read`, `total`), empty when none."""
        operation = self.operation
        if operation is None:
            return ""
        if now - self.start > operation.total_ns:
            return "total"
        if not self._session.is_open:
            return "connect" if operation.connect_ns and now - self.start > operation.connect_ns else ""
        return "read" if operation.read_ns and now - (self.last_read or self.start) > operation.read_ns else ""

    @property
    def kept_body(self) -> bytes:
        """What was kept of the answer's body so far."""
        return b"".join(self._body) if self._body else b""
