"""Where requests go and on which way: origins with their pinned addresses, and base URLs of users."""

from __future__ import annotations

import base64
import ipaddress
import socket
from itertools import cycle
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from maid_lab.engine.http.tls import client_context
from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.model.plan import Route

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from maid_lab.model.plan import Target, Tls

__all__ = ["Base", "Origin", "Origins", "Proxy"]

_DEFAULT_ROUTE = Route()
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin:
    """Scheme, host and port with the addresses that connections may use, taken in turn.

    Attributes
    ----------
    host_header : str
        Host and, unless it is the scheme's default, port.
    context : ssl.SSLContext or None
        None for plain HTTP.
    server_name : str
        Name sent as SNI and checked against the certificate.
    is_http2 : bool
        Whether requests go over HTTP/2.
    form, hop_lines : str
        What stands before the path in a request line, and header lines for the proxy: both empty unless a proxy passes plain requests on.
    tunnel : bytes
        What asks a proxy for a tunnel; empty without one.
    via : str
        What connections are made to, as error texts name it.
    """

    __slots__ = (
        "_next",
        "_sources",
        "context",
        "form",
        "hop_lines",
        "host",
        "host_header",
        "is_http2",
        "port",
        "scheme",
        "server_name",
        "tunnel",
        "via",
    )  # fmt: skip

    def __init__(
        self,
        scheme: str,
        host: str,
        port: int,
        addresses: Iterable[tuple[str, int]],
        context: ssl.SSLContext | None,
        server_name: str,
        *,
        proxy: Proxy | None = None,
        sources: tuple[str, ...] = (),
        is_http2: bool = False,
    ) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        shown = f"[{host}]" if ":" in host else host
        self.host_header = shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"
        self.context = context
        self.server_name = server_name or host
        self._next = cycle([_socket_address(*address) for address in addresses])
        self._sources = tuple(_socket_address(source, 0) for source in sources)
        self.is_http2 = is_http2
        self.form = self.hop_lines = ""
        self.tunnel = b""
        self.via = repr(self)
        if proxy is not None:
            self.via = f"proxy {proxy.host}:{proxy.port}"
            if context is None:
                self.form, self.hop_lines = repr(self), proxy.lines
            else:
                self.tunnel = f"CONNECT {shown}:{port} HTTP/1.1\r\nHost: {shown}:{port}\r\n{proxy.lines}\r\n".encode()

    def source(self, family: socket.AddressFamily, number: int) -> tuple[str, int] | None:
        """Return the own address from which a user sends, None for the one that the system chooses."""
        fitting = [address for kind, address in self._sources if kind == family]
        return fitting[number % len(fitting)] if fitting else None

    def next_address(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        """Return the socket family and address of the next connection."""
        return next(self._next)

    def __repr__(self) -> str:
        return f"{self.scheme}://{self.host_header}"


class Proxy:
    """A proxy: where it is, and the header lines that it wants."""

    __slots__ = ("host", "lines", "port")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.port = parts.port or _DEFAULT_PORTS["http"]
        self.lines = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.lines = f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


class Base:
    """A base URL of a user: an origin and a path prefix without trailing slash."""

    __slots__ = ("origin", "path")

    def __init__(self, origin: Origin, path: str) -> None:
        self.origin = origin
        self.path = path


class Origins:
    """All origins of a worker, made on first use from the addresses that the plan pinned.

    Parameters
    ----------
    targets : iterable of Target
        Hosts with addresses; a host that is not among them is refused, so that a redirect or a recorded link cannot lead load to a
        stranger.
    text_of : callable
        Gives the value of a template, such as the address of a proxy with a secret in it.
    """

    def __init__(self, targets: Iterable[Target], text_of: Callable[[str], str] = str) -> None:
        self._text_of = text_of
        self._addresses: dict[str, tuple[str, ...]] = {}
        for target in targets:
            host = urlsplit(target.base_url).hostname or ""
            self._addresses[host] = self._addresses.get(host, ()) + target.addresses
        self._origins: dict[tuple[str, str, int, Route], Origin] = {}
        self._roots: dict[Origin, Base] = {}
        self._contexts: dict[tuple[Tls, bool], ssl.SSLContext] = {}

    def base(self, url: str, route: Route = _DEFAULT_ROUTE) -> Base:
        """Return the base for an absolute URL.

        Raises
        ------
        InvalidInput
            If the URL is not an absolute http or https URL.
        Refused
            If its host is not a target of the plan.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidInput(f"the URL {url!r} cannot be read.", hint="Write it as http://host:port/path.") from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise InvalidInput(f"the URL {url!r} is not an absolute http or https URL.", hint="Write it as http://host:port/path.")
        return Base(self.origin(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], route), parts.path.rstrip("/"))

    def root_of(self, origin: Origin) -> Base:
        """Return the base URL of an origin without a path, the same object each time."""
        if origin not in self._roots:
            self._roots[origin] = Base(origin, "")
        return self._roots[origin]

    def origin(self, scheme: str, host: str, port: int, route: Route) -> Origin:
        """Return the origin, the same object for equal arguments."""
        key = (scheme, host, port, route)
        origin = self._origins.get(key)
        if origin is None:
            context = self._context(route.tls, is_http2=route.is_http2) if scheme == "https" else None
            addresses = [(address, port) for address in self._pinned(host)]
            proxy = Proxy(self._text_of(route.proxy)) if route.proxy else None
            if proxy is not None:
                # The target has to be one of the plan's all the same.
                addresses = [(address, proxy.port) for address in self._pinned(proxy.host)]
            origin = self._origins[key] = Origin(
                scheme,
                host,
                port,
                addresses,
                context,
                route.tls.server_name,
                proxy=proxy,
                sources=route.source_addresses,
                is_http2=route.is_http2,
            )
        return origin

    def _pinned(self, host: str) -> tuple[str, ...]:
        if host not in self._addresses:
            raise Refused(f"host {host} is not a target of this plan", hint="Add it to target.hosts of the recipe.")
        addresses = self._addresses[host]
        if addresses:
            return addresses
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _context(self, tls: Tls, *, is_http2: bool) -> ssl.SSLContext:
        context = self._contexts.get((tls, is_http2))
        if context is None:
            context = self._contexts[tls, is_http2] = client_context(tls, is_http2=is_http2)
        return context


def _socket_address(address: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    return family, (address, port)
