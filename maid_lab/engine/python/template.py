"""Requests of a scenario's code: values as they are, with nothing to be looked up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urljoin

from maid_lab._version import __version__
from maid_lab.engine.http import request as wire
from maid_lab.engine.http.request import CookieRequest, Request

if TYPE_CHECKING:
    from maid_lab.engine.http.origin import Base, Origin
    from maid_lab.model.plan import Route

__all__ = ["CodeTemplate", "Values", "values_of"]

_DEFAULTS: Final = (("User-Agent", f"maid-lab/{__version__}"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"))


class Values:
    """What one request sends: URL with its query, headers, body."""

    __slots__ = ("body", "has_cookies", "headers", "url")

    def __init__(self, url: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.url = url
        self.headers = headers
        self.body = body
        self.has_cookies = False


def values_of(url: str, *, params: Any = None, headers: Any = None, json_: Any = None, form: Any = None, data: Any = None) -> Values:
    """Return what a request sends.

    Raises
    ------
    ValueError, TypeError
        If there are two bodies, or a value cannot be sent; says which.
    """
    given = [(name, value) for name, value in (("json", json_), ("form", form), ("data", data)) if value is not None]
    if len(given) > 1:
        raise ValueError(f"a request has one body: give either {' or '.join(name for name, _ in given)}")
    body, kind = b"", ""
    for name, value in given:
        body, kind = _encoded(name, value)
    if params:
        pairs = list(params.items()) if hasattr(params, "items") else list(params)
        url += ("&" if "?" in url else "?") + urlencode([(key, _text(value)) for key, value in _flat(pairs)], quote_via=quote)
    own = [(str(name), _text(value)) for name, value in (headers.items() if hasattr(headers, "items") else headers or ())]
    names = {name.lower() for name, _ in own}
    defaults = (*_DEFAULTS, ("Content-Type", kind)) if kind else _DEFAULTS
    pairs = own + [(name, value) for name, value in defaults if name.lower() not in names]
    for name, value in pairs:
        if wire._FORBIDDEN.search(name + value):
            raise ValueError(f"header {name!r} holds a line break or another control character")
    values = Values(url, pairs, body)
    values.has_cookies = "cookie" in names
    return values


def _encoded(name: str, value: Any) -> tuple[bytes, str]:
    if name == "json":
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), "application/json"
    if name == "form":
        pairs = list(value.items()) if hasattr(value, "items") else list(value)
        return urlencode([(key, _text(item)) for key, item in _flat(pairs)]).encode(), "application/x-www-form-urlencoded"
    if isinstance(value, str):
        return value.encode(), "text/plain; charset=utf-8"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), "application/octet-stream"
    raise TypeError(f"data is text or bytes, not {type(value).__name__}; json and form take other values")


def _flat(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Give each value of a list its own pair."""
    return [(key, item) for key, value in pairs for item in (value if isinstance(value, list | tuple) else (value,))]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


class CodeTemplate:
    """Renders requests from values: its own, or those that the user brings.

    Parameters
    ----------
    method : str
        HTTP method.
    route : Route
        How hosts are reached.
    values : Values, optional
        Of a request that never changes; without them each call brings its own in `user.values`.
    """

    def __init__(self, method: str, route: Route, values: Values | None = None) -> None:
        self._method = method
        self._route = route
        self._values = values
        self.is_constant = values is not None

    def render(self, user: Any) -> Request:
        """Return the request for a user.

        Raises
        ------
        MaidError
            If the URL is malformed, relative without a base, or its host is not a target of the plan.
        """
        values: Values = self._values or user.values
        origin, target = self._locate(user, values.url)
        kind = CookieRequest if values.has_cookies else Request
        return kind.of(origin, self._method, target, values.headers, values.body)

    def follow(self, user: Any, request: Request, status: int, location: str) -> Request:
        """Return the request that a redirect asks for, as `RequestTemplate.follow` does."""
        values: Values = self._values or user.values
        url = urljoin(request.url, location)
        origin: Origin = user.shard.origins.base(url, self._route).origin
        becomes_get = (status in (301, 302) and request.method == "POST") or (status == 303 and request.method not in ("GET", "HEAD"))
        dropped = {"content-type", "content-length"} if becomes_get else set()
        is_foreign = request.is_foreign or origin is not request.origin
        if is_foreign:
            dropped |= wire._PRIVATE
        headers = [(name, value) for name, value in values.headers if name.lower() not in dropped]
        method, body = ("GET", b"") if becomes_get else (request.method, request.body)
        kind = CookieRequest if values.has_cookies else Request
        following = kind.of(origin, method, wire._target(url), headers, body)
        following.is_foreign = is_foreign
        return following

    def _locate(self, user: Any, url: str) -> tuple[Origin, str]:
        origins = user.shard.origins
        if wire._ABSOLUTE.match(url):
            return origins.base(url, self._route).origin, wire._target(url)
        base: Base = user.base if user.base is not None else user.base_for()
        origin = origins.origin(base.origin.scheme, base.origin.host, base.origin.port, self._route)
        return origin, base.path + wire._target(url if url.startswith("/") else f"/{url}")
