"""Cookies of one virtual user, after RFC 6265: name, value, domain, path, expiry, secure."""

from __future__ import annotations

import ipaddress
import re
import time
from typing import Final

from maid_lab.engine.http.cookie_dates import cookie_date

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
#: As large as user agents take one, name and value (RFC 6265, 6.1), and as many as they keep for a domain.
_MOST_BYTES: Final = 4096
_MOST_COOKIES: Final = 180
_BLANK: Final = " \t"
_SECONDS: Final = re.compile(r"-?[0-9]+")
_LONGEST_AGE: Final = 11
#: A moment that has passed and is not 0, which stands for none.
_PAST: Final = 1.0
_SECOND_LEVELS: Final = frozenset(
    {"ac", "co", "com", "edu", "gob", "gov", "gv", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc", "sch"}
)


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
        name, value = name.strip(_BLANK), value.strip(_BLANK)
        if not separator or not name or len(name) + len(value) > _MOST_BYTES:
            return
        cookie = _Cookie(name, value, host.lower(), _default_path(path))
        # The last of equal attributes counts (RFC 6265, 5.3).
        given = {key.strip(_BLANK).lower(): text.strip(_BLANK) for key, _, text in (one.partition("=") for one in attributes)}
        domain = given.get("domain", "").removeprefix(".").lower()
        if domain and not _take_domain(cookie, domain, host.lower()):
            return
        if given.get("path", "").startswith("/"):
            cookie.path = given["path"]
        cookie.secure = "secure" in given
        if not _keeps_its_promise(cookie, given):
            return
        cookie.expires = _expiry(given)
        self._keep(cookie, header, host, path)

    def _keep(self, cookie: _Cookie, header: str, host: str, path: str) -> None:
        key = cookie.domain, cookie.path, cookie.name
        if cookie.expires and cookie.expires <= time.time():
            self._cookies.pop(key, None)
            return
        if len(self._cookies) >= _MOST_COOKIES and key not in self._cookies:
            self._make_room(cookie.domain)
        self._cookies[key] = cookie
        if not cookie.expires and len(self._cookies) < _MOST_COOKIES:
            # The same for all users that the server greets with the same words; cookies are never changed, so they can be shared.
            if len(_KNOWN) >= _MOST_KNOWN:
                _KNOWN.clear()
            _KNOWN[header, host, path] = key, cookie

    def _make_room(self, domain: str) -> None:
        """Forget the oldest cookie of a domain, else the oldest of all: a server that makes up names does not fill the memory."""
        oldest = next((key for key in self._cookies if key[0] == domain), None) or next(iter(self._cookies))
        del self._cookies[oldest]

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
        """Return the value of the newest cookie with this name, without the quotes that it may stand in."""
        values = [cookie.value.strip('"') for cookie in self._cookies.values() if cookie.name == name]
        return values[-1] if values else None


def _take_domain(cookie: _Cookie, domain: str, host: str) -> bool:
    """Give a cookie its domain; returns False for that of a stranger, and for one that belongs to many."""
    if domain != host:
        if _is_address(host) or not host.endswith(f".{domain}") or _is_registry(domain):
            return False
    elif _is_address(host) or _is_registry(domain):
        return True  # for this host alone (RFC 6265, 5.3, step 5)
    cookie.domain = domain
    cookie.host_only = False
    return True


def _is_registry(domain: str) -> bool:
    """Whether names below a domain belong to strangers, as those below `org` and `co.uk` do.

    The public suffix list changes weekly and is not carried along: this knows top-level domains, and the usual second levels of countries.
    """
    first, _, rest = domain.partition(".")
    return not rest or (len(rest) == 2 and first in _SECOND_LEVELS)


def _keeps_its_promise(cookie: _Cookie, given: dict[str, str]) -> bool:
    """Whether a cookie is what the prefix of its name says (RFC 6265bis, 4.1.3)."""
    prefix = cookie.name[:9].lower()
    if prefix.startswith("__host-"):
        return cookie.secure and cookie.host_only and not given.get("domain") and given.get("path") == "/"
    return cookie.secure or prefix != "__secure-"


def _expiry(given: dict[str, str]) -> float:
    """Return when a cookie ends in seconds since 1970, 0 for one that lives as long as the session; Max-Age wins over Expires."""
    age = given.get("max-age", "")
    if _SECONDS.fullmatch(age):
        # More digits than any clock has are a long time.
        return _PAST if age.startswith("-") or not age.strip("0") else time.time() + int(age[:_LONGEST_AGE])
    date = cookie_date(given["expires"]) if "expires" in given else None
    return 0.0 if date is None else max(date, _PAST)


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
