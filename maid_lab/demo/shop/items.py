"""A plain resource to create, read, update and delete."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from maid_lab.demo.shop.answer import Answer, json_answer, problem
from maid_lab.demo.shop.routing import BadRequest

if TYPE_CHECKING:
    from maid_lab.demo.shop.accounts import Accounts
    from maid_lab.demo.shop.routing import Call, Router

__all__ = ["Items"]

#: The oldest items make room, so that a long run that only creates does not fill the memory.
_KEPT: Final = 50_000
_LONGEST: Final = 10_000
_LARGEST_PAGE: Final = 100


class Items:
    """Routes below `/items`. No token is needed, but one that is sent must be good."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._ids = itertools.count(1)
        self._items: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def add_to(self, router: Router) -> None:
        """Register all routes."""
        router.add("GET /items", self.list)
        router.add("POST /items", self.create)
        router.add("GET /items/{id}", self.read)
        router.add("PUT /items/{id}", self.replace)
        router.add("PATCH /items/{id}", self.update)
        router.add("DELETE /items/{id}", self.delete)

    def list(self, call: Call) -> Answer:
        """Give the newest items first."""
        if refused := self._refused(call):
            return refused
        size = call.number("size", 20, low=1, high=_LARGEST_PAGE)
        items = list(itertools.islice(reversed(self._items.values()), size))
        return json_answer({"items": items, "total": len(self._items)})

    def create(self, call: Call) -> Answer:
        """Make an item under the next number."""
        if refused := self._refused(call):
            return refused
        key = str(next(self._ids))
        self._items[key] = _content(call) | {"id": int(key), "version": 1}
        if len(self._items) > _KEPT:
            self._items.popitem(last=False)
        return json_answer(self._items[key], status=201, headers=(("Location", f"/items/{key}"),))

    def read(self, call: Call) -> Answer:
        """Give one item."""
        item = self._items.get(call.param)
        return self._refused(call) or (_missing(call) if item is None else json_answer(item))

    def replace(self, call: Call) -> Answer:
        """Put another content in place of an item's."""
        return self._change(call, keep=False)

    def update(self, call: Call) -> Answer:
        """Change some fields of an item."""
        return self._change(call, keep=True)

    def delete(self, call: Call) -> Answer:
        """Remove an item."""
        if refused := self._refused(call):
            return refused
        return _missing(call) if self._items.pop(call.param, None) is None else Answer(status=204)

    def _change(self, call: Call, *, keep: bool) -> Answer:
        if refused := self._refused(call):
            return refused
        item = self._items.get(call.param)
        if item is None:
            return _missing(call)
        fixed = {"id": item["id"], "version": item["version"] + 1}
        self._items[call.param] = (item if keep else {}) | _content(call) | fixed
        return json_answer(self._items[call.param])

    def _refused(self, call: Call) -> Answer | None:
        header = call.headers.get("Authorization")
        if header is None or self._accounts.session(header) is not None:
            return None
        return problem(401, "the token is forged or past its end", headers=(("WWW-Authenticate", "Bearer"),))


def _content(call: Call) -> dict[str, Any]:
    if len(call.body) > _LONGEST:
        raise BadRequest(f"an item has at most {_LONGEST} bytes")
    return call.json()


def _missing(call: Call) -> Answer:
    return problem(404, f"there is no item {call.param!r}")
