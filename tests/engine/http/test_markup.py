"""Values and checks from HTML, XML and JSON Schemas, each with an answer that fits and one that does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.http.html import compile_css, compile_xpath
from maid_lab.model.plan import Check, Extract, HttpStep, LogStep
from tests.engine.running import plan_of, requests, run_shard
from tests.support.hostile import HostileServer
from tests.support.wire import Send, reply

PAGE = b"""<!doctype html><html><head><title>Shop &amp; more</title></head><body>
<h1>  Lamps
 and chairs </h1><a class=item href="/p/1">One</a><a class=item href="/p/2">Two</a>
<form><input type=hidden name=token value="t-81"></form><p id=n>7</body></html>"""
FEED = b'<?xml version="1.0"?><feed><entry id="a"><price>12.5</price></entry><entry id="b"><price>3</price></entry></feed>'


async def extracted(hostile: HostileServer, folder: Path, extract: Extract, body: bytes = PAGE, kind: str = "text/html") -> tuple[Any, Any]:
    """Return the row of a request with one extract, and the value that it left."""
    hostile.answer("/page", lambda _request: (Send(reply(body, ("Content-Type", kind))),))
    lines: list[str] = []
    steps = (HttpStep(label=2, method="GET", url="/page", extract=(extract,)), LogStep(text="{{ vars.v | json }}", sample=1.0))
    rows = await run_shard(plan_of(hostile.url, steps, ("p",)), folder, log=lambda _level, text: lines.append(text))
    (row,) = requests(rows)
    return row, json.loads(lines[0]) if lines else None


@pytest.mark.parametrize(
    ("source", "expr", "attr", "pick", "value"),
    [
        ("css", "h1", "", "first", "Lamps and chairs"),
        ("css", "a.item", "href", "all", ["/p/1", "/p/2"]),
        ("css", "a.item", "", "last", "Two"),
        ("css", "input[name=token]", "value", "first", "t-81"),
        ("xpath", "//input[@name='token']/@value", "", "first", "t-81"),
        ("xpath", "//a", "href", 1, "/p/2"),
        ("xpath", "count(//a)", "", "first", 2),
        ("xpath", "string(//p)", "", "first", "7"),
    ],
)
async def test_values_are_found_in_pages(
    hostile: HostileServer, tmp_path: Path, source: str, expr: str, attr: str, pick: str | int, value: Any
) -> None:
    row, found = await extracted(hostile, tmp_path, Extract(name="v", source=source, expr=expr, attr=attr, pick=pick))
    assert (row.outcome, found) == ("ok", value)


async def test_xml_is_read_as_xml(hostile: HostileServer, tmp_path: Path) -> None:
    extract = Extract(name="v", source="xpath", expr="//entry[price > 10]/@id")
    assert (await extracted(hostile, tmp_path, extract, FEED, "application/xml"))[1] == "a"


@pytest.mark.parametrize(("source", "expr"), [("css", "h2"), ("xpath", "//h2")])
async def test_what_is_not_there_is_a_miss(hostile: HostileServer, tmp_path: Path, source: str, expr: str) -> None:
    row, found = await extracted(hostile, tmp_path, Extract(name="v", source=source, expr=expr))
    assert (row.outcome, found) == ("extract_miss", None)
    assert row.error == f"extract v: nothing found by {source} {expr}"


async def test_a_body_without_markup_is_a_miss_that_says_so(hostile: HostileServer, tmp_path: Path) -> None:
    row, _ = await extracted(hostile, tmp_path, Extract(name="v", source="css", expr="h1"), b"", "text/html")
    assert (row.outcome, "no HTML or XML" in row.error) == ("extract_miss", True)
    (other := tmp_path / "other").mkdir()
    broken, _ = await extracted(hostile, other, Extract(name="v", source="xpath", expr="//a"), b"<a><b>", "text/xml")
    assert (broken.outcome, "no HTML or XML" in broken.error) == ("extract_miss", True)


async def test_an_entity_of_a_document_is_not_fetched(hostile: HostileServer, tmp_path: Path) -> None:
    evil = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
    row, found = await extracted(hostile, tmp_path, Extract(name="v", source="xpath", expr="string(/a)"), evil, "text/xml")
    assert (row.outcome, found) == ("ok", "")


def test_malformed_selectors_are_told() -> None:
    with pytest.raises(ValueError, match="not a CSS selector"):
        compile_css("a[")
    with pytest.raises(ValueError, match="not an XPath expression"):
        compile_xpath("//[")


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}},
    "$defs": {"item": {"type": "object", "properties": {"id": {"type": "integer"}}}},
}
FITS, FITS_NOT = b'{"items": [{"id": 1}, {"id": 2}]}', b'{"items": [{"id": 1}, {"id": "2"}]}'


@pytest.mark.parametrize(
    ("body", "negated", "error"),
    [
        (FITS, False, ""),
        (FITS_NOT, False, "check schema a.json: $.items[*].id breaks type"),
        (b"{}", False, "check schema a.json: $ breaks required"),
        (b"<html>", False, "check schema a.json: the body is not JSON"),
        (FITS_NOT, True, ""),
        (FITS, True, "check schema a.json: must not hold"),
    ],
)
async def test_a_body_is_held_against_a_schema(hostile: HostileServer, tmp_path: Path, body: bytes, negated: bool, error: str) -> None:
    hostile.answer("/json", lambda _request: (Send(reply(body)),))
    check = Check(kind="schema", op="matches", value=json.dumps(SCHEMA), negated=negated, text="schema a.json")
    steps = (HttpStep(label=2, method="GET", url="/json", check=(check,)),)
    (row,) = requests(await run_shard(plan_of(hostile.url, steps, ("j",)), tmp_path))
    assert (row.outcome, row.error) == ("check_failed" if error else "ok", error)


@pytest.mark.parametrize(
    "check",
    [
        Check(kind="status", op="in", value=[200]),
        Check(kind="title", op="equals", value="Shop & more"),
        Check(kind="body_contains", op="contains", value="Lamps"),
        Check(kind="body_matches", op="matches", value=r"t-\d+"),
        Check(kind="header", op="equals", subject="X-Kind", value="page"),
        Check(kind="header", op="exists", subject="X-Kind", value=True),
        Check(kind="content_type", op="contains", value="text/html"),
        Check(kind="redirect", op="matches", value="*/page"),
    ],
    ids=lambda check: f"{check.kind}-{check.op}",
)
async def test_each_check_of_a_page_holds_and_fails_and_can_be_turned_round(hostile: HostileServer, tmp_path: Path, check: Check) -> None:
    hostile.answer("/page", lambda _request: (Send(reply(PAGE, ("Content-Type", "text/html"), ("X-Kind", "page"))),))
    other = reply(b"<title>Oops</title>", ("Content-Type", "text/plain"), status=201)
    hostile.answer("/other", lambda _request: (Send(other),))
    turned = Check(kind=check.kind, op=check.op, value=check.value, subject=check.subject, negated=True)
    steps = tuple(
        HttpStep(label=2, method="GET", url=url, check=(each,), on_error="continue")
        for each in (check, turned)
        for url in ("/page", "/other")
    )
    rows = requests(await run_shard(plan_of(hostile.url, steps, ("p",)), tmp_path))
    assert [row.outcome for row in rows] == ["ok", "check_failed", "check_failed", "ok"]
