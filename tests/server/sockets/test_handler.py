"""The socket of a real server, read by a client that knows nothing of ours."""

import asyncio
import contextlib
import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from maid_lab.server.sockets.frames import TOPICS
from maid_lab.server.sockets.messages import MOST_CHARACTERS
from tests.support.jupyter import RunningServer

pytestmark = pytest.mark.server


def address(server: RunningServer) -> str:
    return server.url.replace("http", "ws", 1) + "api/maid/ws"


@contextlib.asynccontextmanager
async def client(server: RunningServer, **more: Any) -> AsyncIterator[ClientConnection]:
    more.setdefault("additional_headers", {"Authorization": f"token {server.token}"})
    async with connect(address(server), proxy=None, open_timeout=20, **more) as socket:
        yield socket


async def ask(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    """Send a message and return its answer; frames in between are left out."""
    await socket.send(json.dumps(message))
    return await until(socket, lambda heard: "op" in heard)


async def until(socket: ClientConnection, condition: Any, heard: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            said: dict[str, Any] = json.loads(await socket.recv())
            if heard is not None:
                heard.append(said)
            if condition(said):
                return said


async def status_of(server: RunningServer, **more: Any) -> int:
    try:
        async with client(server, **more):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_whole_test_is_followed_and_controlled_over_the_socket(server: RunningServer) -> None:
    async with client(server) as socket:
        assert (await ask(socket, op="subscribe", topics=list(TOPICS), id=1))["topics"] == sorted(TOPICS)
        reply = await asyncio.to_thread(server.ask, "run", method="POST", body={"recipe_id": "hello"})
        assert reply.status == 202, reply.body
        run_id = reply.json["run_id"]
        heard: list[dict[str, Any]] = []
        await until(socket, lambda said: said.get("topic") == "maid:metrics" and said["data"]["total"]["count"] > 0, heard)
        paused = await ask(socket, op="command", name="pause", id=2)
        assert (paused["id"], paused["success"]) == (2, True), paused
        assert (await ask(socket, op="command", name="resume"))["success"]
        assert (await ask(socket, op="command", name="stop"))["success"]
        completed = await until(socket, lambda said: said.get("topic") == "maid:test-completed", heard)
    assert (completed["run_id"], completed["data"]["status"]) == (run_id, "stopped")
    topics = {frame.get("topic") for frame in heard}
    assert {"maid:test-started", "maid:status", "maid:metrics", "maid:test-completed"} <= topics
    numbers = [frame["seq"] for frame in heard if "seq" in frame]
    assert numbers == sorted(set(numbers))
    async with client(server) as socket:
        await socket.send(json.dumps({"op": "subscribe", "topics": ["maid:test-completed"], "last_seq": completed["seq"] - 1}))
        again = await until(socket, lambda said: said.get("topic") == "maid:test-completed")
    assert again == completed


async def test_nobody_comes_in_without_a_credential(server: RunningServer) -> None:
    assert await status_of(server, additional_headers={}) == 403
    assert await status_of(server, additional_headers={"Authorization": "token wrong"}) == 403


async def test_a_foreign_origin_comes_in_with_a_token_and_not_with_a_cookie(server: RunningServer) -> None:
    assert await status_of(server, origin="https://evil.example") == 101
    login = await asyncio.to_thread(server.ask, f"{server.url}api/me?token={urllib.parse.quote(server.token)}", as_owner=False)
    cookie = login.headers["Set-Cookie"].split(";")[0]
    assert await status_of(server, additional_headers={"Cookie": cookie}) == 101
    assert await status_of(server, additional_headers={"Cookie": cookie}, origin="https://evil.example") == 403


async def test_garbage_is_answered_and_leaves_no_traceback(server: RunningServer) -> None:
    async with client(server) as socket:
        for said in ("", "{", "[" * 9000, b"\x00\xff", '{"op": "subscribe", "topics": ["maid:lgos"]}', "x" * (MOST_CHARACTERS + 1)):
            await socket.send(said)
            answer = await until(socket, lambda heard: "op" in heard)
            assert (answer["op"], answer["error"]["code"]) == ("error", "invalid-input")
        assert await ask(socket, op="ping", id=3) == {"op": "pong", "id": 3}
    assert "Traceback" not in server.log.read_text()


async def test_a_message_without_end_closes_the_socket(server: RunningServer) -> None:
    async with client(server) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.send("x" * (5 * MOST_CHARACTERS))
            await asyncio.wait_for(socket.recv(), 20)
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
    assert await status_of(server) == 101
