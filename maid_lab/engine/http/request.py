"""Request bytes: what does not change is encoded once, the rest for each request."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from maid_lab._version import __version__
from maid_lab.engine.http.links import referer_for
from maid_lab.engine.http.multipart import MultipartBody
from maid_lab.engine.http.origin import Base
from maid_lab.model.files import read_planned
from maid_lab.model.templates import compile_value

if TYPE_CHECKING:
    from maid_lab.engine.http.origin import Origin
    from maid_lab.engine.users.user import VirtualUser
    from maid_lab.model.plan import HttpStep

__all__ = ["CookieRequest", "Request", "RequestTemplate"]

_SAFE_PATH: Final = "/:@!$&'()*+,;=-._~%"
_SAFE_QUERY: Final = _SAFE_PATH + '?[]|"`{}^<>\\'
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONTENT_TYPES: Final = {"json": "application/json", "form": "application/x-www-form-urlencoded", "text": "text/plain; charset=utf-8"}
_CLEAN: Final = re.compile(r"[A-Za-z0-9/:@!$&'()*+,;=._~%?-]*")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
#: Headers of a step that are for the host it names, and for no other that a page or a redirect leads to.
_PRIVATE: Final = frozenset({"authorization", "cookie", "host"})
_COOKIE: Final = re.compile(rb"\r\ncookie:[^\r]*", re.IGNORECASE)
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
    headers : list of (str, str) or None
        Those that it was made of, where they are others than the step's.
    is_authorized : bool
        Whether `authorize` was called.
    is_foreign : bool
        It goes to another host than the step's, which is to see no credentials of the step.
    trace_id : int
        Lower 64 bits of the id that its traceparent header carries, 0 for none.
    """

    __slots__ = ("body", "headers", "is_authorized", "is_foreign", "lines", "method", "origin", "tail", "target", "trace_id")

    def __init__(self, origin: Origin, method: str, target: str, lines: bytes, body: bytes) -> None:
        self.origin = origin
        self.method = method
        self.target = target
        self.body = body
        self.lines = lines
        self.trace_id = 0
        self.is_authorized = self.is_foreign = False
        self.headers: list[tuple[str, str]] | None = None
        self.tail = b"\r\n" + body if body else b"\r\n"

    @classmethod
    def of(cls, origin: Origin, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Request:
        """Return a request with these headers, and those that belong to its body."""
        text = [f"{method} {origin.form}{target} HTTP/1.1\r\n{origin.hop_lines}Host: {_host(headers) or origin.host_header}\r\n"]
        text += [f"{name}: {value}\r\n" for name, value in headers if name.lower() != "host"]
        if body or method in _WITH_BODY:
            text.append(f"Content-Length: {len(body)}\r\n")
        return cls(origin, method, target, "".join(text).encode("utf-8"), body)

    def wire(self, user: VirtualUser) -> bytes:
        """Return the bytes to send, with the user's cookies."""
        jar = user.jar
        if jar is None or not len(jar):
            return self.lines + self.tail
        cookies = jar.header(host=self.origin.host, path=self.target, secure=self.origin.context is not None)
        # They go back as the bytes that they came as.
        return self.lines + (f"Cookie: {cookies}\r\n".encode("latin-1") if cookies else b"") + self.tail

    def authorize(self, value: str) -> None:
        """Send this Authorization header, instead of one that was set before."""
        self.is_authorized = True
        self.tail = f"Authorization: {value}\r\n\r\n".encode() + self.body

    @property
    def url(self) -> str:
        """The absolute URL."""
        return f"{self.origin!r}{self.target}"


class CookieRequest(Request):
    """A request with cookies of its own: those of the user stand in the same header, as there may be only one (RFC 6265, section 5.4)."""

    __slots__ = ()

    def wire(self, user: VirtualUser) -> bytes:
        """Return the bytes to send, with the user's cookies."""
        jar, own = user.jar, _COOKIE.search(self.lines)
        if jar is None or own is None:
            return super().wire(user)
        cookies = jar.header(host=self.origin.host, path=self.target, secure=self.origin.context is not None)
        joined = f"; {cookies}".encode("latin-1") if cookies else b""
        return self.lines[: own.end()] + joined + self.lines[own.end() :] + self.tail


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
        self._route = step.route
        self._url = compile_value(step.url)
        self._params = compile_value(dict(step.params)) if len(dict(step.params)) == len(step.params) else _pairs(step.params)
        parts = MultipartBody(step.body.value, _text) if step.body is not None and step.body.kind == "multipart" else None
        headers = [(name, compile_value(value)) for name, value in _headers(step, parts.content_type if parts is not None else "")]
        self._headers = headers + _cookie_header([(name, compile_value(value)) for name, value in step.cookies])
        self._body = _body(step) if parts is None else parts.constant or parts
        varying = [self._url, self._params, self._body, *(value for _, value in self._headers)]
        self.is_constant = not (step.trace or any(callable(part) for part in varying))
        self._pieces = _pieces(self._headers)
        self._request = CookieRequest if any(name == "Cookie" for name, _ in self._headers) else Request
        self._has_host = any(name.lower() == "host" for name, _ in self._headers)
        #: Whether the URL says no host, as far as the recipe says it: an expression at its beginning may give any.
        text = step.url.partition("{{")[0]
        self._is_relative = bool(text) and not _ABSOLUTE.match(text) and ("{{" not in step.url or text.startswith("/"))
        if self._is_relative and isinstance(self._url, str):
            self._url = _path(self._url)
        #: Origin and path prefix by base URL.
        self._places: dict[Base, tuple[Origin, str]] = {}

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
        base = user.base
        url = self._url
        if self._is_relative and base is not None:
            origin, prefix = self._places.get(base) or self._place(user, base)
            target = prefix + (url if isinstance(url, str) else _path(str(url(scope))))
        else:
            origin, target = self._locate(user, str(_value(url, scope)))
        if self._params:
            target += ("&" if "?" in target else "?") + _query(_value(self._params, scope))
        body = b"" if self._body is None else self._body if isinstance(self._body, bytes) else self._encode_body(scope)
        text = [f"{self._step.method} {origin.form}{target} HTTP/1.1\r\n{origin.hop_lines}"]
        if not self._has_host:
            text.append(f"Host: {origin.host_header}\r\n")
        for piece, value in self._pieces:
            text.append(piece)
            if value is not None:
                text.append(_header_value(piece, value(scope)))
        if body or self._step.method in _WITH_BODY:
            text.append(f"Content-Length: {len(body)}\r\n")
        if not self._step.trace:
            return self._request(origin, self._step.method, target, "".join(text).encode("utf-8"), body)
        number, header = user.shard.next_trace()
        request = self._request(origin, self._step.method, target, f"{''.join(text)}{header}".encode(), body)
        request.trace_id = number
        return request

    def request_to(
        self, user: VirtualUser, url: str, method: str, body: bytes, *, page: str, content_type: str = "", accept: str = ""
    ) -> Request:
        """Return a request that a page causes, to an absolute URL that is only known now, with the step's headers and the page as Referer.

        Credentials of the step go to the host that the step names and to no other. `accept` takes the place of the step's Accept header.

        Raises
        ------
        MaidError
            If its host is not a target of the plan.
        """
        base = user.shard.origins.base(url, self._route)
        own = {"content-type", "referer"}
        if accept:
            own.add("accept")
        home = user.base.origin if self._is_relative and user.base is not None else user.shard.origins.base(page, self._route).origin
        if base.origin is not home:
            own |= _PRIVATE
        headers = [(name, _header_value(name, _value(value, user.scope))) for name, value in self._headers if name.lower() not in own]
        added = (("Accept", accept), ("Content-Type", content_type), ("Referer", referer_for(page, url)))
        headers += [(name, value) for name, value in added if value]
        request = self._request.of(base.origin, method, _target(url), headers, body)
        request.is_foreign = base.origin is not home
        request.headers = headers
        return request

    def follow(self, user: VirtualUser, request: Request, status: int, location: str) -> Request:
        """Return the request that a redirect asks for.

        GET replaces POST for 301 and 302, and any method but HEAD for 303; once on another host, no credentials of the step are sent any more
        (Fetch standard, HTTP-redirect fetch).
        """
        step = self._step
        base = user.shard.origins.base(urljoin(request.url, location), self._route)
        target = _target(urljoin(request.url, location))
        becomes_get = (status in (301, 302) and request.method == "POST") or (status == 303 and request.method not in ("GET", "HEAD"))
        method = "GET" if becomes_get else request.method
        dropped = {"content-type", "content-length"} if becomes_get else set()
        is_foreign = request.is_foreign or base.origin is not request.origin
        if is_foreign:
            dropped |= _PRIVATE
        given = request.headers if request.headers is not None else self._headers
        headers = [(name, _header_value(name, _value(value, user.scope))) for name, value in given if name.lower() not in dropped]
        following = self._request.of(base.origin, method, target, headers, b"" if becomes_get else request.body)
        following.is_foreign = is_foreign
        if request.headers is not None:
            following.headers = headers
        if step.trace:
            following.trace_id, header = user.shard.next_trace()
            following.lines += header.encode()
        return following

    def _place(self, user: VirtualUser, base: Base) -> tuple[Origin, str]:
        origin = user.shard.origins.origin(base.origin.scheme, base.origin.host, base.origin.port, self._route)
        place = self._places[base] = origin, base.path
        return place

    def _locate(self, user: VirtualUser, url: str) -> tuple[Origin, str]:
        if _ABSOLUTE.match(url):
            base = user.shard.origins.base(url, self._route)
            return base.origin, _target(url)
        base = user.base if user.base is not None else user.base_for()
        origin, prefix = self._place(user, base)
        return origin, prefix + _path(url)

    def _encode_body(self, scope: Any) -> bytes:
        if self._body is None:
            return b""
        if isinstance(self._body, bytes):
            return self._body
        if isinstance(self._body, MultipartBody):
            return self._body(scope)
        kind = self._step.body.kind if self._step.body else "text"
        return _encode(kind, self._body(scope))


def _body(step: HttpStep) -> Any:
    if step.body is None:
        return None
    if step.body.kind == "file":
        return read_planned(str(step.body.value))
    value = compile_value(step.body.value)
    return value if callable(value) else _encode(step.body.kind, value)


def _encode(kind: str, value: Any) -> bytes:
    if kind == "json":
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    if kind == "form":
        return urlencode([(key, _text(item)) for key, item in value.items()]).encode()
    return _text(value).encode()


def _headers(step: HttpStep, content_type: str) -> list[tuple[str, str]]:
    """Headers of the step before and after the defaults that it does not set itself."""
    given = {name.lower() for name, _ in step.headers}
    defaults = [("User-Agent", f"maid-lab/{__version__}"), ("Accept", "*/*")]
    if step.gzip:
        defaults.append(("Accept-Encoding", "gzip, deflate"))
    if content_type:
        defaults.append(("Content-Type", content_type))
    elif step.body is not None and step.body.kind in _CONTENT_TYPES:
        defaults.append(("Content-Type", _CONTENT_TYPES[step.body.kind]))
    if step.auth[:1] in (("basic",), ("bearer",)):
        defaults.append(("Authorization", _authorization(step.auth)))
    if step.reuse == "none":
        defaults.append(("Connection", "close"))
    own = [("Cookie" if name.lower() == "cookie" else name, value) for name, value in step.headers]
    return [*own, *((name, value) for name, value in defaults if name.lower() not in given)]


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
    text = value if type(value) is str else _text(value)
    if not text.isprintable() and _FORBIDDEN.search(text):
        raise ValueError(f"the value of header {name.rpartition(chr(10))[2].rstrip(': ')} holds a line break or another control character")
    return text


def _pieces(headers: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return header lines as texts, each with the function of the value that follows it, or None: what never changes is one text."""
    pieces: list[tuple[str, Any]] = []
    text = ""
    for name, value in headers:
        text += f"{name}: "
        if callable(value):
            pieces.append((text, value))
            text = "\r\n"
        else:
            text += f"{_header_value(name, value)}\r\n"
    return [*pieces, (text, None)] if text else pieces


def _cookie_header(cookies: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the cookies of a step as one header, none when it has none."""
    if not cookies:
        return []
    if not any(callable(value) for _, value in cookies):
        return [("Cookie", "; ".join(f"{name}={value}" for name, value in cookies))]
    return [("Cookie", lambda scope: "; ".join([f"{name}={_value(value, scope)}" for name, value in cookies]))]


def _path(url: str) -> str:
    """Return path and query of a relative URL as they are sent; one that needs no quoting stays as it is."""
    if url[:1] == "/" and url[:2] != "//" and _CLEAN.fullmatch(url):
        return url
    return _target(url if url.startswith("/") else f"/{url}")


def _query(params: Any) -> str:
    """Return parameters as a query; names and values of letters and digits stay as they are."""
    words = []
    for key, value in params.items() if isinstance(params, dict) else params:
        text = value if isinstance(value, str) else str(value) if type(value) is int else _text(value)
        plain = text.isalnum() and text.isascii()
        words.append(f"{quote(key, safe='')}={text if plain else quote(text, safe='')}")
    return "&".join(words)


def _target(url: str) -> str:
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe=_SAFE_PATH)
    return f"{path}?{quote(parts.query, safe=_SAFE_QUERY)}" if parts.query else path
