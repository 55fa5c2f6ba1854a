from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from maid_lab.demo.shop.catalog import Catalog
from tests.demo.client import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.launch import DemoProcess

    Ask = Callable[..., Reply]


def test_goods_follow_from_the_seed_and_skus_do_not() -> None:
    assert Catalog(1).products == Catalog(1).products
    assert Catalog(1).products != Catalog(2).products
    assert list(Catalog(1).by_sku) == list(Catalog(2).by_sku)


def test_walking_the_list_shows_each_product_once(ask: Ask) -> None:
    skus, page = [], 1
    while page:
        content = ask("GET", f"/products?page={page}&size=37").json
        skus += [item["sku"] for item in content["items"]]
        page = content["next"]
    assert skus == list(Catalog(1).by_sku)
    assert (content["total"], content["pages"]) == (len(skus), -(-len(skus) // 37))


def test_the_list_begins_with_twenty_products_and_has_the_nine_pages_that_recipes_ask_for(ask: Ask) -> None:
    assert ask("GET", "/products").json == ask("GET", "/products?page=1&size=20").json
    assert [len(ask("GET", f"/products?page={page}").json["items"]) for page in range(1, 10)] == [20] * 9
    assert ask("GET", "/products?page=99").json["items"] == []


def test_a_product_is_what_the_list_says(ask: Ask) -> None:
    listed = ask("GET", "/products").json["items"][3]
    assert ask("GET", f"/products/{listed['sku']}").json == listed == Catalog(1).by_sku[listed["sku"]].to_json()
    assert ask("GET", "/products/SKU-9999").status == 404


@pytest.mark.parametrize("term", ["lamp", "chair", "desk", "Oak  LAMP"])
def test_a_search_finds_all_products_with_its_words(ask: Ask, term: str) -> None:
    found = ask("GET", f"/search?q={term.replace(' ', '+')}").json
    expected = [item.to_json() for item in Catalog(1).products if all(word in item.name for word in term.lower().split())]
    assert (found["items"], found["total"]) == (expected[:20], len(expected))
    assert ask("GET", "/search").status == 400


def test_the_first_search_is_cold_and_the_next_is_warm(calm: DemoProcess, ask: Ask) -> None:
    calm.switch(cold_ms=60)
    answers, seconds = [], []
    for _ in range(2):
        started = time.monotonic()
        answers.append(ask("GET", "/search?q=never+asked+before"))
        seconds.append(time.monotonic() - started)
    assert [answer.headers["x-cache"] for answer in answers] == ["miss", "hit"]
    assert answers[0].json == answers[1].json
    assert seconds[0] >= 0.06


def test_a_log_in_needs_an_address_and_the_password(ask: Ask) -> None:
    good = ask("POST", "/login", {"email": "ada@example.test", "password": "demo"})
    assert (good.status, good.json["expires_in"], good.headers["cache-control"]) == (200, 300, "no-store")
    assert ask("POST", "/login", {"email": "ada@example.test", "password": "guess"}).status == 401
    wrong: tuple[object, ...] = ({"password": "demo"}, [], b"{", None)
    for body in wrong:
        assert ask("POST", "/login", body).status == 400


def test_a_token_ends_after_its_time_and_is_renewed_for_the_same_session(calm: DemoProcess, ask: Ask) -> None:
    calm.switch(token_ttl_s=0.15)
    first = ask("POST", "/login", {"email": "ada@example.test", "password": "demo"}).json
    assert ask("POST", "/cart", {"sku": "SKU-0001"}, Authorization=f"Bearer {first['token']}").status == 201
    time.sleep(0.16)
    assert ask("GET", "/cart", Authorization=f"Bearer {first['token']}").status == 401
    calm.switch(token_ttl_s=60)
    second = ask("POST", "/login/refresh", {"refresh_token": first["refresh_token"]}).json
    assert ask("GET", "/cart", Authorization=f"Bearer {second['token']}").json["items"][0]["sku"] == "SKU-0001"


def test_what_is_no_token_opens_nothing(ask: Ask, bearer: dict[str, Any]) -> None:
    refresh = ask("POST", "/login", {"email": "a@b", "password": "demo"}).json["refresh_token"]
    forged = [bearer["Authorization"][:-1] + "x", f"Bearer {refresh}", "Bearer ", "Basic YTpi", "Bearer t.1.0."]
    for header in forged:
        answer = ask("GET", "/cart", Authorization=header)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert ask("GET", "/cart").status == 401
    assert ask("POST", "/login/refresh", {"refresh_token": bearer["Authorization"].removeprefix("Bearer ")}).status == 401


def test_a_cart_is_filled_emptied_and_ordered(ask: Ask, bearer: dict[str, Any]) -> None:
    price = Catalog(1).by_sku["SKU-0007"].price_cents
    ask("POST", "/cart", {"sku": "SKU-0007", "qty": 2}, **bearer)
    added = ask("POST", "/cart", {"sku": "SKU-0007"}, **bearer)
    content = {"items": [{"sku": "SKU-0007", "qty": 3, "price": price / 100}], "total": 3 * price / 100}
    assert (added.status, added.json) == (201, content)
    assert ask("GET", "/cart", **bearer).json == content
    ordered = ask("POST", "/checkout", {"order": "mine"}, **bearer)
    assert (ordered.status, ordered.json) == (201, {"order": ordered.json["order"], "reference": "mine", **content})
    assert ask("GET", "/cart", **bearer).json == {"items": [], "total": 0}
    assert ask("POST", "/checkout", {"order": "again"}, **bearer).status == 409
    ask("POST", "/cart", {"sku": "SKU-0001"}, **bearer)
    assert ask("DELETE", "/cart", **bearer).status == 204
    assert ask("GET", "/cart", **bearer).json["items"] == []


def test_two_sessions_of_one_address_have_two_carts(ask: Ask, bearer: dict[str, Any]) -> None:
    ask("POST", "/cart", {"sku": "SKU-0001"}, **bearer)
    other = ask("POST", "/login", {"email": "ada@example.test", "password": "demo"}).json["token"]
    assert ask("GET", "/cart", Authorization=f"Bearer {other}").json["items"] == []


@pytest.mark.parametrize("body", [{"sku": "SKU-9999"}, {"sku": "SKU-0001", "qty": 0}, {"sku": "SKU-0001", "qty": True}, {}])
def test_what_cannot_be_put_into_a_cart_is_a_bad_request(ask: Ask, bearer: dict[str, Any], body: dict[str, Any]) -> None:
    assert ask("POST", "/cart", body, **bearer).status == 400


def test_an_item_is_created_read_changed_and_deleted(ask: Ask) -> None:
    made = ask("POST", "/items", {"name": "one", "tags": ["a"]})
    place, number = made.headers["location"], made.json["id"]
    assert (made.status, place) == (201, f"/items/{number}")
    assert ask("GET", place).json == {"name": "one", "tags": ["a"], "id": number, "version": 1}
    assert ask("PATCH", place, {"name": "two"}).json == {"name": "two", "tags": ["a"], "id": number, "version": 2}
    assert ask("PUT", place, {"name": "three", "id": 99}).json == {"name": "three", "id": number, "version": 3}
    assert ask("GET", "/items?size=1").json["items"] == [{"name": "three", "id": number, "version": 3}]
    assert ask("DELETE", place).status == 204
    assert [ask(method, place, {}).status for method in ("GET", "PUT", "PATCH", "DELETE")] == [404] * 4


def test_an_item_is_refused_with_a_bad_token_or_body(ask: Ask, bearer: dict[str, Any]) -> None:
    assert ask("POST", "/items", {"name": "one"}, **bearer).status == 201
    assert ask("POST", "/items", {"name": "one"}, Authorization="Bearer none").status == 401
    assert ask("POST", "/items", b"[1]").status == 400
    assert ask("POST", "/items", {"name": "n" * 20_000}).status == 400
