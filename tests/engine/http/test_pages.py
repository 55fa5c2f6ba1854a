"""Pages with their parts, and forms with the fields that the page fills in."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.http.head import parse_head
from maid_lab.engine.http.links import page_parts, referer_for
from maid_lab.engine.http.request import Request
from maid_lab.engine.http.response import Response
from maid_lab.model.plan import Body, Extract, FormStep, HttpStep, Label, Page, Target
from tests.engine.running import Row, labels, plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Pause, Send, reply

HTML = ("Content-Type", "text/html; charset=utf-8")
PAGE = b"""<!doctype html><html><head><link rel=stylesheet href=/a.css><link rel="shortcut icon" href="/i.ico"><link rel=canonical href=/x>
<script src="/b.js?v=1#top"></script><script>inline()</script></head><body><img src="c.png"><img src="c.png"><img srcset="/d.webp 1x, /e.webp 2x">
<img src="data:image/png;base64,AAAA"><img src="http://elsewhere.test/f.png"><a href="/not">no</a></body></html>"""
KINDS = (".css", ".js", ".png", ".webp", ".ico", "other")


def page_labels() -> tuple[Label, ...]:
    return labels("page", *(f"asset {kind}" for kind in KINDS))


def page_step(**changes: Any) -> HttpStep:
    numbers = tuple((kind, 3 + at) for at, kind in enumerate(KINDS))
    return HttpStep(label=2, method="GET", url="/shop/page", page=Page(labels=numbers, **changes))


def serve(hostile: HostileServer) -> None:
    hostile.on("/shop/page", Send(reply(PAGE, HTML)))
    for path in ("/a.css", "/b.js", "/d.webp", "/i.ico"):
        hostile.on(path, Pause(0.05), Send(reply()))
    hostile.on("/shop/c.png", Send(reply(b"", status=404)))


async def test_the_parts_of_a_page_are_loaded_side_by_side(hostile: HostileServer, tmp_path: Path) -> None:
    serve(hostile)
    lines: list[str] = []
    plan = plan_of(hostile.url, (page_step(),), (), labels=page_labels(), load={"iterations": 2})
    rows = await run_shard(plan, tmp_path, log=lambda _level, text: lines.append(text))
    sent = requests(rows)
    assert sorted(row.name for row in sent) == sorted(["page", "asset .css", "asset .js", "asset .png", "asset .webp", "asset .ico"] * 2)
    assert hostile.requests == 12
    outcomes = {row.name: row.outcome for row in sent}
    assert outcomes.pop("asset .png") == "error_status"
    assert set(outcomes.values()) == {"ok"}
    first = [row for row in sent if row.iteration == 0]
    page, slow = first[0], [row for row in first if row.name in ("asset .css", "asset .js", "asset .ico")]
    assert all(row.start >= page.end for row in slow)
    assert max(row.start for row in slow) < min(row.end for row in slow)
    assert [line for line in lines if "elsewhere.test" in line] == lines
    assert len(lines) == 1
    # A part that is missing is a row; the iteration is what the page was.
    assert [row.outcome for row in rows if row.label.kind == "iteration"] == ["error_status"] * 2


async def test_not_more_than_so_many_at_once(hostile: HostileServer, tmp_path: Path) -> None:
    serve(hostile)
    rows = requests(await run_shard(plan_of(hostile.url, (page_step(parallel=1),), (), labels=page_labels()), tmp_path))
    parts = sorted(rows, key=lambda row: row.start)[1:]
    assert all(later.start >= earlier.end for earlier, later in pairwise(parts))


async def test_what_is_no_page_has_no_parts(hostile: HostileServer, tmp_path: Path) -> None:
    hostile.on("/shop/page", Send(reply(b"{}", ("Content-Type", "application/json"))))
    rows = requests(await run_shard(plan_of(hostile.url, (page_step(),), (), labels=page_labels()), tmp_path))
    assert [row.outcome for row in rows] == ["ok"]


def linked(body: bytes) -> list[str]:
    class Origin:
        def __repr__(self) -> str:
            return "http://shop.test"

    request = Request(Origin(), "GET", "/a/b", b"", b"")  # type: ignore[arg-type]
    page = Response(parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), body, request=request, service_s=0)
    return [part.url for part in page_parts(page)]


def test_links_follow_the_base_of_the_document() -> None:
    body = b'<base href="/c/"><link rel="stylesheet" href="x.css"><script src="//cdn.test/y.js"></script>'
    assert linked(body) == ["http://shop.test/c/x.css", "http://cdn.test/y.js"]


@pytest.mark.parametrize(
    ("markup", "name"),
    [
        ('<img src=a srcset="b 2x">', "a"),
        ('<img src=a srcset="b 1x, c 2x">', "b"),
        ('<img src=a srcset="b, c 2x">', "b"),
        ('<img src=a srcset="s 320w, m 1280w, l 2560w">', "m"),
        ('<img src=a srcset="s 320w, m 640w">', "m"),
        ('<img src=a srcset="l 2560w, s 320w, m 1280w" sizes="(max-width: 600px) 100vw, 25vw">', "s"),
        ('<img src=a srcset="s 320w, m 800w" sizes="(min-width: 60em) 50vw, 10vw">', "m"),
        ('<img srcset="/d,1.png 1x,/e.png 2x">', "/d,1.png"),
        ('<img src=a srcset="b 1q, c 1x 2x, , d 3x">', "a"),
        ('<img srcset="  ">', ""),
        ('<img src=a srcset="data:image/png;base64,AA== 1x">', ""),
        ('<picture><source type="video/mp4" srcset=v><source srcset="w 1x, w2 2x" type=image/webp><img src=a></picture>', "w"),
        ('<picture><source media="(max-width: 700px)" srcset=small><source media="(hover)" srcset=h><img src=a></picture>', "a"),
        ('<picture><source media="screen and (min-width: 700px)" srcset=wide><img src=a></picture>', "wide"),
    ],
)
def test_of_an_image_the_candidate_of_a_desktop_window_is_taken(markup: str, name: str) -> None:
    assert linked(f"<base href=/c/>{markup}".encode()) == ([f"http://shop.test{name if name[0] == '/' else f'/c/{name}'}"] if name else [])


@pytest.mark.parametrize(
    ("page", "url", "referer"),
    [
        ("http://a.test/p?q=1", "http://a.test/x", "http://a.test/p?q=1"),
        ("http://a.test/p", "http://b.test/x", "http://a.test/"),
        ("http://a.test:8/p", "http://a.test/x", "http://a.test:8/"),
        ("https://a.test/p", "http://a.test/x", ""),
        ("http://a.test/p", "https://a.test/x", "http://a.test/"),
    ],
)
def test_the_referer_says_to_others_no_more_than_the_origin(page: str, url: str, referer: str) -> None:
    assert referer_for(page, url) == referer


async def test_each_part_is_asked_for_as_a_browser_does(hostile: HostileServer, tmp_path: Path) -> None:
    names = ("a.css", "b.css", "c.js", "d.js", "e.png", "f.png")
    body = "<link rel=stylesheet href=a.css><link rel=stylesheet href=b.css><script src=c.js></script><script src=d.js></script>"
    hostile.on("/shop/page", Send(reply(f"{body}<img src=e.png><img src=f.png>".encode(), HTML)))
    for name in names:
        hostile.on(f"/shop/{name}", Send(reply()))
    step = replace(page_step(), headers=(("Accept", "text/html"), ("X-Team", "web"), ("Referer", "http://news.test/")))
    rows = requests(await run_shard(plan_of(hostile.url, (step,), (), labels=page_labels(), load={"iterations": 2}), tmp_path))
    hostile.settle()
    assert [row.outcome for row in rows] == ["ok"] * 14
    asked = [request for request in hostile.received if request.path != "/shop/page"]
    # Without cookies too each part is a request of its own.
    assert sorted(request.path for request in asked) == sorted([f"/shop/{name}" for name in names] * 2)
    for request in asked:
        assert (request.header("Referer"), request.header("X-Team")) == (f"{hostile.url}/shop/page", "web")
        first = {".css": "text/css", ".js": "*/*", ".png": "image/avif"}[Path(request.path).suffix]
        assert (request.header("Accept") or "").split(",")[0] == first


@pytest.mark.parametrize("way", ["basic", "oauth2"])
async def test_a_part_on_another_host_sees_no_credentials(hostile: HostileServer, tmp_path: Path, way: str) -> None:
    given = Body(kind="form", value={"grant_type": "client_credentials"})
    fields: dict[str, Any] = {"body": given, "auth": ("basic", "me", "s3")}
    token = HttpStep(
        label=2, method="POST", url="/token", **fields, extract=(Extract(name="access_token", source="json", expr="$.access_token"),)
    )
    credentials: dict[str, Any] = {"auth": ("basic", "anna", "s3")} if way == "basic" else {"auth": ("oauth2",), "token": token}
    hostile.on("/token", Send(reply(b'{"access_token": "t0"}')))
    with HostileServer() as other:
        body = f"<img src=/ok><img src={other.url}/ok><script src={other.url}/ok?2></script>"
        hostile.on("/shop/page", Send(reply(body.encode(), HTML)))
        plan = plan_of(hostile.url, (replace(page_step(), **credentials),), (), labels=page_labels())
        plan = replace(plan, targets=(*plan.targets, Target(base_url=other.url, weight=0, addresses=("127.0.0.1",))))
        await run_shard(plan, tmp_path)
        other.settle()
        hostile.settle()
        assert [request.header("Authorization") for request in other.received] == [None, None]
        assert {request.header("Referer") for request in other.received} == {f"{hostile.url}/"}
    wanted = "Basic YW5uYTpzMw==" if way == "basic" else "Bearer t0"
    assert [request.header("Authorization") for request in hostile.received if request.path in ("/ok", "/shop/page")] == [wanted] * 2


FORMS = b"""<html><body><form action="/search"><input name=q value=all><button name=go value=1>Go</button></form>
<form class=login method=POST action="login?next=%2F"><input type=hidden name=csrf value="k&amp;1"><input name=user><input type=password name=pass>
<input type=checkbox name=keep value=yes checked><input type=checkbox name=no value=x><select name=lang><option>en<option selected>de</select></form>
<form id=up method=post enctype="multipart/form-data" action="/up"><input name=a value=1></form></body></html>"""


async def submitted(
    hostile: HostileServer, folder: Path, form: int | str, fields: dict[str, str], *, page: bytes = FORMS
) -> tuple[list[Row], list[Any]]:
    hostile.on("/site/page", Send(reply(page, HTML)))
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request)
        return (Send(reply()),)

    for path in ("/search", "/site/login", "/up"):
        hostile.answer(path, answer)
    request = HttpStep(label=3, method="POST", url="/")
    steps = (HttpStep(label=2, method="GET", url="/site/page"), FormStep(request=request, form=form, fields=tuple(fields.items())))
    rows = requests(await run_shard(plan_of(hostile.url, steps, (), labels=labels("page", "form")), folder))
    return rows, seen


async def test_a_form_is_sent_with_its_hidden_fields_and_those_that_are_set(hostile: HostileServer, tmp_path: Path) -> None:
    rows, (request,) = await submitted(hostile, tmp_path, "form.login", {"user": "a b", "pass": "p", "more": "1"})
    assert [row.outcome for row in rows] == ["ok", "ok"]
    assert request.head.startswith(b"POST /site/login?next=%2F HTTP/1.1")
    assert b"Content-Type: application/x-www-form-urlencoded" in request.head
    assert f"Referer: {hostile.url}/site/page".encode() in request.head
    assert request.body == b"csrf=k%261&keep=yes&lang=de&user=a+b&pass=p&more=1"


async def test_a_form_by_its_place_goes_by_get(hostile: HostileServer, tmp_path: Path) -> None:
    rows, (request,) = await submitted(hostile, tmp_path, 0, {"q": "lamp"})
    assert request.head.startswith(b"GET /search?q=lamp HTTP/1.1")
    assert [row.outcome for row in rows] == ["ok", "ok"]


async def test_a_form_of_parts_is_sent_as_parts(hostile: HostileServer, tmp_path: Path) -> None:
    _, (request,) = await submitted(hostile, tmp_path, "#up", {"b": "2"})
    assert b"Content-Type: multipart/form-data; boundary=" in request.head
    assert b'name="a"\r\n\r\n1\r\n' in request.body
    assert b'name="b"\r\n\r\n2\r\n' in request.body


@pytest.mark.parametrize(
    ("form", "page", "error"),
    [
        (7, FORMS, "the page has 3 forms, not number 7"),
        ("form.none", FORMS, "the page has no form form.none"),
        (0, b"<p>nothing", "the page has 0 forms, not number 0"),
    ],
)
async def test_a_form_that_is_not_there_is_a_row_that_says_so(
    hostile: HostileServer, tmp_path: Path, form: int | str, page: bytes, error: str
) -> None:
    rows, seen = await submitted(hostile, tmp_path, form, {}, page=page)
    assert ([row.outcome for row in rows], rows[1].error, seen) == (["ok", "extract_miss"], error, [])


async def test_without_a_page_there_is_no_form(hostile: HostileServer, tmp_path: Path) -> None:
    step = FormStep(request=HttpStep(label=2, method="POST", url="/"), form=0)
    (row,) = requests(await run_shard(plan_of(hostile.url, (step,), ("form",)), tmp_path))
    assert "there is no HTML page" in row.error
