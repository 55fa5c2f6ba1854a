"""One HTTP request as a plan holds it: what is sent, how long it may take, and what is read and judged of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Body",
    "Check",
    "EventStream",
    "Extract",
    "HttpStep",
    "Page",
    "Retry",
    "Route",
    "Timeouts",
    "Tls",
    "Value",
]

#: A JSON-like value whose string leaves may be templates.
Value = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How TLS connections are made; paths are absolute, `min_version` is 1.2, 1.3 or empty for what the machine allows."""

    verify: bool = True
    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""
    min_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of one request in seconds; 0 = none but `total_s`."""

    connect_s: float = 0.0
    read_s: float = 0.0
    total_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a host is reached: TLS, the proxy in between (a URL, empty for none), own addresses to send from, protocol."""

    tls: Tls = Tls()
    proxy: str = ""
    source_addresses: tuple[str, ...] = ()
    is_http2: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request body: `json` (value tree), `form` (mapping), `text` (template), `file` (absolute path) or `multipart`.

    The value of `multipart` is a list of parts with `name` and either `value` (template) or `file` (absolute path), and with `filename` and
    `type`, which may be empty.
    """

    kind: Literal["json", "form", "text", "file", "multipart"]
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """One value taken from an answer.

    `source` is json, regex, css, xpath, header, cookie or status, `expr` its path, pattern, selector or name; of elements that css or xpath
    find, the text is taken, or the attribute `attr`.
    """

    name: str
    source: str
    expr: str = ""
    attr: str = ""
    pick: str | int = "first"
    group: int = 1
    has_default: bool = False
    default: Value = None
    required: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition on an answer.

    `kind` is status, json, body_contains, body_matches, title, header, content_type, size, latency, messages, redirect or schema (`value` is
    a JSON Schema as text). `subject` is the JSON path or header name. `op` is equals, contains, matches, exists, count, lt, le, gt, ge or
    in; `value` may hold templates (status: a list of ints and texts such as `2xx`; size in bytes, latency in seconds).
    """

    kind: str
    op: str
    value: Value = None
    subject: str = ""
    negated: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again up to `times` after `wait_s` when the outcome word or status text is in `on`."""

    times: int
    wait_s: float = 0.0
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Also fetch the parts that the HTML answer links to, `parallel` at a time; `labels` by suffix (`.css`), `other` for the rest."""

    labels: tuple[tuple[str, int], ...]
    parallel: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """Read the answer as an event stream: up to the message whose data holds `until` and whose type is `until_event` (empty: any).

    It ends with its `limit`th message too (0: no limit), and with the answer.
    """

    until: Value = ""
    until_event: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpStep:
    """One HTTP request.

    `url` is absolute or relative to the user's base URL; defaults of the target are merged in already. `sticky` keeps the base URL that a
    redirect leads to. `trace` sends a W3C traceparent header. `auth` is empty, or a way and its two texts or token: basic, digest, bearer,
    or oauth2, for which `token` is the request that fetches the token.
    """

    label: int
    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    timeouts: Timeouts = Timeouts()
    redirects: int = 10
    gzip: bool = True
    sticky: bool = False
    reuse: Literal["user", "iteration", "none"] = "user"
    auth: tuple[str, ...] = ()
    token: HttpStep | None = None
    tls: Tls = Tls()
    proxy: str = ""
    source_addresses: tuple[str, ...] = ()
    is_http2: bool = False
    extract: tuple[Extract, ...] = ()
    check: tuple[Check, ...] = ()
    retry: Retry | None = None
    page: Page | None = None
    sse: EventStream | None = None
    trace: bool = False
    when: str = ""
    on_error: Literal["continue", "iteration", "user", "run"] = "iteration"

    @property
    def route(self) -> Route:
        """How its host is reached."""
        return Route(tls=self.tls, proxy=self.proxy, source_addresses=self.source_addresses, is_http2=self.is_http2)
