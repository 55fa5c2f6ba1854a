from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from xml.etree import ElementTree

from tests.demo.client import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., Reply]

FORM: Final = {"Content_Type": "application/x-www-form-urlencoded"}


class Links(HTMLParser):
    """Collects what a page links to and loads."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.places |= {value for name, value in attrs if name in ("href", "src") and value}


def log_in(ask: Ask, **fields: str) -> Reply:
    match = re.search(rb'name="csrf" value="([^"]+)"', ask("GET", "/pages/login").body)
    assert match is not None
    filled = {"csrf": match.group(1).decode(), "email": "ada@example.test", "password": "demo"} | fields
    return ask("POST", "/pages/login", urlencode(filled).encode(), **FORM)


def test_every_link_of_the_site_leads_to_something_it_serves_itself(ask: Ask) -> None:
    seen, left = set(), {"/"}
    while left:
        place = left.pop()
        seen.add(place)
        answer = ask("GET", place)
        assert answer.status == 200, place
        if answer.headers["content-type"].startswith("text/html"):
            found = Links(answer.body).places
            assert all(each.startswith("/") and not each.startswith("//") for each in found)
            left |= found - seen
    assert {"/assets/shop.css", "/assets/shop.js", "/assets/logo.svg", "/assets/garden.svg", "/pages/login"} <= seen
    assert len([place for place in seen if place.startswith("/pages/product/")]) == 240


def test_pictures_are_well_formed(ask: Ask) -> None:
    for name in ("lighting", "seating", "tables", "textiles", "kitchen", "garden", "logo"):
        assert ElementTree.fromstring(ask("GET", f"/assets/{name}.svg").body).tag.endswith("svg")


def test_the_form_lets_in_with_its_hidden_field_only(ask: Ask) -> None:
    inside = log_in(ask)
    assert (inside.status, inside.headers["location"]) == (303, "/pages/account")
    cookie = inside.headers["set-cookie"].partition(";")[0]
    assert b"Welcome back" in ask("GET", "/pages/account", Cookie=f"other=1; {cookie}").body
    assert log_in(ask, csrf="f.1.0.forged").status == 403
    wrong = log_in(ask, password="guess")
    assert (wrong.status, b'role="alert"' in wrong.body) == (401, True)


def test_the_account_is_closed_without_a_cookie(ask: Ask) -> None:
    for cookie in ("", "shop_session=t.1.0.forged"):
        answer = ask("GET", "/pages/account", Cookie=cookie)
        assert (answer.status, answer.headers["location"]) == (303, "/pages/login")


def test_what_is_not_there_is_not_found(ask: Ask) -> None:
    paths = ("/pages/product/SKU-9999", "/assets/none.css", "/assets/..%2fpages.py", "/pages/", "/nothing")
    assert [ask("GET", path).status for path in paths] == [404] * 5
    assert ask("GET", "/pages/products?page=0").status == 400
