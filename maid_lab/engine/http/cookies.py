"""Cookies of one virtual user, after RFC 6265: name, value, domain, path, expiry, secure."""

from __future__ import annotations

import ipaddress
import time
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["CookieJar"]


class _Cookie:
    __slots__ = ("domain", "expires", "host_only", "name", "path", "secure", "value")

    def __init__(self, name: str, value: str, host: str, path: str) -> None:
        self.name = name
        self.value = value
        self.domain = host
        self.host_only = True
        self.path = path
        self.secure = False
        self.expires = 0.0


#: Cookies without an end by the header, host and path that they came with.
_KNOWN: Final[dict[tuple[str, str, str], tuple[tuple[str, str, str], _Cookie]]] = {}
_MOST_KNOWN: Final = 1024


class CookieJar:
    """What a user's browser remembers."""

    __slots__ = ("_cookies",)

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    def __len__(self) -> int:
        return len(self._cookies)

    def copy(self) -> CookieJar:
        """Return a jar with the same cookies."""
        jar = CookieJar()
        jar._cookies = dict(self._cookies)
        return jar

    def store(self, header: str, *, host: str, path: str) -> None:
        """Take one Set-Cookie header of an answer from `host` to a request for `path`; what is malformed is ignored (RFC 6265, 5.2)."""
        known = _KNOWN.get((header, host, path))
        if known is not None:
            self._cookies[known[0]] = known[1]
            return
        pair, *attributes = header.split(";")
        name, separator, value = pair.partition("=")
        name = name.strip()
        if not separator or not name:
            return
        cookie = _Cookie(name, value.strip().strip('"'), host.lower(), _default_path(path))
        max_age_seen = False
        for attribute in attributes:
            key, _, text = attribute.partition("=")
            key, text = key.strip().lower(), text.strip()
            if key == "domain" and text and not self._take_domain(cookie, text, host.lower()):
                return
            if key == "path" and text.startswith("/"):
                cookie.path = text
            elif key == "secure":
                cookie.secure = True
            elif key == "max-age" and text.lstrip("-").isdigit():
                cookie.expires = time.time() + int(text) if int(text) > 0 else 1.0
                max_age_seen = True
            elif key == "expires" and not max_age_seen:
                cookie.expires = _timestamp(text)
        key_of = (cookie.domain, cookie.path, name)
        if cookie.expires and cookie.expires <= time.time():
            self._cookies.pop(key_of, None)
        else:
            self._cookies[key_of] = cookie
            if not cookie.expires:
                # The same for all users that the server greets with the same words; cookies are never changed, so they can be shared.
                if len(_KNOWN) >= _MOST_KNOWN:
                    _KNOWN.clear()
                _KNOWN[header, host, path] = key_of, cookie

    def header(self, *, host: str, path: str, secure: bool) -> str:
        """Return the Cookie header's value for a request, empty when no cookie matches; longer paths first (RFC 6265, 5.4)."""
        host, path = host.lower(), path.split("?", 1)[0] or "/"
        matching = [
            cookie
            for cookie in self._cookies.values()
            if (not cookie.expires or cookie.expires > time.time())
            and (not cookie.secure or secure)
            and (host == cookie.domain or _domain_matches(cookie, host))
            and (cookie.path == "/" or _path_matches(cookie.path, path))
        ]
        if len(matching) == 1:
            return f"{matching[0].name}={matching[0].value}"
        matching.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in matching)

    def get(self, name: str) -> str | None:
        """Return the value of the newest cookie with this name."""
        values = [cookie.value for cookie in self._cookies.values() if cookie.name == name]
        return values[-1] if values else None

    @staticmethod
    def _take_domain(cookie: _Cookie, text: str, host: str) -> bool:
        domain = text.lstrip(".").lower()
        if domain != host and (not host.endswith("." + domain) or "." not in domain or _is_address(host)):
            return False  # a server may not set cookies for strangers, nor for a whole top-level domain
        cookie.domain = domain
        cookie.host_only = False
        return True


def _default_path(path: str) -> str:
    path = path.split("?", 1)[0]
    return path.rpartition("/")[0] or "/"


def _domain_matches(cookie: _Cookie, host: str) -> bool:
    return host == cookie.domain or (not cookie.host_only and host.endswith("." + cookie.domain))


def _path_matches(cookie_path: str, path: str) -> bool:
    return path == cookie_path or (path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/"))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _timestamp(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
