"""Paths that a hostile server has from the start, each with what a right client makes of its answer.

`outcome` is the word of `maid_lab.model.rows.Outcome`; `body` is what the client must have read, decoded; None = it must not come that far.
`reusable` says whether the next request may go out on the same connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.support.wire import OK, Action, Close, Drip, Hang, Pause, Reset, Send, body_of, chunked, gzipped, head, reply

__all__ = ["CASES", "Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One path: what is done and what it must become."""

    actions: tuple[Action, ...]
    outcome: str = "ok"
    status: int = 200
    body: bytes | None = OK
    reusable: bool = True
    method: str = "GET"


def _good(*actions: Action, **changes: object) -> Case:
    return Case(actions=actions, **changes)  # type: ignore[arg-type] # the keywords are those of Case


def _bad(*actions: Action, outcome: str, status: int = -1) -> Case:
    return Case(actions=actions, outcome=outcome, status=status, body=None, reusable=False)


_LARGE: Final = body_of(300_000)
_TRAILERS: Final = (("Server-Timing", "db;dur=3"), ("X-Sum", "1"))

#: Path → case. `outcome` protocol_error: the answer is no HTTP; reset: the connection ended before the answer did; timeout: nothing comes.
CASES: Final[dict[str, Case]] = {
    # Right answers, cut and dressed as the network and old servers do it.
    "/ok": _good(Send(reply())),
    "/split": _good(Drip(reply())),
    "/split-chunked": _good(Drip(chunked(OK, extension=";a=b", trailers=_TRAILERS))),
    "/drip": _good(Drip(reply(), size=8, gap_s=0.02)),
    "/slow-headers": _good(Send(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n"), Pause(0.05), Send(b"Content-Length: 12\r\n\r\n" + OK)),
    "/slow-body": _good(Send(head(200, ("Content-Length", "12")) + OK[:5]), Pause(0.05), Send(OK[5:])),
    "/empty": _good(Send(reply(b"")), body=b""),
    "/large": _good(Send(reply(_LARGE)), body=_LARGE),
    "/large-headers": _good(Send(reply(OK, *((f"X-Header-{n}", "v" * 200) for n in range(30))))),
    "/lower-case": _good(Send(b"HTTP/1.1 200 OK\r\ncontent-length:12\r\n\r\n" + OK)),
    "/padded-header": _good(Send(b"HTTP/1.1 200 OK\r\nContent-Length: \t 12 \t\r\n\r\n" + OK)),
    "/no-reason": _good(Send(b"HTTP/1.1 200 \r\nContent-Length: 12\r\n\r\n" + OK)),
    "/interim": _good(Send(head(100) + reply())),
    "/interim-many": _good(Drip(head(100) + head(102) + head(103, ("Link", "</a.css>; rel=preload")) + reply(), size=7)),
    "/interim-apart": _good(Send(head(100)), Pause(0.03), Send(head(103, ("Link", "</a.css>"))), Pause(0.03), Send(reply())),
    "/interim-chunked": _good(Drip(head(103, ("Set-Cookie", "early=1")) + chunked(OK), size=9)),
    "/head": _good(Send(head(200, ("Content-Length", "12"))), body=b"", method="HEAD"),
    "/head-chunked": _good(Send(head(200, ("Transfer-Encoding", "chunked"))), body=b"", method="HEAD"),
    "/head-gzip": _good(Send(head(200, ("Content-Length", "12"), ("Content-Encoding", "gzip"))), body=b"", method="HEAD"),
    "/head-until-close": _good(Send(head(200)), body=b"", method="HEAD"),
    "/head-404": _good(Send(head(404, ("Content-Length", "12"))), outcome="error_status", status=404, body=b"", method="HEAD"),
    "/head-interim": _good(Send(head(103)), Pause(0.02), Send(head(200, ("Content-Length", "12"))), body=b"", method="HEAD"),
    "/204": _good(Send(head(204)), status=204, body=b""),
    "/204-length": _good(Send(head(204, ("Content-Length", "12"))), status=204, body=b""),
    "/304": _good(Send(head(304, ("ETag", '"x"'))), status=304, body=b""),
    "/304-length": _good(Send(head(304, ("Content-Length", "12"))), status=304, body=b""),
    "/204-chunked": _good(Send(head(204, ("Transfer-Encoding", "chunked"))), status=204, body=b""),
    "/204-gzip": _good(Send(head(204, ("Content-Encoding", "gzip"))), status=204, body=b""),
    "/304-gzip": _good(Send(head(304, ("Content-Encoding", "gzip"), ("Content-Length", "40"))), status=304, body=b""),
    "/205": _good(Send(reply(b"", status=205)), status=205, body=b""),
    "/302-nowhere": _good(Send(reply(OK, status=302)), status=302),
    "/300": _good(Send(reply(OK, ("Location", "/ok"), status=300)), status=300),
    "/folded": _good(Send(b"HTTP/1.1 200 OK\r\nX-Long: one\r\n  two\r\n\tthree\r\nContent-Length: 12\r\n\r\n" + OK)),
    "/folded-split": _good(Drip(b"HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\nContent-Length: 12\r\n\r\n" + OK)),
    "/length-twice": _good(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Length: 12\r\n\r\n" + OK)),
    "/cookies-odd": _good(
        Send(reply(OK, ("Set-Cookie", "a=1; Max-Age=--5"), ("Set-Cookie", f"b=2; Max-Age={'9' * 999}"), ("Set-Cookie", "c=\xe9; Max-Age=\xb2")))
    ),
    "/chunked": _good(Send(chunked(OK))),
    "/chunked-trailers": _good(Send(chunked(OK, trailers=_TRAILERS))),
    "/chunked-trailers-apart": _good(Send(chunked(OK, trailers=_TRAILERS)[:-20]), Pause(0.03), Send(chunked(OK, trailers=_TRAILERS)[-20:])),
    "/chunked-extensions": _good(Send(chunked(OK, extension=';name="a b"'))),
    "/chunked-upper": _good(Send(chunked(body_of(500), size=171, upper=True)), body=body_of(500)),
    "/chunked-empty": _good(Send(chunked(b"")), body=b""),
    "/until-close": _good(Send(head(200) + OK), Close(), reusable=False),
    "/until-close-large": _good(Send(head(200) + _LARGE), Close(), body=_LARGE, reusable=False),
    "/http-10": _good(Send(b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n" + OK), Close(), reusable=False),
    "/close": _good(Send(reply(OK, ("Connection", "close"))), Close(), reusable=False),
    "/close-unannounced": _good(Send(reply()), Close(), reusable=False),
    "/close-late": _good(Send(reply(OK, ("Connection", "close"))), Pause(0.05), Close(), reusable=False),
    "/gzip": _good(Send(gzipped(OK))),
    "/gzip-chunked": _good(Send(chunked(gzipped(OK).partition(b"\r\n\r\n")[2], ("Content-Encoding", "gzip")))),
    "/cookies": _good(
        Send(reply(OK, ("Set-Cookie", "a=1; Path=/"), ("set-cookie", 'b="two"; HttpOnly; Secure'), ("SET-COOKIE", "c=; Max-Age=0")))
    ),
    "/404": _good(Send(reply(b"gone", status=404)), outcome="error_status", status=404, body=b"gone"),
    "/500": _good(Send(reply(b"broken", status=500)), outcome="error_status", status=500, body=b"broken"),
    "/500-close": _good(
        Send(reply(b"x", ("Connection", "close"), status=500)), Close(), outcome="error_status", status=500, body=b"x", reusable=False
    ),
    # Answers that are no answers.
    "/garbage": _bad(Send(b"SSH-2.0-OpenSSH_9.6\r\n"), Close(), outcome="protocol_error"),
    "/garbage-status": _bad(Send(b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"), outcome="protocol_error"),
    "/switch": _bad(Send(head(101, ("Upgrade", "other"), ("Connection", "Upgrade"))), Hang(), outcome="protocol_error"),
    "/line-feeds": _bad(Send(b"HTTP/1.1 200 OK\nContent-Length: 12\n\n" + OK), Hang(), outcome="protocol_error"),
    "/length-and-chunked": _bad(Send(chunked(OK, ("Content-Length", "12"))), outcome="protocol_error"),
    "/length-list": _bad(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 12, 13\r\n\r\n" + OK), outcome="protocol_error"),
    "/interim-garbage": _bad(Send(head(103) + b"oops\r\n\r\n"), outcome="protocol_error"),
    "/trailer-folded": _bad(Send(chunked(OK, trailers=(("X-Sum", "1\r\n 2"),))), outcome="protocol_error", status=200),
    "/trailer-garbage": _bad(Send(chunked(OK)[:-2] + b"no colon\r\n\r\n"), outcome="protocol_error", status=200),
    "/length-garbage": _bad(Send(b"HTTP/1.1 200 OK\r\nContent-Length: twelve\r\n\r\n" + OK), outcome="protocol_error", status=200),
    "/chunk-garbage": _bad(Send(head(200, ("Transfer-Encoding", "chunked")) + b"zz\r\nhello\r\n0\r\n\r\n"), outcome="protocol_error", status=200),
    "/headers-huge": _bad(Send(head(200, ("X-Huge", "v" * 2_000_000))), outcome="protocol_error"),
    "/gzip-garbage": _bad(Send(reply(b"\x1f\x8bnot gzip", ("Content-Encoding", "gzip"))), outcome="protocol_error", status=200),
    # Answers that end too soon.
    "/length-long": _bad(Send(reply(OK, length=50)), Close(), outcome="reset", status=200),
    "/chunked-cut": _bad(Send(chunked(OK)[:-9]), Close(), outcome="reset", status=200),
    "/head-cut": _bad(Send(b"HTTP/1.1 200 OK\r\nContent-Le"), Close(), outcome="reset"),
    "/close-at-once": _bad(Close(), outcome="reset"),
    "/reset": _bad(Reset(), outcome="reset"),
    "/reset-in-body": _bad(Send(reply(OK, length=50)), Pause(0.02), Reset(), outcome="reset", status=200),
    # Answers that never come, or never end.
    "/hang": _bad(Hang(), outcome="timeout"),
    "/hang-in-interim": _bad(Send(head(100)), Hang(), outcome="timeout"),
    "/hang-in-trailers": _bad(Send(chunked(OK, trailers=_TRAILERS)[:-8]), Hang(), outcome="timeout", status=200),
    "/hang-in-head": _bad(Send(b"HTTP/1.1 200 OK\r\n"), Hang(), outcome="timeout"),
    "/hang-in-body": _bad(Send(reply(OK, length=50)), Hang(), outcome="timeout", status=200),
    # More than was asked for: the answer is right, the connection must not be used again.
    "/length-short": _good(Send(reply(OK, length=5)), body=OK[:5], reusable=False),
    "/extra": _good(Send(reply() + reply(b"nobody asked for this")), reusable=False),
    "/extra-garbage": _good(Send(reply() + b"\x00\xff\x00"), reusable=False),
    "/204-body": _good(Send(head(204) + OK), status=204, body=b"", reusable=False),
}  # fmt: skip
