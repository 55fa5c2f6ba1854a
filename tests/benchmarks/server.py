"""The server beside a run at full speed: how soon Jupyter itself answers, and how late sockets hear of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.client import connect

from tests.benchmarks.harness import Line, Table, say
from tests.benchmarks.pinned import Failed
from tests.support.jupyter import RunningServer, jupyter_server

if TYPE_CHECKING:
    from tests.benchmarks.harness import Context

__all__ = ["server_answers", "sockets", "sockets_many"]

#: No file is named in it: what comes over REST may read none that is a key or certificate.
_RECIPE: Final = """schema: maid.recipe/v1
id: beside-the-server
version: 1.0.0
title: Full speed beside the server
description: As many requests as the cores give.
target: {{base_url: "{url}"}}
load: {{users: 64, run_time: {seconds}s}}
scenarios: [{{name: static, steps: [{{get: /}}]}}]
"""

_STATUS_LIMIT_S: Final = 0.05
_DELIVERY_LIMIT_S: Final = 0.25
_PAUSE_S: Final = 0.02
_START_LIMIT_S: Final = 20.0
_OPENED_AT_ONCE: Final = 50


def server_answers(context: Context) -> Table:
    """Return the table of `/api/status` while a run goes at full speed with as many workers as there are cores."""
    title = "Jupyter's /api/status while a run goes at full speed"
    say(title)
    with jupyter_server(context.folder / "answers") as server:
        idle = _answer_times(server, context.seconds)
        _start(context, server, seconds=context.seconds * context.rounds + 10)
        rounds = [_answer_times(server, context.seconds) for _ in range(context.rounds)]
        server.ask("stop", method="POST", body={"mode": "now"})
        server.wait_for("idle")
    worst = statistics.median(_p99(times) for times in rounds)
    return Table(
        title=title,
        lines=(
            Line(name="p99 without a run", value=f"{_p99(idle) * 1000:.1f} ms"),
            Line(
                name="p99 during a run", value=f"{worst * 1000:.1f} ms", figure=f"≤ {_STATUS_LIMIT_S * 1000:g} ms", met=worst <= _STATUS_LIMIT_S,
                note="median of rounds", values=tuple(_p99(times) for times in rounds),
            ),
        ),
    )  # fmt: skip


def sockets(context: Context) -> Table:
    """Return the table of 200 sockets of which 10 read nothing."""
    return _sockets(context, clients=200, silent=10)


def sockets_many(context: Context) -> Table:
    """Return the table of 1,000 sockets."""
    return _sockets(context, clients=1000, silent=0)


def _sockets(context: Context, *, clients: int, silent: int) -> Table:
    title = f"{clients:,} sockets follow a run at full speed{f', {silent} of them read nothing' if silent else ''}"
    say(title)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, clients + 512)), hard))
    with jupyter_server(context.folder / f"sockets-{clients}") as server:
        before = _memory(server)
        late, heard, after = asyncio.run(_follow(context, server, clients, silent))
        server.ask("stop", method="POST", body={"mode": "now"})
        server.wait_for("idle")
    if not late:
        raise Failed("no client heard of the run")
    p99 = _p99(late)
    return Table(
        title=title,
        lines=(
            Line(
                name="delivery p99", value=f"{p99 * 1000:.0f} ms", figure=f"≤ {_DELIVERY_LIMIT_S * 1000:g} ms", met=p99 <= _DELIVERY_LIMIT_S,
                note=f"of {len(late):,} frames of maid:status, from the server's stamp to the client",
            ),
            Line(name="clients that heard", value=f"{heard} of {clients - silent}", figure="all", met=heard == clients - silent),
            Line(name="memory of the server", value=f"{before / 2**20:.0f} → {after / 2**20:.0f} MiB"),
        ),
    )  # fmt: skip


async def _follow(context: Context, server: RunningServer, clients: int, silent: int) -> tuple[list[float], int, int]:
    """Open the sockets, start a run, and return how late frames came, how many clients heard any, and the server's memory at the end."""
    late: list[float] = []
    heard: set[int] = set()
    address = server.url.replace("http", "ws", 1) + "api/maid/ws"
    headers = {"Authorization": f"token {server.token}"}
    gate, ended = asyncio.Semaphore(_OPENED_AT_ONCE), asyncio.Event()
    opened = 0

    async def client(number: int) -> None:
        nonlocal opened
        async with contextlib.AsyncExitStack() as stack:
            async with gate:
                socket = await stack.enter_async_context(
                    connect(address, proxy=None, open_timeout=60, additional_headers=headers, max_queue=1)
                )
                await socket.send(json.dumps({"op": "subscribe", "topics": ["maid:status", "maid:metrics"], "id": 1}))
            opened += 1
            if number < silent:
                await ended.wait()
                socket.transport.abort()
                return
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 2))
                    if frame.get("topic") == "maid:status" and frame.get("run_id") and number % 7 == 0:
                        late.append(time.time() - _stamp(frame["at"]))
                    if frame.get("topic"):
                        heard.add(number)

    tasks = [asyncio.create_task(client(number)) for number in range(clients)]
    try:
        async with asyncio.timeout(120):
            while opened < clients:
                if any(task.done() and task.exception() for task in tasks):
                    raise Failed("a socket was not opened")
                await asyncio.sleep(0.1)
        seconds = context.seconds * context.rounds
        await asyncio.to_thread(_start, context, server, seconds=seconds + 30)
        await asyncio.sleep(seconds)
        return late, len(heard), _memory(server)
    finally:
        ended.set()
        await asyncio.gather(*tasks, return_exceptions=True)


def _start(context: Context, server: RunningServer, *, seconds: int) -> None:
    text = _RECIPE.format(url=context.server.plain.rstrip("/"), seconds=seconds)
    reply = server.ask("run", method="POST", body={"recipe": text})
    if reply.status != 202:
        raise Failed(f"the run was not started: {reply.body.decode()[:300]}")
    deadline = time.monotonic() + _START_LIMIT_S
    while not server.ask("status").json.get("requests"):
        if time.monotonic() > deadline:
            raise Failed("the run did not begin")
        time.sleep(0.1)


def _answer_times(server: RunningServer, seconds: float) -> list[float]:
    times, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        if server.ask(f"{server.url}api/status").status != 200:
            raise Failed("/api/status did not answer")
        times.append(time.perf_counter() - began)
        time.sleep(_PAUSE_S)
    return times


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def _stamp(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _memory(server: RunningServer) -> int:
    """Return the resident memory of the server in bytes."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
