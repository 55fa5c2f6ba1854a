"""The server: takes requests from `aiohttp.web`'s low-level server, finds their function, writes ready bytes and counts.

`web.Application` with its router, `Response` and header objects reached 18,000 requests/s on one core; `web.Server` with a handler that
writes bytes put together beforehand reached 43,000 on the same core (wrk, 64 connections, an answer of 150 bytes). So everything that the
light path does not need is left out of it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web

from maid_lab.demo.shop.accounts import Accounts
from maid_lab.demo.shop.answer import Answer, StreamAnswer, json_answer, problem
from maid_lab.demo.shop.api import Api
from maid_lab.demo.shop.bank import Bank
from maid_lab.demo.shop.catalog import Catalog
from maid_lab.demo.shop.chat import Chat
from maid_lab.demo.shop.items import Items
from maid_lab.demo.shop.limited import Limited
from maid_lab.demo.shop.pages import Pages
from maid_lab.demo.shop.probes import add_probes
from maid_lab.demo.shop.routing import BadRequest, Call, Route, Router
from maid_lab.demo.shop.social import Social
from maid_lab.demo.shop.stats import Stats
from maid_lab.demo.shop.trouble import Trouble
from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from maid_lab.demo.switches import Switches

__all__ = ["Shop"]

log = logging.getLogger(__name__)

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Above this the writer waits until the client has taken most of it, so that slow readers do not fill our memory.
_DRAIN_FROM: Final = 64 * 1024


class _Done(web.StreamResponse):
    """Tells aiohttp that the answer is written already and whether the connection stays open. Shared: it has no state."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._stays_open = keep_alive

    @property
    def keep_alive(self) -> bool:
        return self._stays_open

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write nothing: the handler has written."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: the handler has written."""


class _Connection(web.RequestHandler):
    """One connection; counts what aiohttp's parser refuses, since no handler hears of that."""

    __slots__ = ("_stats",)

    def __init__(self, server: _Server, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, access_log=None)  # type: ignore[arg-type]
        self._stats = server.stats

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Count it and answer as usual."""
        self._stats.malformed += 1
        return super().handle_error(request, status, exc, message)


class _Server(web.Server):
    """Makes connections and counts them."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.handle)
        self.stats = shop.stats

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop())

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count the connection."""
        self.stats.connections += 1
        self.stats.open += 1
        super().connection_made(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Count it off."""
        self.stats.open -= 1
        super().connection_lost(handler, exc)


class Shop:
    """The demo shop.

    Parameters
    ----------
    seed : int
        Seed of goods, prices and what the switches draw.
    """

    def __init__(self, *, seed: int = 1) -> None:
        accounts = Accounts(seed)
        catalog = Catalog(seed)
        self._seed = seed
        self._router = Router()
        self._trouble = Trouble(seed, self._count_stall)
        parts = (Api(catalog, accounts, lambda: self._trouble.switches), Items(accounts), Pages(catalog, accounts))
        for part in (*parts, Bank(accounts), Social(), Limited(), Chat(catalog, seed)):
            part.add_to(self._router)
        add_probes(self._router)
        self._add_control()
        self.stats = Stats(self._router)
        self._server: _Server | None = None
        self._socket: asyncio.Server | None = None
        self._open = _Done(keep_alive=True)
        self._closed = _Done(keep_alive=False)

    async def start(self, port: int, switches: Switches) -> str:
        """Listen on loopback and return the address."""
        self._trouble.set(switches)
        self._server = _Server(self)
        self._socket = await asyncio.get_running_loop().create_server(self._server, "127.0.0.1", port, backlog=4096)
        return f"http://127.0.0.1:{self._socket.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._socket is not None and self._server is not None:
            self._socket.close()
            await self._server.shutdown(0.1)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path, _, query = request.raw_path.partition("?")
        method = request.method
        route, param = self._router.find(method, path)
        route.begun += 1
        body = b""
        try:
            if method in _WITH_BODY:
                body = await _read(request)
            call = Call(method, path, param, query, request.headers, body)
            if self._trouble.active and not route.is_control:
                answer, injected = await self._trouble.serve(route, call)
                self.stats.injected += injected
            else:
                answer = route.function(call)
                if answer.after_s:
                    await asyncio.sleep(answer.after_s)
        except BadRequest as wrong:
            answer = problem(400, str(wrong))
        except web.HTTPRequestEntityTooLarge:
            answer = problem(413, "the body is larger than 1 MiB")
        except (ConnectionError, web.RequestPayloadError):
            return self._closed
        except Exception:
            log.exception("%s %s failed", method, path)
            answer = problem(500, "the shop is broken; its log says where")
        return await self._write(request, route, answer)

    async def _write(self, request: web.BaseRequest, route: Route, answer: Answer) -> web.StreamResponse:
        transport = request.transport
        if transport is None or transport.is_closing():
            return self._closed
        if isinstance(answer, StreamAnswer):
            return await self._write_stream(request, transport, route, answer)
        if answer.is_compressible and "gzip" in request.headers.get("Accept-Encoding", ""):
            answer = answer.compressed()
        keep_alive = request.keep_alive
        if keep_alive and request.version == HttpVersion11 and request.method != "HEAD":
            wire = answer.wire
        else:
            wire = answer.head("close" if not keep_alive else "" if request.version == HttpVersion11 else "keep-alive")
            wire += b"" if request.method == "HEAD" else answer.body
        transport.write(wire)
        sent = len(wire)
        if sent >= _DRAIN_FROM and request.method != "HEAD":
            sent += await self._write_rest(request, transport, answer)
        route.answered += 1
        if not route.is_control:
            self.stats.bytes_out += sent
            self.stats.status[answer.status] += 1
        return self._open if keep_alive else self._closed

    async def _write_rest(self, request: web.BaseRequest, transport: asyncio.Transport, answer: Answer) -> int:
        """Write what comes after the first block at the client's pace; raises when the client is gone."""
        sent = 0
        for block in (*[answer.body] * (answer.repeat - 1), answer.tail):
            await request.writer.drain()
            if transport.is_closing():
                raise ConnectionResetError("the client has gone")
            transport.write(block)
            sent += len(block)
        return sent

    async def _write_stream(
        self, request: web.BaseRequest, transport: asyncio.Transport, route: Route, answer: StreamAnswer
    ) -> web.StreamResponse:
        """Write an event stream piece by piece; who goes away in the middle of it is counted as begun and not as answered."""
        is_chunked = request.version == HttpVersion11
        keep_alive = request.keep_alive and is_chunked
        head = answer.head("" if is_chunked else "close")
        sent = len(head)
        transport.write(head)
        for pause_s, piece in answer.pieces:
            if pause_s:
                await asyncio.sleep(pause_s)
            if transport.is_closing():
                return self._closed
            last = piece is answer.pieces[-1][1]
            wire = b"%x\r\n%s\r\n%s" % (len(piece), piece, b"0\r\n\r\n" if last else b"") if is_chunked else piece
            transport.write(wire)
            sent += len(wire)
        route.answered += 1
        self.stats.bytes_out += sent
        self.stats.status[answer.status] += 1
        self.stats.messages += answer.messages
        return self._open if keep_alive else self._closed

    def _count_stall(self) -> None:
        self.stats.stalls += 1

    def _add_control(self) -> None:
        for name, function in (
            ("GET /health", self._health),
            ("GET /stats", self._give_stats),
            ("POST /stats/reset", self._reset_stats),
            ("GET /switches", self._give_switches),
            ("POST /switches", self._change_switches),
        ):
            self._router.add(name, function, is_control=True)

    def _health(self, call: Call) -> Answer:
        return json_answer({"status": "ok", "name": "shop", "seed": self._seed})

    def _give_stats(self, call: Call) -> Answer:
        return json_answer(self._all_stats())

    def _reset_stats(self, call: Call) -> Answer:
        before = self._all_stats()
        self.stats.reset()
        return json_answer(before)

    def _all_stats(self) -> dict[str, Any]:
        return self.stats.to_json() | {"leaked_bytes": self._trouble.leaked_bytes}

    def _give_switches(self, call: Call) -> Answer:
        return json_answer(self._trouble.switches.to_json())

    def _change_switches(self, call: Call) -> Answer:
        try:
            self._trouble.set(self._trouble.switches.changed(call.json()))
        except InvalidInput as wrong:
            raise BadRequest(str(wrong)) from None
        return self._give_switches(call)


async def _read(request: web.BaseRequest) -> bytes:
    """Return the request's body, having encouraged a client that waits to be."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return await request.read()
