"""Pages with their parts, and forms with the fields that the page fills in."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.http.head import parse_head
from maid_lab.engine.http.pages import asset_urls
from maid_lab.engine.http.request import Request
from maid_lab.engine.http.response import Response
from maid_lab.model.plan import FormStep, HttpStep, Label, Page
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


def test_links_follow_the_base_of_the_document() -> None:
    class Origin:
        def __repr__(self) -> str:
            return "http://shop.test"

    request = Request(Origin(), "GET", "/a/b", b"", b"")  # type: ignore[arg-type]
    body = b'<base href="/c/"><link rel="stylesheet" href="x.css"><script src="//cdn.test/y.js"></script>'
    page = Response(parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), body, request=request, service_s=0)
    assert asset_urls(page) == ["http://shop.test/c/x.css", "http://cdn.test/y.js"]


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
