"""Where requests go: origins with their pinned addresses, and base URLs of users."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from itertools import cycle
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.model.plan import Tls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maid_lab.model.plan import Target

__all__ = ["Base", "Origin", "Origins"]

_DEFAULT_TLS = Tls()
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
    """

    __slots__ = ("_next", "context", "host", "host_header", "port", "scheme", "server_name")

    def __init__(
        self, scheme: str, host: str, port: int, addresses: Iterable[str], context: ssl.SSLContext | None, server_name: str
    ) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        shown = f"[{host}]" if ":" in host else host
        self.host_header = shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"
        self.context = context
        self.server_name = server_name or host
        self._next = cycle([_socket_address(address, port) for address in addresses])

    def next_address(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        """Return the socket family and address of the next connection."""
        return next(self._next)

    def __repr__(self) -> str:
        return f"{self.scheme}://{self.host_header}"


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
    """

    def __init__(self, targets: Iterable[Target]) -> None:
        self._addresses: dict[str, tuple[str, ...]] = {}
        for target in targets:
            host = urlsplit(target.base_url).hostname or ""
            self._addresses[host] = self._addresses.get(host, ()) + target.addresses
        self._origins: dict[tuple[str, str, int, Tls], Origin] = {}
        self._roots: dict[Origin, Base] = {}
        self._contexts: dict[Tls, ssl.SSLContext] = {}

    def base(self, url: str, tls: Tls = _DEFAULT_TLS) -> Base:
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
        return Base(self.origin(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], tls), parts.path.rstrip("/"))

    def root_of(self, origin: Origin) -> Base:
        """Return the base URL of an origin without a path, the same object each time."""
        if origin not in self._roots:
            self._roots[origin] = Base(origin, "")
        return self._roots[origin]

    def origin(self, scheme: str, host: str, port: int, tls: Tls) -> Origin:
        """Return the origin, the same object for equal arguments."""
        key = (scheme, host, port, tls)
        origin = self._origins.get(key)
        if origin is None:
            context = self._context(tls) if scheme == "https" else None
            origin = self._origins[key] = Origin(scheme, host, port, self._pinned(host), context, tls.server_name)
        return origin

    def _pinned(self, host: str) -> tuple[str, ...]:
        if host not in self._addresses:
            raise Refused(f"host {host} is not a target of this plan", hint="Add it to target.hosts of the recipe.")
        addresses = self._addresses[host]
        if addresses:
            return addresses
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _context(self, tls: Tls) -> ssl.SSLContext:
        context = self._contexts.get(tls)
        if context is None:
            context = ssl.create_default_context(cafile=tls.ca or None)
            if not tls.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if tls.cert:
                context.load_cert_chain(tls.cert, tls.key or None)
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[tls] = context
        return context


def _socket_address(address: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    return family, (address, port)
