"""Requests over HTTP/2: against nginx, and against a server that does everything that a server may do."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.plan import Body, Check, EventStream, Extract, HttpStep, ParallelStep, Plan, Timeouts, Tls
from tests.engine.running import Row, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.http2 import LARGE, Http2Server
from tests.support.nginx import BODY, Nginx
from tests.support.ports import free_ports


def get(path: str, **changes: Any) -> HttpStep:
    given: dict[str, Any] = {"label": 2, "method": "GET", "url": path, "is_http2": True}
    return HttpStep(**given | changes)


async def run(url: str, folder: Path, *steps: Any, during: Any = None, **changes: Any) -> list[Row]:
    return requests(await run_shard(plan_of(url, steps, ("r", "s"), **changes), folder, during=during))


# ---- a real server


@pytest.mark.parametrize("kind", ["tls", "plain"])
async def test_nginx_answers_over_one_connection_for_each_user(nginx: Nginx, tmp_path: Path, kind: str) -> None:
    before = nginx.requests()
    check = Check(kind="body_contains", op="contains", value=BODY)
    step = get("/", tls=Tls(ca=str(nginx.ca)), check=(check,))
    rows = await run(nginx.h2 if kind == "tls" else nginx.h2c, tmp_path, step, load={"users": 3.0, "iterations": 5})
    assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 15
    assert sum(not row.reused for row in rows) == 3
    assert nginx.requests() - before == 15 + 1  # asking is a request too
    assert all(row.first_byte > row.start for row in rows)
    assert min(row.bytes_in for row in rows) > len(BODY)
    assert min(row.bytes_out for row in rows) > 9


async def test_a_server_without_http2_is_told_apart(nginx: Nginx, hostile: HostileServer, tmp_path: Path) -> None:
    (tls,) = await run(nginx.tls, tmp_path, get("/", tls=Tls(ca=str(nginx.ca))))
    assert (tls.outcome, tls.error) == ("protocol_error", "the server does not speak HTTP/2 (ALPN: http/1.1)")
    (tmp_path / "plain").mkdir()
    (plain,) = await run(hostile.url, tmp_path / "plain", get("/ok"))
    assert plain.outcome in ("protocol_error", "reset")


# ---- what a request can be


async def test_bodies_go_both_ways_through_the_windows(tmp_path: Path) -> None:
    with Http2Server() as server:
        post = get("/echo", method="POST", body=Body(kind="text", value="x" * 300_000), extract=(_whole("said"),))
        check = Check(kind="size", op="ge", value=len(LARGE))
        rows = await run(server.url, tmp_path, post, get("/large", check=(check,)), load={"iterations": 3})
        assert [row.outcome for row in rows] == ["ok"] * 6
        assert [request["length"] for request in server.requests] == [300_000, 0] * 3
        assert rows[0].bytes_out > 300_000
        assert rows[1].bytes_in > len(LARGE)


def _whole(name: str) -> Extract:
    return Extract(name=name, source="regex", expr="length 300000", group=0)


async def test_headers_are_those_of_the_step_in_the_form_of_the_protocol(tmp_path: Path) -> None:
    with Http2Server() as server:
        await run(server.url, tmp_path, get("/cookie", headers=(("X-Mine", "1"), ("Connection", "close"))), get("/ok?a=b"))
        first, second = server.requests
        assert (first[":method"], first[":scheme"], first[":path"]) == ("GET", "http", "/cookie")
        assert first[":authority"] == server.url.removeprefix("http://")
        assert first["x-mine"] == "1"
        assert not {"connection", "host"} & set(first)
        assert (second["cookie"], second[":path"]) == ("sid=1", "/ok?a=b")


@pytest.mark.parametrize(
    ("path", "statuses"), [("/hints", [200]), ("/trailers", [200]), ("/empty", [204]), ("/redirect", [302, 200]), ("/large", [200])]
)
async def test_answers_of_every_form_end(tmp_path: Path, path: str, statuses: list[int]) -> None:
    with Http2Server() as server:
        rows = await run(server.url, tmp_path, get(path), load={"iterations": 2})
        assert [(row.outcome, row.status) for row in rows] == [("ok", status) for status in statuses] * 2
        assert len(server.requests) == len(rows)
        assert server.connections == 1


@pytest.mark.parametrize(("until", "messages"), [("", 3), ("two", 2)])
async def test_event_streams_are_read_message_by_message(tmp_path: Path, until: str, messages: int) -> None:
    with Http2Server() as server:
        rows = await run(server.url, tmp_path, get("/sse", sse=EventStream(until=until)), get("/ok"), load={"iterations": 2})
        assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 4
        assert [row.messages for row in rows if row.messages < 100] == [messages] * 2
        assert server.connections <= 2


async def test_an_error_status_is_an_error(tmp_path: Path) -> None:
    with Http2Server() as server:
        (row,) = await run(server.url, tmp_path, get("/missing"))
        assert (row.outcome, row.status, row.error) == ("error_status", 404, "HTTP 404")


async def test_branches_share_the_connection_up_to_what_the_server_allows(tmp_path: Path) -> None:
    for streams, most in ((100, 4), (2, 2)):
        folder = tmp_path / str(streams)
        folder.mkdir()
        with Http2Server(streams=streams) as server:
            step = ParallelStep(branches=tuple((get("/slow"),) for _ in range(4)), limit=4)
            rows = await run(server.url, folder, get("/ok"), step, load={"iterations": 2})
            assert [row.outcome for row in rows] == ["ok"] * 10
            assert (server.connections, server.most, len(server.requests)) == (1, most, 10)


async def test_a_connection_for_each_request_when_it_is_not_kept(tmp_path: Path) -> None:
    with Http2Server() as server:
        rows = await run(server.url, tmp_path, get("/ok", reuse="none"), load={"iterations": 3})
        assert [row.reused for row in rows] == [False] * 3
        assert server.connections == 3


# ---- what goes wrong


@pytest.mark.parametrize(
    ("path", "outcome", "error"),
    [
        ("/reset", "reset", "the server reset the stream: ENHANCE_YOUR_CALM"),
    ],
)
async def test_an_answer_that_does_not_come_says_why(tmp_path: Path, path: str, outcome: str, error: str) -> None:
    with Http2Server() as server:
        rows = await run(server.url, tmp_path, get(path, on_error="continue"), get("/ok"), load={"iterations": 2})
        assert [(row.outcome, row.error) for row in rows] == [(outcome, error), ("ok", "")] * 2
        assert len(server.requests) == 4


async def test_a_request_that_the_server_did_not_look_at_is_sent_once_more(tmp_path: Path) -> None:
    with Http2Server() as server:
        (row,) = await run(server.url, tmp_path, get("/goaway-now"))
        assert (row.outcome, row.error) == ("reset", "the server ended the connection: NO_ERROR")
        assert server.connections == 2


async def test_a_connection_that_ends_within_a_request_is_an_error(tmp_path: Path) -> None:
    with Http2Server() as server:
        cut, close = (get(path, on_error="continue") for path in ("/cut", "/close"))
        rows = await run(server.url, tmp_path, cut, get("/ok"), close, get("/ok"))
        assert [row.outcome for row in rows] == ["reset", "ok", "reset", "ok"]
        assert {rows[0].error, rows[2].error} <= {"the server closed the connection", "the server reset the connection"}


async def test_garbage_is_a_protocol_error(tmp_path: Path) -> None:
    with Http2Server() as server:
        (row,) = await run(server.url, tmp_path, get("/garbage"))
        assert row.outcome in ("protocol_error", "reset")
        assert row.error


async def test_a_goodbye_behind_an_answer_costs_a_connection_and_no_request(tmp_path: Path) -> None:
    with Http2Server() as server:
        rows = await run(server.url, tmp_path, get("/goaway"), get("/ok"), load={"iterations": 3})
        assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 6
        assert len(server.requests) == 6
        assert server.connections in (3, 4)


async def test_a_port_that_refuses_and_one_that_hangs(tmp_path: Path) -> None:
    (refused,) = await run(f"http://127.0.0.1:{free_ports(1)[0]}", tmp_path, get("/ok"))
    assert refused.outcome == "connect_error"
    assert refused.error.endswith("connection refused: nothing listens there")
    (tmp_path / "hang").mkdir()
    with Http2Server() as server:
        rows = await run(server.url, tmp_path / "hang", get("/hang", timeouts=Timeouts(total_s=0.2)), get("/ok"), load={"iterations": 2})
        assert [(row.outcome, row.error) for row in rows] == [("timeout", "timeout (total) while waiting for the answer")] * 2


@pytest.mark.parametrize("mode", ["stop", "kill"])
async def test_stop_and_kill_lose_no_request(tmp_path: Path, mode: str) -> None:
    def end(shard: Any, elapsed: float) -> bool:
        if elapsed < 0.25:
            return False
        shard.kill() if mode == "kill" else shard.stop(2.0)
        return True

    with Http2Server() as server:
        began = time.monotonic()
        step = ParallelStep(branches=((get("/slow"),), (get("/ok"),)), limit=2)
        rows = await run(server.url, tmp_path, get("/slow"), step, load={"model": "users", "users": 3.0}, during=end)
        assert time.monotonic() - began < 3
        await asyncio.sleep(0.15)  # the server counts a slow request when it is there, and all of them are by now
        assert len(server.requests) == sum(row.outcome != "unsent" for row in rows)
        assert {row.outcome for row in rows} <= {"ok", "aborted"}
        assert ("aborted" in {row.outcome for row in rows}) == (mode == "kill")


def test_http2_is_part_of_the_way_to_a_host() -> None:
    plan: Plan = plan_of("http://127.0.0.1:1", (get("/"),), ("r",))
    (step,) = plan.scenarios[0].steps
    assert isinstance(step, HttpStep)
    assert step.route.is_http2
    assert step.route != replace(step, is_http2=False).route
