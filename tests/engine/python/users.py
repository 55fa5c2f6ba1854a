"""Scenarios that the tests run: each does one thing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import maid_lab


async def gets(user: Any) -> None:
    await user.get("/ok")


async def echoes(user: Any) -> None:
    for method in ("get", "post", "put", "patch", "delete", "options"):
        answer = await getattr(user, method)("/echo", name=f"echo {method}")
        assert answer.text.startswith(f"{method.upper()} /echo HTTP/1.1\r\n"), answer.text
        assert (answer.status, answer.ok, answer.headers["content-length"]) == (200, True, str(len(answer.body)))
    head = await user.head("/ok")
    assert (head.status, head.body) == (200, b"")
    posted = await user.post("/echo", json={"a": [1, "ü"]}, headers={"X-A": "b"}, params={"q": "x y", "n": [1, 2]})
    assert posted.text.startswith("POST /echo?q=x%20y&n=1&n=2 HTTP/1.1\r\n")
    assert '{"a":[1,"ü"]}' in posted.text and "X-A: b\r\n" in posted.text and "Content-Type: application/json" in posted.text
    form = await user.post("/echo", form={"a": 1, "b": "c d"})
    assert form.text.endswith("\r\n\r\na=1&b=c+d")
    raw = await user.put("/echo", data=b"\x00\x01")
    assert raw.body.endswith(b"\r\n\r\n\x00\x01")


async def sleeps(user: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    assert task.get_name() == f"user {user.id}"
    await asyncio.sleep(0.001)
    async with asyncio.timeout(5):
        await user.get("/ok")
    assert asyncio.current_task() is task
    assert await asyncio.to_thread(lambda: 3) == 3


async def breaks(user: Any) -> None:
    await user.get("/ok")
    raise ValueError("it is broken")


async def gathers(user: Any) -> None:
    began = time.monotonic()
    answers = await asyncio.gather(*(user.get("/slow", name=f"slow {n}") for n in range(3)))
    assert [answer.status for answer in answers] == [200] * 3
    assert time.monotonic() - began < 2.0
    user.fail(answers[1], "the middle one")


async def judges(user: Any) -> None:
    good = await user.get("/status/404", name="made good")
    user.ok(good)
    bad = await user.get("/ok", name="made bad")
    user.fail(bad, "not what I wanted")
    await user.get("/ok", name="checked")
    assert not user.check(2 < 1, "two below one")
    assert user.check(condition=True, label="fine")
    late = await user.get("/ok", name="late")
    await user.get("/ok", name="last")
    try:
        user.fail(late, "too late")
    except RuntimeError as error:
        assert "recorded already" in str(error)
    else:
        raise AssertionError("a written row was changed")


async def expects(user: Any) -> None:
    assert (await user.get("/status/404", expect=404)).ok
    assert (await user.get("/status/404", expect=["2xx", 404], name="list")).ok
    wrong = await user.get("/ok", expect=201, name="wrong")
    assert wrong.error == "HTTP 200 instead of 201"
    try:
        await user.get("/status/404", raise_on_fail=True, name="raises")
    except maid_lab.RequestFailed as error:
        assert error.response.status == 404
    slow = await user.get("/silent", timeout=0.1, name="slow")
    assert (slow.status, slow.outcome) == (0, "timeout")
    await user.get("/status/404", raise_on_fail=True, name="ends")
    raise AssertionError("never reached")


async def gives_up(user: Any) -> None:
    try:
        async with asyncio.timeout(0.05):
            await user.get("/silent")
    except TimeoutError:
        pass
    await user.get("/ok")


@maid_lab.transaction(name="shop")
async def shopping(user: Any) -> None:
    await user.get("/ok?in")
    async with user.transaction("inner"):
        await user.get("/ok?inner")
        await user.think(0.05)


async def transacts(user: Any) -> None:
    await shopping(user)
    await user.get("/ok?out")


async def records(user: Any) -> None:
    start = time.monotonic()
    user.record("own work", start - 0.5, start, bytes_in=7)
    user.record("own trouble", start - 0.2, start, ok=False, error="it hurt")


async def asks_graphql(user: Any) -> None:
    good = await user.graphql("query Q { a }", {"x": 1}, path="/graphql/good")
    assert good.json() == {"data": {"a": 1}}
    bad = await user.graphql("query Q { b }", path="/graphql/bad", name="bad")
    assert (bad.status, bad.ok) == (200, False)


async def stops(user: Any) -> None:
    await user.get("/ok")
    if user.iterations == 20:
        user.stop_test("I have seen enough")


@maid_lab.scenario
async def keeps(user: Any) -> None:
    user.session["loops"] = user.session.get("loops", 0) + 1
    assert user.session["started"] is True
    assert user.session["loops"] == user.iterations + 1
    await user.get("/ok", name=f"{user.scenario} {user.id} {user.iterations}")


@keeps.on_start
async def _begin(user: Any) -> None:
    user.session["started"] = True
    await user.get("/ok?start", name="start")


@keeps.on_stop
async def _end(user: Any) -> None:
    await user.get("/ok?stop", name="stop")


@maid_lab.scenario
async def hooked(user: Any) -> None:
    assert user.session["started"] is True
    await user.get("/ok")
    await user.think(0.02)


hooked.on_start(_begin)
hooked.on_stop(_end)


async def lingers(user: Any) -> None:
    await user.get("/ok")
    await asyncio.sleep(30)


async def thinks(user: Any) -> None:
    await user.get("/ok")
    await user.think(30)


async def hangs(user: Any) -> None:
    await user.get("/silent")


async def clings(user: Any) -> None:
    """Catch everything and ask again: it must end all the same."""
    while True:
        with contextlib.suppress(BaseException):
            await user.get("/ok")


async def names_all(user: Any) -> None:
    for number in range(3):
        await user.get(f"/ok/{number}?x={number}", expect=404)
        await user.get("/ok", name=f"page {number} of {user.id % 2}")


async def root(user: Any) -> None:
    await user.get("/")


async def root_think(user: Any) -> None:
    page = await user.get("/")
    user.check(page.status == 200, "ok")


async def moves(user: Any) -> None:
    first = user.base_url
    await user.get("/ok?here")
    user.base_url = first.replace("127.0.0.1", "localhost")
    there = await user.get("/ok?there")
    assert there.url.startswith("http://localhost:")
    user.base_url = first
    away = await user.get("http://127.0.0.2:9/stranger", name="stranger")
    assert (away.status, away.outcome) == (0, "connect_error")


async def notes(user: Any) -> None:
    answer = await user.post("/status/404", json={"password": "hush"}, name="noted")
    user.debug("look here", answer)


async def naps(user: Any) -> None:
    await user.get("/ok", name="first")
    await asyncio.sleep(0.3)
    await user.get("/ok", name="second")


async def logs_in(user: Any) -> None:
    first = await user.get("/login")
    assert first.cookies == {"sid": "s1"}
    again = await user.get("/echo")
    assert "Cookie: sid=s1\r\n" in again.text
    followed = await user.get("/redirect/2", name="followed")
    assert followed.url.endswith("/ok")
    stayed = await user.get("/redirect/2", name="stayed", redirects=False)
    assert (stayed.status, stayed.headers["location"]) == (302, "/redirect/1")


async def leaves(user: Any) -> None:
    await user.get("/ok")
    if user.iterations % 2:
        user.abandon("enough of this one")
    user.abandon()


async def forks(user: Any) -> None:
    async def branch(number: int) -> None:
        one = await user.get("/slow", name=f"branch {number}")
        user.check(number == 0, f"branch {number}", one)
        await user.get("/ok", name=f"branch {number} again")

    single, *_ = await asyncio.gather(user.get("/ok", name="single"), branch(0), branch(1))
    user.fail(single, "judged last")


async def idles(_user: Any) -> None:
    return None


async def mistakes(user: Any) -> None:
    for options in ({"naem": "x"}, {"expect": "ok"}, {"timeout": -1}, {"json": 1, "form": {}}, {"headers": {"A": "b\r\nc"}}, {"data": 3}):
        try:
            await user.get("/ok", **options)
        except (TypeError, ValueError) as error:
            user.session.setdefault("said", []).append(str(error))
    try:
        user.request("TRACE", "/ok")
    except ValueError as error:
        user.session["said"].append(str(error))
    user.log(" | ".join(user.session["said"]))
