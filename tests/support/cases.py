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
    "/head": _good(Send(head(200, ("Content-Length", "12"))), body=b"", method="HEAD"),
    "/head-chunked": _good(Send(head(200, ("Transfer-Encoding", "chunked"))), body=b"", method="HEAD"),
    "/204": _good(Send(head(204)), status=204, body=b""),
    "/204-length": _good(Send(head(204, ("Content-Length", "12"))), status=204, body=b""),
    "/304": _good(Send(head(304, ("ETag", '"x"'))), status=304, body=b""),
    "/304-length": _good(Send(head(304, ("Content-Length", "12"))), status=304, body=b""),
    "/chunked": _good(Send(chunked(OK))),
    "/chunked-trailers": _good(Send(chunked(OK, trailers=_TRAILERS))),
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
    "/hang-in-head": _bad(Send(b"HTTP/1.1 200 OK\r\n"), Hang(), outcome="timeout"),
    "/hang-in-body": _bad(Send(reply(OK, length=50)), Hang(), outcome="timeout", status=200),
    # More than was asked for: the answer is right, the connection must not be used again.
    "/length-short": _good(Send(reply(OK, length=5)), body=OK[:5], reusable=False),
    "/extra": _good(Send(reply() + reply(b"nobody asked for this")), reusable=False),
    "/extra-garbage": _good(Send(reply() + b"\x00\xff\x00"), reusable=False),
    "/204-body": _good(Send(head(204) + OK), status=204, body=b"", reusable=False),
}  # fmt: skip
