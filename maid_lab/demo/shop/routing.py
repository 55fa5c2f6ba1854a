"""From method and path to the function that answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from maid_lab.demo.shop.answer import Answer, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["BadRequest", "Call", "Route", "Router", "whole"]


class BadRequest(Exception):
    """The client's fault; becomes an answer of status 400."""


class Call:
    """One request as its function sees it."""

    __slots__ = ("_query", "body", "headers", "method", "param", "path")

    def __init__(self, method: str, path: str, param: str, query: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        #: Last segment of the path where the route ends with one, else empty.
        self.param = param
        self.headers = headers
        self.body = body
        self._query = query

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; the last of a name wins."""
        return dict(parse_qsl(self._query, keep_blank_values=True))

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number from the query."""
        return whole(self.query.get(name, str(default)), f"query parameter {name}", low=low, high=high)

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object."""
        try:
            value = json.loads(self.body)
        except ValueError as wrong:
            raise BadRequest(f"the body is not JSON: {wrong}") from None
        if not isinstance(value, dict):
            raise BadRequest("the body is not a JSON object")
        return value

    def form(self) -> dict[str, str]:
        """Return the fields of a submitted form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


def whole(text: str, what: str, *, low: int, high: int) -> int:
    """Return `text` as a whole number within a range, or say what is wrong with it."""
    if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
        raise BadRequest(f"{what} must be a whole number from {low} to {high}, not {text!r}")
    return int(text)


class Route:
    """A function, its name in the counts, and the counts."""

    __slots__ = ("answered", "begun", "function", "is_control", "name")

    def __init__(self, name: str, function: Callable[[Call], Answer], *, is_control: bool = False) -> None:
        self.name = name
        self.function = function
        self.is_control = is_control
        self.begun = 0
        self.answered = 0


class Router:
    """Looks routes up by exact path first, then by the path up to its last slash.

    All paths of the shop are fixed but for their last segment, so two dictionaries do, where matching patterns in turn would cost more
    than the work itself. What fits no route is answered and counted by one named `unknown`.
    """

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._open: dict[str, dict[str, Route]] = {}
        self._unknown = Route("unknown", self._answer_unknown)

    def add(self, name: str, function: Callable[[Call], Answer], *, is_control: bool = False) -> None:
        """Add a route by its name, such as `GET /products/{sku}`; HEAD is answered wherever GET is."""
        method, _, path = name.partition(" ")
        fixed, brace, _ = path.partition("{")
        table = self._open if brace else self._exact
        methods = table.setdefault(fixed, {})
        methods[method] = Route(name, function, is_control=is_control)
        if method == "GET":
            methods["HEAD"] = Route(f"HEAD {path}", function, is_control=is_control)

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """Return the route and the value of its last segment."""
        methods = self._exact.get(path)
        param = ""
        if methods is None:
            cut = path.rfind("/") + 1
            methods = self._open.get(path[:cut])
            param = path[cut:]
            if methods is None or not param:
                return self._unknown, ""
            if "%" in param:
                param = unquote(param)
        return methods.get(method, self._unknown), param

    def _answer_unknown(self, call: Call) -> Answer:
        path = call.path
        methods = self._exact.get(path) or self._open.get(path[: path.rfind("/") + 1])
        if not methods:
            return problem(404, f"there is nothing at {path}")
        allow = (("Allow", ", ".join(sorted(methods))),)
        return (
            Answer(status=204, headers=allow) if call.method == "OPTIONS" else problem(405, f"{path} knows no {call.method}", headers=allow)
        )

    def __iter__(self) -> Iterator[Route]:
        for table in (self._exact, self._open):
            for methods in table.values():
                yield from methods.values()
        yield self._unknown
