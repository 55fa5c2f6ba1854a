"""Answers made to order: sizes, statuses, delays, redirects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from maid_lab.demo.shop.answer import TEXT, Answer, json_answer
from maid_lab.demo.shop.routing import BadRequest, whole

if TYPE_CHECKING:
    from maid_lab.demo.shop.routing import Call, Router

__all__ = ["add_probes"]

_PATTERN: Final = b"0123456789abcdef" * 4096
_MOST_BYTES: Final = 1 << 30
_LONGEST_DELAY_MS: Final = 60_000
_MOST_REDIRECTS: Final = 50
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def add_probes(router: Router) -> None:
    """Register all routes."""
    router.add("GET /bytes/{n}", _bytes)
    router.add("GET /status/{code}", _status)
    router.add("POST /status/{code}", _status)
    router.add("GET /delay/{ms}", _delay)
    router.add("GET /redirect", _redirect)
    router.add("POST /redirect", _redirect)


def _bytes(call: Call) -> Answer:
    size = whole(call.param, "the number of bytes", low=0, high=_MOST_BYTES)
    if size <= len(_PATTERN):
        return Answer(_PATTERN[:size])
    blocks, rest = divmod(size, len(_PATTERN))
    return Answer(_PATTERN, repeat=blocks, tail=_PATTERN[:rest])


def _status(call: Call) -> Answer:
    code = whole(call.param, "the status", low=200, high=599)
    return Answer(f"status {code}\n".encode(), status=code, kind=TEXT)


def _delay(call: Call) -> Answer:
    ms = whole(call.param, "the delay in ms", low=0, high=_LONGEST_DELAY_MS)
    answer = json_answer({"delayed_ms": ms})
    answer.after_s = ms / 1000
    return answer


def _redirect(call: Call) -> Answer:
    """`/redirect?times=N&status=302&to=/products`: N redirects in a row, the last one to the path `to`."""
    times = call.number("times", 1, low=1, high=_MOST_REDIRECTS)
    status = call.number("status", 302, low=300, high=399)
    to = call.query.get("to", "/products")
    if status not in _REDIRECTS or not to.startswith("/") or to.startswith("//") or not to.isprintable() or not to.isascii():
        raise BadRequest("a redirect has status 301, 302, 303, 307 or 308 and leads to a path of this shop")
    place = to if times == 1 else f"/redirect?times={times - 1}&status={status}&to={quote(to)}"
    return Answer(status=status, kind=TEXT, headers=(("Location", place),))
