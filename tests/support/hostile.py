"""An HTTP/1.1 server that does what it is told on the wire, right or wrong, and counts exactly what reaches it.

It writes raw bytes from a loop in a thread of its own, so that a test can drive it from any other loop or from none.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from tests.support.cases import CASES
from tests.support.wire import Action, Close, Drip, Hang, Pause, Reset, Send, reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["HostileServer", "Received"]

_LIMIT_S: Final = 10.0
_RST_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_UNKNOWN: Final = (Send(reply(b"no such path here", status=404)),)

#: What a path does: the same each time, or a function of the request.
Script: TypeAlias = "tuple[Action, ...] | Callable[[Received], tuple[Action, ...]]"


class Received(bytes):
    """One complete request as it came, head and body."""

    @property
    def head(self) -> bytes:
        """Request line and headers."""
        return self.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """Everything after the head, chunks as they were sent."""
        return self.partition(b"\r\n\r\n")[2]

    @property
    def method(self) -> str:
        """Method of the request line."""
        return self.split(b" ", 1)[0].decode()

    @property
    def path(self) -> str:
        """Path of the request line without the query."""
        return self.target.partition("?")[0]

    @property
    def target(self) -> str:
        """Path and query of the request line."""
        return self.split(b" ", 2)[1].decode()

    def header(self, name: str) -> str | None:
        """Return a header's value; None when it was not sent."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.decode().lower() == name.lower():
                return value.strip().decode()
        return None


class HostileServer:
    """A scripted server on loopback; usable as a context manager.

    All paths of `tests.support.cases.CASES` are there from the start. Beside them: `/cut/<n>` gives a right answer in two reads, the
    first of n bytes; `/loop` redirects to itself; `/redirect/<n>` redirects n times and then to `/ok`; `/echo` answers with the request.

    Attributes
    ----------
    url : str
        Address of the server.
    connections : int
        Connections accepted.
    peers : list of str
        Addresses that they came from.
    received : list of Received
        Complete requests in the order of their last byte; what was cut off before is not among them.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.peers: list[str] = []
        self.received: list[Received] = []
        self._tls = tls
        self._scripts: dict[str, Script] = {path: case.actions for path, case in CASES.items()}
        self._scripts |= {"/loop": _to("/loop"), "/echo": lambda request: (Send(reply(request)),)}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="hostile server", daemon=True)
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> int:
        """Number of complete requests received."""
        return len(self.received)

    @property
    def heads(self) -> list[bytes]:
        """Heads of the complete requests received."""
        return [request.head for request in self.received]

    def on(self, path: str, *actions: Action) -> str:
        """Let a path do these actions each time, and return its URL."""
        self._scripts[path] = actions
        return self.url + path

    def answer(self, path: str, script: Callable[[Received], tuple[Action, ...]]) -> str:
        """Let a function choose the actions for each request to a path, and return its URL."""
        self._scripts[path] = script
        return self.url + path

    def in_turn(self, path: str, *turns: tuple[Action, ...]) -> str:
        """Let a path do something else each time; the last goes on for ever. Return its URL."""
        left = list(turns)
        return self.answer(path, lambda _request: left.pop(0) if len(left) > 1 else left[0])

    def forget(self) -> None:
        """Set the counts to zero."""
        self.settle()
        self.connections = 0
        self.received.clear()

    def settle(self) -> None:
        """Return when all that had arrived before this call is counted."""

        async def turn() -> None:
            for _ in range(3):  # accept, read, answer: each takes one turn of the loop
                await asyncio.sleep(0.005)

        asyncio.run_coroutine_threadsafe(turn(), self._loop).result(_LIMIT_S)

    def start(self) -> Self:
        """Listen on a free port."""
        self._thread.start()
        if not self._ready.wait(_LIMIT_S):
            raise TimeoutError("the hostile server did not start")
        return self

    def stop(self) -> None:
        """Close everything; the thread is gone afterwards."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=1024, limit=1 << 24)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end_connections())
        self._loop.close()

    async def _end_connections(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the closed transports say goodbye

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.peers.append(writer.get_extra_info("peername")[0])
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                request = await _read(reader)
                self.received.append(request)
                await self._play(self._script(request), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client left, or an action ended the connection: both are the end of this one
        finally:
            writer.transport.abort()

    def _script(self, request: Received) -> tuple[Action, ...]:
        path = request.path
        parent, _, last = path.rpartition("/")
        if parent == "/cut":
            return (Drip(reply(), size=1 << 20, first=int(last), gap_s=0.002),)
        if parent == "/redirect":
            return _to("/ok" if int(last) <= 1 else f"/redirect/{int(last) - 1}")
        script = self._scripts.get(path, _UNKNOWN)
        return script(request) if callable(script) else script

    async def _play(self, actions: tuple[Action, ...], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for action in actions:
            match action:
                case Send(data=data):
                    writer.write(data)
                    await writer.drain()
                case Drip():
                    for piece in action.pieces():
                        writer.write(piece)
                        await asyncio.sleep(action.gap_s)
                case Pause(seconds=seconds):
                    await asyncio.sleep(seconds)
                case Hang():
                    await reader.read()  # until the client gives up
                    raise ConnectionResetError
                case Close():
                    await _close(writer)
                case Reset():
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
                    writer.transport.abort()
                    raise ConnectionResetError


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    raise ConnectionResetError


async def _read(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    request = Received(head)
    if "chunked" in (request.header("Transfer-Encoding") or ""):
        return Received(head + await _read_chunks(reader))
    return Received(head + await reader.readexactly(int(request.header("Content-Length") or 0)))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        rest = await reader.readexactly(size + 2)
        parts += [line, rest]
        if not size:
            return b"".join(parts)


def _to(place: str) -> tuple[Action, ...]:
    return (Send(reply(b"", ("Location", place), status=302)),)
