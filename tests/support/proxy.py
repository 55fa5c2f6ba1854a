"""A forward proxy on loopback that passes plain requests on and opens tunnels, and counts both."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ForwardProxy"]

_LIMIT_S: Final = 10.0


class ForwardProxy:
    """A proxy; usable as a context manager.

    Parameters
    ----------
    credentials : str
        Value that Proxy-Authorization must have; empty for none.
    tunnel_answer : bytes
        What is said to CONNECT instead of opening a tunnel; empty to open it, `b"-"` to say nothing.

    Attributes
    ----------
    plain, tunnels : list of str
        Request lines of what came.
    """

    def __init__(self, *, credentials: str = "", tunnel_answer: bytes = b"") -> None:
        self.plain: list[str] = []
        self.tunnels: list[str] = []
        self.port = 0
        self._credentials = credentials
        self._tunnel_answer = tunnel_answer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Address of the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_LIMIT_S)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT_S)

    def _run(self) -> None:
        async def begin() -> asyncio.Server:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            return server

        async def end(server: asyncio.Server) -> None:
            server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)  # lets the closed transports say goodbye

        server = self._loop.run_until_complete(begin())
        self._loop.run_forever()
        self._loop.run_until_complete(end(server))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            line, _, fields = head.partition(b"\r\n")
            method, target, _ = line.decode().split(" ")
            (self.tunnels if method == "CONNECT" else self.plain).append(line.decode())
            if self._credentials and f"\r\nProxy-Authorization: {self._credentials}\r\n".encode() not in head:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            elif method == "CONNECT":
                await self._tunnel(reader, writer, target)
                return
            else:
                parts = urlsplit(target)
                kept = b"\r\n".join(each for each in fields.split(b"\r\n") if not each.lower().startswith(b"proxy-"))
                upstream, sink = await asyncio.open_connection(parts.hostname, parts.port)
                sink.write(f"{method} {parts.path} HTTP/1.1\r\n".encode() + kept)
                answer = await upstream.readuntil(b"\r\n\r\n")
                length = next((int(each[15:]) for each in answer.split(b"\r\n") if each.lower().startswith(b"content-length:")), 0)
                writer.write(answer + await upstream.readexactly(length))
                sink.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
        if self._tunnel_answer == b"-":
            await asyncio.sleep(_LIMIT_S)
        if self._tunnel_answer:
            writer.write(self._tunnel_answer)
            await writer.drain()
            return
        host, _, port = target.rpartition(":")
        upstream, sink = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")

        async def pump(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                drain.write(data)
            drain.close()

        other = asyncio.ensure_future(pump(upstream, writer))
        self._tasks.add(other)
        await pump(reader, sink)
        await other
