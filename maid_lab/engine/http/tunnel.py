"""The way through a proxy to a TLS target: CONNECT (RFC 9110, section 9.3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Tunnel"]

_MOST: Final = 65536


class Tunnel:
    """Asks a proxy for a tunnel on a connected socket.

    Parameters
    ----------
    loop, sock
        The worker's loop and the non-blocking socket.
    wire : bytes
        The CONNECT request.
    done : callable
        Called when the tunnel is there.
    failed : callable
        `failed(text)` when it is not.
    """

    __slots__ = ("_done", "_failed", "_fd", "_loop", "_raw", "_rest", "_socket")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: Any, wire: bytes, *, done: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        self._loop = loop
        self._socket = sock
        self._fd = sock.fileno()
        self._rest = wire
        self._raw = b""
        self._done = done
        self._failed = failed
        loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        try:
            self._rest = self._rest[self._socket.send(self._rest) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(f"the proxy broke the connection: {error.strerror or error}")
            return
        if not self._rest:
            self._loop.remove_writer(self._fd)
            self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_MOST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(f"the proxy broke the connection: {error.strerror or error}")
            return
        self._raw += data
        if not data:
            self._fail("the proxy closed the connection without a tunnel")
        elif b"\r\n\r\n" in self._raw:
            self._judge()
        elif len(self._raw) > _MOST or not b"HTTP/1.".startswith(self._raw[:7]):
            self._fail("the proxy does not answer in HTTP/1")

    def _judge(self) -> None:
        head = self._raw.partition(b"\r\n\r\n")[0]
        line = head.partition(b"\r\n")[0].decode("latin-1")
        words = line.split(" ", 2)
        if not line.startswith("HTTP/1.") or len(words) < 2 or not words[1].isdigit():
            self._fail("the proxy does not answer in HTTP/1")
        elif not 200 <= int(words[1]) < 300:
            self._fail(f"the proxy gave no tunnel: {' '.join(words[1:])}")
        else:
            self._loop.remove_reader(self._fd)
            self._done()

    def _fail(self, text: str) -> None:
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._failed(text)
