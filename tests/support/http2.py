"""An HTTP/2 server over plain sockets (prior knowledge) that does, right or wrong, what the path of a request says, and counts."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, WindowUpdated
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["LARGE", "Http2Server"]

LARGE: Final = b"0123456789abcdef" * 2**16
_LIMIT_S: Final = 10.0


class Http2Server:
    """A server in a thread of its own; usable as a context manager.

    Parameters
    ----------
    streams : int
        How many requests a client may have open at once.

    Attributes
    ----------
    requests : list of dict
        Complete requests: headers, and the length of the body as `length`.
    connections, most : int
        Connections accepted; most requests that were open at once.
    """

    def __init__(self, *, streams: int = 100) -> None:
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self.most = 0
        self.port = 0
        self._streams = streams
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="http2 server", daemon=True)
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """Address of the server."""
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
            await asyncio.sleep(0.01)

        server = self._loop.run_until_complete(begin())
        self._loop.run_forever()
        self._loop.run_until_complete(end(server))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.CancelledError, H2Error):
            await _Conversation(self, reader, writer, self._streams).run()
        writer.close()


class _Conversation:
    def __init__(self, server: Http2Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: int) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._frames = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._frames.local_settings = Settings(client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: streams})
        self._open: dict[int, dict[str, Any]] = {}
        self._due: dict[int, bytes] = {}

    async def run(self) -> None:
        self._frames.initiate_connection()
        self._flush()
        while data := await self._reader.read(65536):
            for event in self._frames.receive_data(data):
                if isinstance(event, RequestReceived):
                    self._open[event.stream_id] = {str(name): str(value) for name, value in event.headers} | {"length": 0}
                    self._server.most = max(self._server.most, len(self._open))
                elif isinstance(event, DataReceived):
                    self._open[event.stream_id]["length"] += len(event.data)
                    self._frames.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    asyncio.get_running_loop().create_task(self._answer(event.stream_id))
                elif isinstance(event, WindowUpdated):
                    self._send_due()
            self._flush()

    async def _answer(self, number: int) -> None:
        request = self._open[number]
        self._server.requests.append(request)
        path = request[":path"]
        frames = self._frames
        if path == "/slow":
            await asyncio.sleep(0.1)
        self._open.pop(number, None)
        if path == "/hang":
            return
        if path == "/reset":
            frames.reset_stream(number, ErrorCodes.ENHANCE_YOUR_CALM)
        elif path == "/goaway-now":
            frames.close_connection(ErrorCodes.NO_ERROR, last_stream_id=0)
        elif path in ("/garbage", "/close"):
            self._flush()
            self._writer.write(b"\x00\x00\x01\xffnonsense, and more of it" if path == "/garbage" else b"")
            self._writer.close()
            return
        else:
            self._reply(number, path, request)
        self._send_due()
        self._flush()
        if path == "/goaway":
            frames.close_connection(ErrorCodes.NO_ERROR)
            self._flush()
            self._writer.close()
        elif path == "/cut":
            self._writer.close()

    def _reply(self, number: int, path: str, request: dict[str, Any]) -> None:
        frames = self._frames
        head = [(":status", "200"), ("content-type", "text/plain")]
        if path == "/hints":
            frames.send_headers(number, [(":status", "103"), ("link", "</a.css>")])
        if path == "/cookie":
            head.append(("set-cookie", "sid=1; Path=/"))
        if path == "/redirect":
            frames.send_headers(number, [(":status", "302"), ("location", "/ok"), ("content-length", "0")], end_stream=True)
            return
        if path == "/sse":
            head[1] = ("content-type", "text/event-stream")
        if path == "/missing":
            head[0] = (":status", "404")
        if path == "/empty":
            frames.send_headers(number, [(":status", "204")], end_stream=True)
            return
        frames.send_headers(number, head)
        if path == "/cut":
            frames.send_data(number, b"half of it")
            return
        if path == "/sse":
            for word in ("one", "two", "three"):
                frames.send_data(number, f"data: {word}\n\n".encode(), end_stream=word == "three")
            return
        if path == "/trailers":
            frames.send_data(number, b"ok")
            frames.send_headers(number, [("checksum", "1")], end_stream=True)
            return
        self._due[number] = LARGE if path == "/large" else f"length {request['length']}".encode()

    def _send_due(self) -> None:
        for number, rest in tuple(self._due.items()):
            left = rest
            while (
                left and (size := min(self._frames.local_flow_control_window(number), self._frames.max_outbound_frame_size, len(left))) > 0
            ):
                piece, left = left[:size], left[size:]
                self._frames.send_data(number, piece, end_stream=not left)
            self._due[number] = left
            if not left:
                del self._due[number]

    def _flush(self) -> None:
        if not self._writer.is_closing():
            self._writer.write(self._frames.data_to_send())
