"""Ways to a target: through a proxy, from own addresses, and by addresses that the recipe gives."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.plan import HttpStep, Plan, Target, Tls
from tests.engine.running import Row, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.nginx import BODY, Nginx
from tests.support.ports import free_ports
from tests.support.proxy import ForwardProxy

OPEN = Tls(verify=False)


def through(proxy: str, url: str, path: str = "/ok", **changes: Any) -> Plan:
    step = HttpStep(label=2, method="GET", url=path, tls=OPEN, proxy=proxy)
    plan = plan_of(url, (step,), ("r",), **changes)
    return replace(plan, targets=(*plan.targets, Target(base_url=proxy.rpartition("@")[2], weight=0, addresses=("127.0.0.1",))))


async def run(plan: Plan, folder: Path, **options: Any) -> list[Row]:
    return requests(await run_shard(plan, folder, **options))


# ---- through a proxy


async def test_plain_requests_are_passed_on_by_the_proxy(hostile: HostileServer, tmp_path: Path) -> None:
    with ForwardProxy() as proxy:
        rows = await run(through(proxy.url, hostile.url, load={"users": 2.0, "iterations": 3}), tmp_path)
        assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 6
        assert proxy.plain == [f"GET {hostile.url}/ok HTTP/1.1"] * 6
        assert sum(not row.reused for row in rows) == 2
    assert hostile.requests == 6
    assert {request.header("Host") for request in hostile.received} == {hostile.url.removeprefix("http://")}


async def test_tls_targets_are_reached_through_a_tunnel_that_is_kept(nginx: Nginx, tmp_path: Path) -> None:
    with ForwardProxy() as proxy:
        rows = await run(through(proxy.url, nginx.tls, "/", load={"users": 2.0, "iterations": 3}), tmp_path)
        assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 6
        assert proxy.tunnels == [f"CONNECT {nginx.tls.removeprefix('https://')} HTTP/1.1"] * 2
    assert min(row.bytes_in for row in rows) > len(BODY)


@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_the_proxy_gets_the_password_and_the_target_does_not(hostile: HostileServer, nginx: Nginx, tmp_path: Path, kind: str) -> None:
    wanted = "Basic " + base64.b64encode(b"me:s3cret:x").decode()
    with ForwardProxy(credentials=wanted) as proxy:
        address = proxy.url.replace("://", "://me:{{ secrets.word }}@")
        target, path = (nginx.tls, "/") if kind == "tls" else (hostile.url, "/ok")
        (row,) = await run(through(address, target, path), tmp_path, secrets={"word": "s3cret%3Ax"})
        assert (row.outcome, row.status) == ("ok", 200)
        (tmp_path / "wrong").mkdir()
        (wrong,) = await run(through(address, target, path), tmp_path / "wrong", secrets={"word": "no"})
        assert wrong.status == (407 if kind == "plain" else -1)
        assert wrong.outcome == ("error_status" if kind == "plain" else "connect_error")
        assert wrong.error.endswith("HTTP 407" if kind == "plain" else "the proxy gave no tunnel: 407 Proxy Authentication Required")
    assert all(request.header("Proxy-Authorization") is None for request in hostile.received)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy gave no tunnel: 502 Bad Gateway"),
        (b"SSH-2.0-x\r\n", "the proxy does not answer in HTTP/1"),
        (b"HTTP/1.1 okay\r\n\r\n", "the proxy does not answer in HTTP/1"),
        (b"HTTP/1.1 2", "the proxy closed the connection without a tunnel"),
        (b"HTTP/1.1 200 " + b"x" * 70000, "the proxy does not answer in HTTP/1"),
    ],
)
async def test_a_proxy_that_gives_no_tunnel_is_told_apart_from_the_target(tmp_path: Path, answer: bytes, said: str) -> None:
    with ForwardProxy(tunnel_answer=answer) as proxy:
        (row,) = await run(through(proxy.url, "https://127.0.0.1:1", "/"), tmp_path)
        assert (row.outcome, row.status) == ("connect_error", -1)
        assert row.error == f"proxy 127.0.0.1:{proxy.port}: {said}"


async def test_a_proxy_that_is_not_there_is_named(hostile: HostileServer, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    (row,) = await run(through(f"http://127.0.0.1:{port}", hostile.url), tmp_path)
    assert (row.outcome, row.error) == ("connect_error", f"proxy 127.0.0.1:{port}: connection refused: nothing listens there")
    assert hostile.requests == 0


@pytest.mark.parametrize("mode", ["stop", "kill"])
async def test_stop_and_kill_end_the_wait_for_a_tunnel(tmp_path: Path, mode: str) -> None:
    def end(shard: Any, elapsed: float) -> bool:
        if elapsed < 0.2:
            return False
        shard.kill() if mode == "kill" else shard.stop(0.3)
        return True

    with ForwardProxy(tunnel_answer=b"-") as proxy:
        began = time.monotonic()
        rows = await run(through(proxy.url, "https://127.0.0.1:1", "/", load={"model": "users", "users": 2.0}), tmp_path, during=end)
        assert time.monotonic() - began < 3
        assert [row.outcome for row in rows] == ["aborted"] * 2
        assert len(proxy.tunnels) == 2


async def test_a_tunnel_that_does_not_come_is_a_timeout_of_connecting(tmp_path: Path) -> None:
    with ForwardProxy(tunnel_answer=b"-") as proxy:
        plan = through(proxy.url, "https://127.0.0.1:1", "/")
        (step,) = plan.scenarios[0].steps
        assert isinstance(step, HttpStep)
        step = replace(step, timeouts=replace(step.timeouts, connect_s=0.2))
        (row,) = await run(replace(plan, scenarios=(replace(plan.scenarios[0], steps=(step,)),)), tmp_path)
        assert (row.outcome, row.error) == ("timeout", "timeout (connect) while waiting for the proxy")


async def test_a_target_that_the_plan_does_not_know_is_not_reached_through_a_proxy_either(hostile: HostileServer, tmp_path: Path) -> None:
    with ForwardProxy() as proxy:
        plan = through(proxy.url, hostile.url, "http://stranger.test/")
        (row,) = await run(plan, tmp_path)
        assert "stranger.test is not a target of this plan" in row.error
        assert not proxy.plain


# ---- from own addresses


async def test_users_send_from_the_own_addresses_in_turn(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=2, method="GET", url="/ok", source_addresses=("127.0.0.2", "127.0.0.3", "::1"))
    rows = await run(plan_of(hostile.url, (step,), ("r",), load={"users": 4.0, "iterations": 2}), tmp_path)
    assert [row.outcome for row in rows] == ["ok"] * 8
    assert sorted(hostile.peers) == ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"]


async def test_an_own_address_that_is_not_there_is_an_error_row(hostile: HostileServer, tmp_path: Path) -> None:
    step = HttpStep(label=2, method="GET", url="/ok", source_addresses=("192.0.2.1",))
    (row,) = await run(plan_of(hostile.url, (step,), ("r",)), tmp_path)
    assert row.outcome == "connect_error"
    assert row.error == "192.0.2.1 is no address of this machine"
