"""One HTTP/2 connection (RFC 9113), shared by a user and its branches: frames by the library h2, bytes by our own socket."""

from __future__ import annotations

import contextlib
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from maid_lab.engine.http.link import WOULD_BLOCK, Link
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maid_lab.engine.http.asking import Asking
    from maid_lab.engine.http.origin import Origin
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["Http2Session", "Stream"]

_READ_SIZE: Final = 65536
#: What the server may send before it has to wait for us, in bytes.
_WINDOW: Final = 16 * 2**20
_STREAM_WINDOW: Final = 2**20
_FRAME_HEAD: Final = 9
_Headers = list[tuple[bytes, bytes]]


class Stream(Protocol):
    """One request on the session."""

    bytes_in: int
    bytes_out: int

    def opened(self) -> tuple[_Headers, bytes]:
        """Return headers and body to send; the session is there and has room."""

    def got_head(self, headers: Iterable[tuple[bytes, bytes]], now: int) -> None:
        """Take the head of the answer."""

    def got_data(self, data: bytes) -> None:
        """Take a piece of its body."""

    def ended(self, now: int) -> None:
        """Take its end."""

    def broken(self, outcome: Outcome, text: str) -> None:
        """Take the news that there will be no answer."""

    def refused(self, text: str) -> None:
        """Take the news that the server has not looked at the request and never will."""


class Http2Session(Link):
    """A connection to an origin; requests are streams of it, as many at once as the server allows.

    Attributes
    ----------
    is_going : bool
        The connection takes no further request: the server has said goodbye, or it is closed.
    """

    __slots__ = ("_attached", "_bodies", "_buffer", "_frames", "_streams", "_waiting", "is_going")

    def __init__(self, origin: Origin, user: VirtualUser) -> None:
        super().__init__(origin, user)
        self._frames = H2Connection(
            H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self._streams: dict[int, Stream] = {}
        self._bodies: dict[int, memoryview] = {}
        self._waiting: deque[Stream] = deque()
        self._attached: set[Stream] = set()
        self._buffer = bytearray()
        self.is_going = False

    # ---- who uses it

    def attach(self, stream: Stream) -> None:
        """Keep the connection for somebody."""
        self._attached.add(stream)

    def detach(self, stream: Stream) -> None:
        """Keep it no longer for somebody; the last one closes it."""
        self._attached.discard(stream)
        self.cancel(stream)
        if not self._attached:
            self.close()

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent at once."""
        return self._stage == "open"

    # ---- requests

    def begin(self, stream: Stream, operation: Asking) -> None:
        """Send a request as soon as the connection is there and has room for it."""
        self._waiting.append(stream)
        if self._stage == "new":
            self.open(operation, b"", 0)
        elif self._stage == "open":
            self._pump()

    def cancel(self, stream: Stream) -> None:
        """Give up a request; the server is told when it has begun."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(stream)
        for number, other in tuple(self._streams.items()):
            if other is stream:
                self._forget(number)
                with contextlib.suppress(H2Error):
                    self._frames.reset_stream(number, ErrorCodes.CANCEL)
                self._flush()

    def _pump(self) -> None:
        """Begin what waits, and send on the bodies for which there is room now."""
        while self._waiting and not self.is_going and len(self._streams) < self._room():
            stream = self._waiting.popleft()
            number = self._frames.get_next_available_stream_id()
            self._streams[number] = stream
            headers, body = stream.opened()
            before = len(self._buffer)
            self._frames.send_headers(number, headers, end_stream=not body)
            self._collect()
            stream.bytes_out = len(self._buffer) - before
            if body:
                self._bodies[number] = memoryview(body)
        for number in tuple(self._bodies):
            self._send_body(number)
        self._flush()

    def _room(self) -> int:
        return int(self._frames.remote_settings.max_concurrent_streams)

    def _send_body(self, number: int) -> None:
        rest = self._bodies[number]
        before = len(self._buffer)
        while rest and (size := min(self._frames.local_flow_control_window(number), self._frames.max_outbound_frame_size, len(rest))) > 0:
            piece, rest = rest[:size], rest[size:]
            self._frames.send_data(number, bytes(piece), end_stream=not rest)
            self._collect()
        self._streams[number].bytes_out += len(self._buffer) - before
        if rest:
            self._bodies[number] = rest
        else:
            del self._bodies[number]

    def _forget(self, number: int) -> Stream | None:
        self._bodies.pop(number, None)
        return self._streams.pop(number, None)

    # ---- the link

    def opened(self) -> None:
        """Nothing: the requests are watched, not their connection."""

    def established(self) -> None:
        """Say hello, then send what waits."""
        if self.origin.context is not None:
            chosen = self._socket.selected_alpn_protocol()
            if chosen != "h2":
                self.fail(Outcome.PROTOCOL_ERROR, f"the server does not speak HTTP/2 (ALPN: {chosen or 'nothing chosen'})")
                return
        frames = self._frames
        # Set as a whole: what is changed later only holds once the server has said so.
        frames.local_settings = Settings(
            client=True, initial_values={SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: _STREAM_WINDOW}
        )
        frames.initiate_connection()
        frames.increment_flow_control_window(_WINDOW)
        self.operation = None
        self._collect()
        self._pump()

    def readable(self) -> None:
        """Take what the socket has."""
        try:
            data = self._read(_READ_SIZE)
        except WOULD_BLOCK:
            return
        except ConnectionError:
            self.fail(Outcome.RESET, "the server reset the connection")
            return
        except OSError as error:
            self.fail(Outcome.RESET, f"the connection broke: {error.strerror or error}")
            return
        if not data:
            self.fail(Outcome.RESET, "the server closed the connection")
            return
        try:
            events = self._frames.receive_data(data)
        except (H2Error, ValueError) as error:
            self._flush()  # why we leave
            self.fail(Outcome.PROTOCOL_ERROR, f"HTTP/2: {str(error) or type(error).__name__}")
            return
        now = monotonic_ns()
        # Before the answers in front of it: nobody shall send a request where none is taken any more.
        self.is_going = self.is_going or any(isinstance(event, ConnectionTerminated) for event in events)
        for event in events:
            self._take(event, now)
        if self._stage == "open":
            self._pump()

    def _take(self, event: Any, now: int) -> None:
        if isinstance(event, DataReceived):
            stream = self._streams.get(event.stream_id)
            with contextlib.suppress(H2Error):
                self._frames.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if stream is not None:
                stream.bytes_in += event.flow_controlled_length + _FRAME_HEAD
                stream.got_data(event.data)
        elif isinstance(event, ResponseReceived):
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                stream.bytes_in += _FRAME_HEAD + sum(len(name) + len(value) for name, value in event.headers)
                stream.got_head(event.headers, now)
        elif isinstance(event, StreamEnded):
            stream = self._forget(event.stream_id)
            if stream is not None:
                stream.ended(now)
        elif isinstance(event, StreamReset):
            stream = self._forget(event.stream_id)
            if stream is not None:
                stream.broken(Outcome.RESET, f"the server reset the stream: {_name_of(event.error_code)}")
        elif isinstance(event, ConnectionTerminated):
            self._going(event)
        elif isinstance(event, RemoteSettingsChanged | WindowUpdated):
            pass  # `_pump` looks at both

    def _going(self, event: ConnectionTerminated) -> None:
        """End what the server will not answer; what it has begun may still be answered."""
        self.is_going = True
        reason = f"the server ended the connection: {_name_of(event.error_code)}"
        last = event.last_stream_id or 0
        # What lies behind the last one was not looked at: it may be asked again elsewhere (RFC 9113, section 8.7).
        unseen = [number for number in self._streams if number > last]
        lost = [number for number in self._streams if number <= last] if event.error_code else []
        streams = [self._forget(number) for number in lost]
        again = [self._forget(number) for number in unseen] + list(self._waiting)
        self._waiting.clear()
        for stream in streams:
            if stream is not None:
                stream.broken(Outcome.RESET, reason)
        for stream in again:
            if stream is not None:
                stream.refused(reason)

    def _collect(self) -> None:
        self._buffer += self._frames.data_to_send()

    def _flush(self) -> None:
        """Write what is due; what the socket does not take goes on when it does."""
        self._collect()
        if not self._buffer or self._stage != "open":
            return
        try:
            sent = self._write(self._buffer)
        except WOULD_BLOCK:
            sent = 0
        except OSError as error:
            # Not from here: whoever sends must not hear of its end before it has begun.
            self._loop.call_soon(self._lost, f"the connection broke: {error.strerror or error}")
            return
        del self._buffer[:sent]
        if self._buffer:
            self._loop.add_writer(self._fd, self._flush_more)

    def _flush_more(self) -> None:
        self._loop.remove_writer(self._fd)
        self._flush()

    def _lost(self, text: str) -> None:
        if self._stage != "closed":
            self.fail(Outcome.RESET, text)

    # ---- the end

    def fail(self, outcome: Outcome, text: str, *, now: int = 0) -> None:
        """End the connection and all requests on it."""
        self.operation = None
        self.is_going = True
        streams = [*self._streams.values(), *self._waiting]
        self._streams.clear()
        self._bodies.clear()
        self._waiting.clear()
        self.close()
        for stream in streams:
            stream.broken(outcome, text)

    def close(self) -> None:
        """Say goodbye and close the socket."""
        if self._stage == "open":
            with contextlib.suppress(H2Error, OSError):
                self._frames.close_connection()
                self._collect()
                self._write(self._buffer)
        super().close()

    def closed(self) -> None:
        """Take no further request."""
        self.is_going = True


def _name_of(code: Any) -> str:
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error code {code}"
