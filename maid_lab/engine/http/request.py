"""Request bytes: what does not change is encoded once, the rest for each request."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from maid_lab._version import __version__
from maid_lab.engine.http.origin import Base
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from maid_lab.engine.http.origin import Origin
    from maid_lab.engine.user import VirtualUser
    from maid_lab.model.plan import HttpStep

__all__ = ["Request", "RequestTemplate"]

_SAFE_PATH: Final = "/:@!$&'()*+,;=-._~%"
_SAFE_QUERY: Final = _SAFE_PATH + '?[]|"`{}^<>\\'
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONTENT_TYPES: Final = {"json": "application/json", "form": "application/x-www-form-urlencoded", "text": "text/plain; charset=utf-8"}
_ABSOLUTE: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


class Request:
    """One rendered request before cookies.

    Attributes
    ----------
    target : str
        Path and query as sent.
    lines : bytes
        Request line and headers without the final empty line.
    tail : bytes
        Empty line and body.
    """

    __slots__ = ("body", "lines", "method", "origin", "tail", "target")

    def __init__(self, origin: Origin, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.origin = origin
        self.method = method
        self.target = target
        self.body = body
        text = [f"{method} {target} HTTP/1.1\r\nHost: {_host(headers) or origin.host_header}\r\n"]
        text += [f"{name}: {value}\r\n" for name, value in headers if name.lower() != "host"]
        if body or method in ("POST", "PUT", "PATCH"):
            text.append(f"Content-Length: {len(body)}\r\n")
        self.lines = "".join(text).encode("utf-8")
        self.tail = b"\r\n" + body

    def wire(self, user: VirtualUser) -> bytes:
        """Return the bytes to send, with the user's cookies."""
        jar = user.jar
        if jar is None or not len(jar):
            return self.lines + self.tail
        cookies = jar.header(host=self.origin.host, path=self.target, secure=self.origin.context is not None)
        return self.lines + (f"Cookie: {cookies}\r\n".encode() if cookies else b"") + self.tail

    @property
    def url(self) -> str:
        """The absolute URL."""
        return f"{self.origin!r}{self.target}"


class RequestTemplate:
    """A step's request, compiled.

    Parameters
    ----------
    step : HttpStep
        The step of the plan.

    Attributes
    ----------
    is_constant : bool
        Whether the request is the same for all users but for base URL and cookies.
    """

    def __init__(self, step: HttpStep) -> None:
        self._step = step
        self._url = compile_value(step.url)
        self._params = compile_value(dict(step.params)) if len(dict(step.params)) == len(step.params) else _pairs(step.params)
        self._headers = [(name, compile_value(value)) for name, value in _headers(step)]
        self._cookies = [(name, compile_value(value)) for name, value in step.cookies]
        self._body = _body(step)
        parts = [self._url, self._params, self._body, *(value for _, value in self._headers + self._cookies)]
        self.is_constant = not any(callable(part) for part in parts)

    def render(self, user: VirtualUser) -> Request:
        """Return the request for a user.

        Raises
        ------
        ValueError
            If an expression has no value, or a value cannot stand in a header.
        MaidError
            If the URL is malformed or its host is not a target of the plan.
        """
        scope = user.scope
        step = self._step
        origin, target = self._locate(user, str(_value(self._url, scope)), _value(self._params, scope))
        headers = [(name, _header_value(name, _value(value, scope))) for name, value in self._headers]
        if self._cookies:
            cookies = "; ".join(f"{name}={_value(value, scope)}" for name, value in self._cookies)
            headers.append(("Cookie", _header_value("Cookie", cookies)))
        return Request(origin, step.method, target, headers, self._encode_body(scope))

    def follow(self, user: VirtualUser, request: Request, status: int, location: str) -> Request:
        """Return the request that a redirect asks for.

        GET replaces POST for 301 and 302, and any method but HEAD for 303 (Fetch standard, HTTP-redirect fetch).
        """
        step = self._step
        base = user.shard.origins.base(urljoin(request.url, location), step.tls)
        target = _target(urljoin(request.url, location))
        becomes_get = (status in (301, 302) and request.method == "POST") or (status == 303 and request.method not in ("GET", "HEAD"))
        method = "GET" if becomes_get else request.method
        dropped = {"content-type", "content-length"} if becomes_get else set()
        if base.origin is not request.origin:
            dropped |= {"authorization", "cookie", "host"}
        headers = [(name, _header_value(name, _value(value, user.scope))) for name, value in self._headers if name.lower() not in dropped]
        return Request(base.origin, method, target, headers, b"" if becomes_get else request.body)

    def _locate(self, user: VirtualUser, url: str, params: Any) -> tuple[Origin, str]:
        if _ABSOLUTE.match(url):
            base = user.shard.origins.base(url, self._step.tls)
            origin, target = base.origin, _target(url)
        else:
            base = user.base if isinstance(user.base, Base) else user.base_for(self._step.tls)
            origin = user.shard.origins.origin(base.origin.scheme, base.origin.host, base.origin.port, self._step.tls)
            target = base.path + _target(url if url.startswith("/") else f"/{url}")
        if params:
            query = urlencode(
                [(key, _text(value)) for key, value in (params.items() if isinstance(params, dict) else params)], quote_via=quote
            )
            target += ("&" if "?" in target else "?") + query
        return origin, target

    def _encode_body(self, scope: Any) -> bytes:
        if self._body is None:
            return b""
        if isinstance(self._body, bytes):
            return self._body
        kind = self._step.body.kind if self._step.body else "text"
        return _encode(kind, self._body(scope))


def _body(step: HttpStep) -> Any:
    if step.body is None:
        return None
    if step.body.kind == "file":
        return Path(str(step.body.value)).read_bytes()
    value = compile_value(step.body.value)
    return value if callable(value) else _encode(step.body.kind, value)


def _encode(kind: str, value: Any) -> bytes:
    if kind == "json":
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    if kind == "form":
        return urlencode([(key, _text(item)) for key, item in value.items()]).encode()
    return _text(value).encode()


def _headers(step: HttpStep) -> list[tuple[str, str]]:
    """Headers of the step before and after the defaults that it does not set itself."""
    given = {name.lower() for name, _ in step.headers}
    defaults = [("User-Agent", f"maid-lab/{__version__}"), ("Accept", "*/*")]
    if step.gzip:
        defaults.append(("Accept-Encoding", "gzip, deflate"))
    if step.body is not None and step.body.kind in _CONTENT_TYPES:
        defaults.append(("Content-Type", _CONTENT_TYPES[step.body.kind]))
    if step.auth:
        defaults.append(("Authorization", _authorization(step.auth)))
    if step.reuse == "none":
        defaults.append(("Connection", "close"))
    return [*step.headers, *((name, value) for name, value in defaults if name.lower() not in given)]


def _authorization(auth: tuple[str, ...]) -> str:
    if auth[0] == "bearer":
        return f"Bearer {auth[1]}"
    user, password = auth[1], auth[2]
    if "{{" in user + password:
        # The grammar of expressions has the filter: the pair is encoded when the values are there.
        return f"Basic {{{{ ({_operand(user)} + ':' + {_operand(password)}) | b64 }}}}"
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _operand(text: str) -> str:
    match = re.fullmatch(r"\{\{(.*)\}\}", text.strip(), re.DOTALL)
    return f"({match.group(1).strip()})" if match else json.dumps(text)


def _host(headers: list[tuple[str, str]]) -> str:
    return next((value for name, value in headers if name.lower() == "host"), "")


def _pairs(params: tuple[tuple[str, str], ...]) -> Any:
    compiled = [(name, compile_value(value)) for name, value in params]
    if not any(callable(value) for _, value in compiled):
        return compiled
    return lambda scope: [(name, _value(value, scope)) for name, value in compiled]


def _value(compiled: Any, scope: Any) -> Any:
    return compiled(scope) if callable(compiled) else compiled


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _header_value(name: str, value: Any) -> str:
    text = _text(value)
    if _FORBIDDEN.search(text):
        raise ValueError(f"the value of header {name} holds a line break or another control character")
    return text


def _target(url: str) -> str:
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe=_SAFE_PATH)
    return f"{path}?{quote(parts.query, safe=_SAFE_QUERY)}" if parts.query else path
