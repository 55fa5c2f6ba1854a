"""The socket of a connection: connecting, TLS, writing what did not fit, closing, and errors translated once.

The socket is read and written directly from the loop's readiness callbacks, for plain and TLS alike. asyncio's own TLS transport reaches a
fifth of the speed of a non-blocking `ssl.SSLSocket` on the descriptor, and for plain sockets this path is as fast as uvloop's transports,
so there is one path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.http.tunnel import Tunnel
from maid_lab.model.rows import Outcome

if TYPE_CHECKING:
    from maid_lab.engine.http.asking import Asking
    from maid_lab.engine.http.origin import Origin
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["WOULD_BLOCK", "Link"]

_STAGES: Final = {
    "connecting": "connecting",
    "proxy": "waiting for the proxy",
    "tls": "in the TLS handshake",
    "open": "waiting for the answer",
}
#: Linux: bind an address without taking a port yet.
_BIND_ADDRESS_NO_PORT: Final = 24
WOULD_BLOCK: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_CONNECT_ADVICE: Final = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.EADDRNOTAVAIL: "no free local port: too many connections were opened in the last minute; keep connections alive",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n)",
}


class Link:
    """A socket to an origin that belongs to one virtual user.

    A subclass says what is done with what is read (`readable`), with an established link, and with one that failed.

    Attributes
    ----------
    operation : Asking or None
        The request being exchanged; None while the connection is idle.
    start : int
        When connecting, or the request, began; monotonic ns.
    """

    __slots__ = (
        "_fd", "_loop", "_out", "_read", "_socket", "_stage", "_tunnel", "_write", "connected", "intended", "operation", "origin", "start", "user", "wire",
    )  # fmt: skip

    wire: bytes
    connected: int
    intended: int
    start: int
    _out: memoryview[int] | bytes

    def __init__(self, origin: Origin, user: VirtualUser) -> None:
        self.origin = origin
        self.user = user
        self.operation: Asking | None = None
        self._loop = user.shard.loop
        self._socket: Any = None
        self._fd = -1
        self._stage = "new"

    # ---- what a subclass does

    def readable(self) -> None:
        """Take what the socket has."""
        raise NotImplementedError

    def established(self) -> None:
        """Use the link, which can be written to from now on."""
        raise NotImplementedError

    def opened(self) -> None:
        """Note that there is a socket now."""
        raise NotImplementedError

    def closed(self) -> None:
        """Note that there is none any more."""
        raise NotImplementedError

    def fail(self, outcome: Outcome, text: str, *, now: int = 0) -> None:
        """End what is under way with an error and close."""
        raise NotImplementedError

    # ---- connecting

    def open(self, operation: Asking, wire: bytes, intended: int) -> None:
        """Connect, then send the request; connecting counts as part of its service time."""
        self.operation = operation
        self.intended = intended
        self.wire = wire
        self.start = monotonic_ns()
        family, address = self.origin.next_address()
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._fd = self._socket.fileno()
            source = self.origin.source(family, self.user.number)
            if source is not None and not self._bind(source):
                self._loop.call_soon(self._connect_failed, operation, f"{source[0]} is no address of this machine")
                return
            code = self._socket.connect_ex(address)
        except OSError as error:
            code = error.errno or errno.EIO
        if code not in (0, errno.EINPROGRESS):
            self._loop.call_soon(self._connect_failed, operation, self._advice(code))
            return
        self._stage = "connecting"
        self.opened()
        self._loop.add_writer(self._fd, self._connect_done)

    def _connect_done(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._connect_failed(self.operation, self._advice(code))
            return
        self._loop.remove_writer(self._fd)
        if self.origin.context is None:
            self._read, self._write = self._socket.recv, self._socket.send
            self._established()
        elif self.origin.tunnel:
            self._stage = "proxy"
            self._tunnel = Tunnel(self._loop, self._socket, self.origin.tunnel, done=self._wrap, failed=self._tunnel_failed)
        else:
            self._wrap()

    def _wrap(self) -> None:
        """Begin TLS."""
        context = self.origin.context
        if context is None:
            return
        self._stage = "tls"
        try:
            self._socket = context.wrap_socket(
                self._socket, server_hostname=self.origin.server_name, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
        except (OSError, ValueError) as error:
            self._tls_failed(error)
            return
        # wrap_socket takes the descriptor over: the number stays the same.
        self._read, self._write = self._socket.recv, self._socket.send
        self._handshake()

    def _handshake(self) -> None:
        self._loop.remove_writer(self._fd)
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._loop.add_reader(self._fd, self._handshake)
        except ssl.SSLWantWriteError:
            self._loop.remove_reader(self._fd)
            self._loop.add_writer(self._fd, self._handshake)
        except OSError as error:
            self._tls_failed(error)
        else:
            self._established()

    def _established(self) -> None:
        self.connected = monotonic_ns()
        self._stage = "open"
        self._loop.add_reader(self._fd, self.readable)
        self.established()

    # ---- writing

    def send_rest(self, wire: bytes, sent: int) -> None:
        """Send what the socket did not take at once, as soon as it takes more."""
        self._out = memoryview(wire)[sent:]
        self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        try:
            sent = self._write(self._out)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._broken(error)
            return
        self._out = self._out[sent:]
        if not self._out:
            self._loop.remove_writer(self._fd)

    # ---- the end

    @property
    def stage(self) -> str:
        """What the connection is doing: connecting, waiting for the proxy, in the TLS handshake, open or closed."""
        return _STAGES.get(self._stage, "closed")

    def _has_ended(self) -> bool:
        """Whether the server has closed the connection right behind its answer, without having said that it would.

        Asked behind the first answer only: a server that does this does it from the first answer on.
        """
        if self.origin.context is not None:
            return False
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except WOULD_BLOCK:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Close the socket; the connection leaves its user and the worker."""
        if self._stage == "closed":
            return
        self._stage = "closed"
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._socket.close()
        self.closed()

    # ---- errors, translated once

    def _broken_if(self, operation: Asking, error: OSError) -> None:
        if self.operation is operation and self._stage != "closed":
            self._broken(error)

    def _broken(self, error: OSError) -> None:
        if self.operation is None:
            self.close()
        elif isinstance(error, ssl.SSLError):
            self.fail(Outcome.TLS_ERROR, f"TLS: {_reason(error)}")
        elif isinstance(error, ConnectionError):
            self.fail(Outcome.RESET, "the server reset the connection")
        else:
            self.fail(Outcome.RESET, f"the connection broke: {error.strerror or error}")

    def _bind(self, source: tuple[str, int]) -> bool:
        """Send from this address; returns whether the machine has it. The port is chosen when connecting, so that it may serve several targets."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        try:
            self._socket.bind(source)
        except OSError:
            return False
        return True

    def _advice(self, code: int) -> str:
        return f"{self.origin.via}: {_CONNECT_ADVICE.get(code) or os.strerror(code)}"

    def _connect_failed(self, operation: Asking | None, text: str) -> None:
        if self.operation is operation:
            self.fail(Outcome.CONNECT_ERROR, text)

    def _tunnel_failed(self, text: str) -> None:
        self.fail(Outcome.CONNECT_ERROR, f"{self.origin.via}: {text}")

    def _tls_failed(self, error: OSError | ValueError) -> None:
        if isinstance(error, ConnectionError):
            self.fail(Outcome.TLS_ERROR, "TLS handshake: the server closed the connection")
        else:
            self.fail(Outcome.TLS_ERROR, f"TLS handshake: {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted: {error.verify_message}"
    reason = getattr(error, "reason", None)
    return str(reason or error).replace("_", " ").lower()
