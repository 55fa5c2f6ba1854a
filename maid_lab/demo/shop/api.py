"""The shop's JSON interface: goods, log-in, cart and checkout."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from maid_lab.demo.shop.accounts import PASSWORD, Accounts, Token
from maid_lab.demo.shop.answer import Answer, json_answer, problem
from maid_lab.demo.shop.routing import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.demo.shop.catalog import Catalog, Product
    from maid_lab.demo.shop.routing import Call, Router
    from maid_lab.demo.switches import Switches

__all__ = ["Api"]

_PAGE: Final = 20
_LARGEST_PAGE: Final = 100
_MOST_OF_ONE: Final = 99
#: Search terms that are answered fast because they were asked before; as many as a small cache in front of a real search would hold.
_WARM_TERMS: Final = 1000


class Api:
    """Routes of the JSON interface.

    Parameters
    ----------
    switches : callable
        Gives the switches of this moment: how long tokens live and what a cold search costs.
    """

    def __init__(self, catalog: Catalog, accounts: Accounts, switches: Callable[[], Switches]) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._switches = switches
        self._orders = itertools.count(1)
        self._warm: OrderedDict[str, Answer] = OrderedDict()
        self._products = {product.sku: json_answer(product.to_json()) for product in catalog.products}
        self._pages: dict[tuple[int, int], Answer] = {}
        self._first = self._page(1, _PAGE)

    def add_to(self, router: Router) -> None:
        """Register all routes."""
        for name, function in (
            ("GET /products", self.products),
            ("GET /products/{sku}", self.product),
            ("GET /search", self.search),
            ("POST /login", self.login),
            ("POST /login/refresh", self.refresh),
            ("GET /cart", self.cart),
            ("POST /cart", self.add_to_cart),
            ("DELETE /cart", self.empty_cart),
            ("POST /checkout", self.checkout),
        ):
            router.add(name, function)

    def products(self, call: Call) -> Answer:
        """Give one page of the list; an unknown page is an empty one, as lists that shrink while being walked need it."""
        if not call.query:
            return self._first
        page = call.number("page", 1, low=1, high=1_000_000)
        size = call.number("size", _PAGE, low=1, high=_LARGEST_PAGE)
        if (page - 1) * size >= len(self._catalog.products):
            return json_answer({"items": [], "page": page, "size": size, "next": None} | self._totals(size))
        return self._page(page, size)

    def product(self, call: Call) -> Answer:
        """Give one product."""
        return self._products.get(call.param) or problem(404, f"there is no product {call.param!r}")

    def search(self, call: Call) -> Answer:
        """Find products by words; the first time a term is asked is slower than the next ones, and `X-Cache` says which it was."""
        term = " ".join(call.query.get("q", "").lower().split())
        if not term:
            raise BadRequest("query parameter q is missing or empty")
        if term in self._warm:
            self._warm.move_to_end(term)
            return self._warm[term]
        found = [product.to_json() for product in self._catalog.search(term)[:_PAGE]]
        content = {"q": term, "items": found, "total": len(self._catalog.search(term))}
        self._warm[term] = json_answer(content, headers=(("X-Cache", "hit"),))
        if len(self._warm) > _WARM_TERMS:
            self._warm.popitem(last=False)
        cold = json_answer(content, headers=(("X-Cache", "miss"),))
        cold.after_s = self._switches().cold_ms / 1000
        return cold

    def login(self, call: Call) -> Answer:
        """Give a token for an e-mail and the password."""
        body = call.json()
        email = body.get("email")
        if not isinstance(email, str) or "@" not in email:
            raise BadRequest("email is missing or is none")
        if body.get("password") != PASSWORD:
            return problem(401, "wrong password")
        return _token_answer(self._accounts.open(self._switches().token_ttl_s))

    def refresh(self, call: Call) -> Answer:
        """Give a new token of the same session for a refresh token."""
        token = self._accounts.renew(str(call.json().get("refresh_token", "")), self._switches().token_ttl_s)
        return problem(401, "the refresh token is not known here") if token is None else _token_answer(token)

    def cart(self, call: Call) -> Answer:
        """Give the cart."""
        session = self._session(call)
        return _unauthorised() if session is None else json_answer(self._cart_content(session))

    def add_to_cart(self, call: Call) -> Answer:
        """Put a product into the cart."""
        session = self._session(call)
        if session is None:
            return _unauthorised()
        product, qty = self._wanted(call.json())
        cart = self._accounts.cart(session)
        cart[product.sku] = min(cart.get(product.sku, 0) + qty, _MOST_OF_ONE)
        return json_answer(self._cart_content(session), status=201)

    def empty_cart(self, call: Call) -> Answer:
        """Take everything out of the cart."""
        session = self._session(call)
        if session is None:
            return _unauthorised()
        self._accounts.forget_cart(session)
        return Answer(status=204)

    def checkout(self, call: Call) -> Answer:
        """Turn the cart into an order; an empty one cannot be ordered."""
        session = self._session(call)
        if session is None:
            return _unauthorised()
        reference = call.json().get("order")
        content = self._cart_content(session)
        if not content["items"]:
            return problem(409, "the cart is empty")
        self._accounts.forget_cart(session)
        return json_answer({"order": next(self._orders), "reference": reference, **content}, status=201)

    def _session(self, call: Call) -> int | None:
        return self._accounts.session(call.headers.get("Authorization", ""))

    def _wanted(self, body: dict[str, Any]) -> tuple[Product, int]:
        product = self._catalog.by_sku.get(str(body.get("sku")))
        qty = body.get("qty", 1)
        if product is None:
            raise BadRequest(f"there is no product {body.get('sku')!r}")
        if not isinstance(qty, int) or isinstance(qty, bool) or not 1 <= qty <= _MOST_OF_ONE:
            raise BadRequest(f"qty must be a whole number from 1 to {_MOST_OF_ONE}, not {qty!r}")
        return product, qty

    def _cart_content(self, session: int) -> dict[str, Any]:
        lines = [(self._catalog.by_sku[sku], qty) for sku, qty in self._accounts.cart(session).items()]
        items = [{"sku": product.sku, "qty": qty, "price": product.price_cents / 100} for product, qty in lines]
        return {"items": items, "total": sum(product.price_cents * qty for product, qty in lines) / 100}

    def _page(self, page: int, size: int) -> Answer:
        answer = self._pages.get((page, size))
        if answer is None:
            items = self._catalog.products[(page - 1) * size : page * size]
            totals = self._totals(size)
            follows = page + 1 if page < totals["pages"] else None
            content = {"items": [item.to_json() for item in items], "page": page, "size": size, "next": follows}
            answer = self._pages[page, size] = json_answer(content | totals)
        return answer

    def _totals(self, size: int) -> dict[str, int]:
        total = len(self._catalog.products)
        return {"pages": -(-total // size), "total": total}


def _token_answer(token: Token) -> Answer:
    content = {"token": token.text, "refresh_token": token.refresh, "expires_in": token.expires_in_s}
    return json_answer(content, headers=(("Cache-Control", "no-store"),))


def _unauthorised() -> Answer:
    return problem(401, "log in first: the token is missing, forged or past its end", headers=(("WWW-Authenticate", "Bearer"),))
