"""Where redirects lead in all their written forms, what goes along with them, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from maid_lab.model.plan import Body, Extract, FormStep, HttpStep, Plan, Target
from tests.engine.running import labels, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Send, head, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hostile import Received


def moved(place: str, status: int = 302) -> Send:
    return Send(head(status, ("Location", place), ("Content-Length", "0")))


def knows(plan: Plan, *others: HostileServer) -> Plan:
    added = tuple(Target(base_url=other.url, weight=0, addresses=("127.0.0.1",)) for other in others)
    return replace(plan, targets=(*plan.targets, *added))


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("{url}/there", "/there"),
        ("//{host}/there", "/there"),
        ("HTTP://{host}/there", "/there"),
        ("http://anna:word@{host}/there", "/there"),
        ("/there", "/there"),
        ("there", "/deep/there"),
        ("./there", "/deep/there"),
        ("../there", "/there"),
        ("../../../there", "/there"),
        ("?q=1", "/deep/here?q=1"),
        ("there#part", "/deep/there"),
        ("{url}", "/"),
        ("{url}?q=1", "/?q=1"),
        ("/th ere?a b", "/th%20ere?a%20b"),
        ("/th%20ere", "/th%20ere"),
        ("/sch\xc3\xb6n", "/sch%C3%B6n"),
        ("  /there  ", "/there"),
    ],
)
async def test_a_location_may_be_written_in_many_ways(hostile: HostileServer, tmp_path: Path, place: str, target: str) -> None:
    host = hostile.url.removeprefix("http://")
    hostile.on("/deep/here", moved(place.format(url=hostile.url, host=host)))
    for path in (target, target.partition("?")[0]):
        if path != "/deep/here":
            hostile.on(path, Send(reply()))
    step = HttpStep(label=2, method="GET", url="/deep/here", redirects=1)
    rows = requests(await run_shard(plan_of(hostile.url, (step,), ("r",)), tmp_path))
    hostile.settle()
    assert [request.target for request in hostile.received] == ["/deep/here", target]
    assert len(rows) == hostile.requests == 2
    assert hostile.connections == 1
    assert rows[0].outcome == "ok"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("ftp://127.0.0.1/", "is not an absolute http or https URL"),
        ("javascript:void(0)", "is not an absolute http or https URL"),
        ("http://stranger.test/", "host stranger.test is not a target of this plan"),
        ("//stranger.test/x", "host stranger.test is not a target of this plan"),
        ("http://127.0.0.1:99999/", "cannot be read"),
        ("http://[::1/", ""),
    ],
)
async def test_a_location_that_leads_nowhere_is_an_error_row_and_the_user_goes_on(
    hostile: HostileServer, tmp_path: Path, place: str, said: str
) -> None:
    hostile.on("/from", moved(place))
    steps = (HttpStep(label=2, method="GET", url="/from", on_error="continue"), HttpStep(label=3, method="GET", url="/ok"))
    rows = requests(await run_shard(plan_of(hostile.url, steps, ("r", "ok")), tmp_path))
    assert [(row.outcome, row.status) for row in rows] == [("protocol_error", 302), ("ok", 200)]
    assert rows[0].error.startswith("redirect: ")
    assert said in rows[0].error
    assert (hostile.requests, hostile.connections) == (2, 1)


@pytest.mark.parametrize(
    ("status", "method", "sent"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "DELETE", "DELETE"),
    ],
)
async def test_the_method_changes_as_in_browsers(hostile: HostileServer, tmp_path: Path, status: int, method: str, sent: str) -> None:
    hostile.on("/from", moved("/to", status))
    hostile.on("/to", Send(head(204)))
    body = Body(kind="form", value={"a": "1"}) if method in ("POST", "PUT") else None
    step = HttpStep(label=2, method=method, url="/from", body=body)
    rows = requests(await run_shard(plan_of(hostile.url, (step,), ("r",)), tmp_path))
    hostile.settle()
    assert [row.outcome for row in rows] == ["ok", "ok"]
    last = hostile.received[-1]
    assert (last.head.split()[0].decode(), last.body) == (sent, b"a=1" if body is not None and sent == method else b"")
    assert last.header("Content-Type") == ("application/x-www-form-urlencoded" if last.body else None)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_on_another_host_no_hop_carries_what_was_meant_for_the_first(hostile: HostileServer, tmp_path: Path, method: str) -> None:
    with HostileServer() as other:
        hostile.on("/from", moved(f"{other.url}/one", 307))
        other.on("/one", moved("/two", 307))
        other.on("/two", moved(f"{hostile.url}/ok", 307))
        headers = (("Host", "own.test"), ("X-Team", "web"))
        step = HttpStep(label=2, method=method, url="/from", auth=("basic", "anna", "s3"), headers=headers, cookies=(("theme", "dark"),))
        rows = requests(await run_shard(knows(plan_of(hostile.url, (step,), ("r",)), other), tmp_path))
        hostile.settle()
        other.settle()
        assert [row.outcome for row in rows] == ["ok"] * 4
        assert len(rows) == hostile.requests + other.requests
        first, last = hostile.received
        assert [first.header(name) for name in ("Host", "Cookie")] == ["own.test", "theme=dark"]
        assert first.header("Authorization") is not None
        for request in (*other.received, last):
            assert [request.header(name) for name in ("Authorization", "Cookie", "X-Team")] == [None, None, "web"]
        assert [request.header("Host") for request in other.received] == [other.url.removeprefix("http://")] * 2


async def test_no_token_follows_to_another_host(hostile: HostileServer, tmp_path: Path) -> None:
    given = Body(kind="form", value={"grant_type": "client_credentials"})
    extract = (Extract(name="access_token", source="json", expr="$.access_token"),)
    token = HttpStep(label=2, method="POST", url="/token", body=given, auth=("basic", "me", "s3"), extract=extract)
    hostile.on("/token", Send(reply(b'{"access_token": "t0"}')))
    with HostileServer() as other:
        hostile.on("/here", moved("/from"))
        hostile.on("/from", moved(f"{other.url}/one"))
        other.on("/one", moved("/ok"))
        step = HttpStep(label=2, method="GET", url="/here", auth=("oauth2",), token=token)
        await run_shard(knows(plan_of(hostile.url, (step,), ("r",)), other), tmp_path)
        other.settle()
        hostile.settle()
        assert [request.header("Authorization") for request in other.received] == [None, None]
        assert [request.header("Authorization") for request in hostile.received if request.path != "/token"] == ["Bearer t0"] * 2


async def test_own_cookies_go_along_on_the_same_host_in_one_header(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/from", Send(head(302, ("Location", "/ok"), ("Set-Cookie", "b=\xe92; Path=/"), ("Content-Length", "0"))))
    step = HttpStep(label=2, method="GET", url="/from", cookies=(("a", "1"), ("u", "{{ vu.id }}")))
    await run_shard(plan_of(hostile.url, (step,), ("r",), load={"iterations": 2}), tmp_path)
    hostile.settle()
    lines = [line for request in hostile.received for line in request.head.split(b"\r\n") if line.lower().startswith(b"cookie")]
    # Bytes beyond ASCII go back as they came.
    assert lines == [b"Cookie: a=1; u=0", *[b"Cookie: a=1; u=0; b=\xe92"] * 3]


async def test_a_header_named_cookie_is_joined_too(hostile: HostileServer, tmp_path: Path) -> None:
    steps = (HttpStep(label=2, method="GET", url="/cookies"), HttpStep(label=3, method="GET", url="/ok", headers=(("cookie", "z=1"),)))
    await run_shard(plan_of(hostile.url, steps, ("set", "r")), tmp_path)
    hostile.settle()
    assert hostile.received[-1].head.count(b"ookie: ") == 1
    assert hostile.received[-1].header("Cookie") == "z=1; a=1"


async def test_a_form_that_is_sent_on_keeps_its_encoding(hostile: HostileServer, tmp_path: Path) -> None:
    page = b"<form method=post action=/from><input name=a value=1></form>"
    hostile.on("/page", Send(reply(page, ("Content-Type", "text/html"))))
    hostile.on("/from", moved("/to", 307))
    seen: list[Received] = []

    def answer(request: Any) -> tuple[Send, ...]:
        seen.append(request)
        return (Send(reply()),)

    hostile.answer("/to", answer)
    steps = (HttpStep(label=2, method="GET", url="/page"), FormStep(request=HttpStep(label=3, method="POST", url="/"), form=0))
    rows = requests(await run_shard(plan_of(hostile.url, steps, (), labels=labels("page", "form")), tmp_path))
    assert [row.outcome for row in rows] == ["ok"] * 3
    (request,) = seen
    assert (request.body, request.header("Content-Type")) == (b"a=1", "application/x-www-form-urlencoded")
    assert request.header("Referer") == f"{hostile.url}/page"
