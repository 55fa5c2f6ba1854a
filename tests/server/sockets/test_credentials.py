"""Who is let in at the socket: keys, tickets that work once, and nobody whose key was revoked."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.jupyter import RunningServer

pytestmark = pytest.mark.server


@contextlib.asynccontextmanager
async def client(server: RunningServer, *, ticket: str = "", key: str = "") -> AsyncIterator[ClientConnection]:
    address = server.url.replace("http", "ws", 1) + "api/maid/ws" + (f"?ticket_token={ticket}" if ticket else "")
    async with connect(address, proxy=None, open_timeout=20, additional_headers={"X-MAID-Key": key} if key else {}) as socket:
        yield socket


async def ask(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    await socket.send(json.dumps(message))
    async with asyncio.timeout(20):
        while True:
            said: dict[str, Any] = json.loads(await socket.recv())
            if "op" in said:
                return said


async def refused_with(server: RunningServer, **credential: str) -> int:
    try:
        async with client(server, **credential):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def make(server: RunningServer, *scopes: str) -> dict[str, Any]:
    return dict(server.ask("keys", method="POST", body={"name": "k", "scopes": list(scopes)}).json)


async def test_a_ticket_opens_one_socket_for_its_topics(server: RunningServer) -> None:
    ticket = server.ask("ws-ticket", method="POST", body={"topics": ["maid:status"]}).json["ticket"]
    async with client(server, ticket=ticket) as socket:
        assert (await ask(socket, op="subscribe", topics=["maid:status"], id=1))["topics"] == ["maid:status"]
        other = await ask(socket, op="subscribe", topics=["maid:logs"], id=2)
        assert "maid:logs" in json.dumps(other)
        assert other.get("success") is not True
    assert await refused_with(server, ticket=ticket) == 401
    assert await refused_with(server, ticket="made-up") == 401
    assert await refused_with(server) == 403


async def test_a_key_with_the_scope_is_let_in_and_may_do_no_more_than_that(server: RunningServer) -> None:
    reader = make(server, "maid.read")
    async with client(server, key=reader["key"]) as socket:
        answer = await ask(socket, op="command", name="stop", id=1)
        assert answer["success"] is False
        assert "maid.write" in json.dumps(answer["error"])
    assert await refused_with(server, key=make(server, "maid.recipes")["key"]) == 403
    assert await refused_with(server, key=reader["key"][:-1] + "!") == 401


async def test_revoking_a_key_closes_its_sockets(server: RunningServer) -> None:
    made = make(server, "maid.read")
    async with client(server, key=made["key"]) as socket:
        await ask(socket, op="ping", id=1)
        await asyncio.to_thread(server.ask, f"keys/{made['id']}", method="DELETE")
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(15):
                while True:
                    await socket.recv()
