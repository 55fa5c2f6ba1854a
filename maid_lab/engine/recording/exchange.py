"""An exchange as people read it: heads and bodies as text, secrets masked, cut to a length."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.redaction import Redactor, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maid_lab.engine.http.head import Head
    from maid_lab.engine.http.request import Request
    from maid_lab.engine.users.user import VirtualUser

__all__ = ["KEPT_BYTES", "CappedBody", "Exchanges"]

#: Bytes of an answer's body that the connection keeps for samples when no step wants to see it.
KEPT_BYTES: Final = 64 * 1024

Headers = list[list[str]]


class CappedBody(list[bytes]):
    """Pieces of a body up to `KEPT_BYTES`; what comes after is counted as missing by its absence alone.

    A list, because the pieces of a body that a step wants to see are one too.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        super().__init__()
        self._left = KEPT_BYTES

    def append(self, piece: bytes) -> None:
        """Keep a piece as far as there is room."""
        if self._left > 0:
            super().append(piece[: self._left])
            self._left -= len(piece)


class Exchanges:
    """Writes requests and answers down.

    Parameters
    ----------
    redactor : Redactor
        Knows the secrets of the run.
    limit : int
        Characters kept of a body.
    """

    def __init__(self, redactor: Redactor, limit: int) -> None:
        self.redactor = redactor
        self._limit = limit

    def pair(self, user: VirtualUser, request: Request, head: Head | None, body: bytes) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return the request and the answer; values that one of them sent as a credential are masked in both."""
        sent = _sent_headers(user, request)
        received = [[key.decode("latin-1"), value.decode("utf-8", "replace")] for key, value in head.headers] if head is not None else []
        redactor = self.redactor.knowing(_credentials([*sent, *received]))
        return self._request(redactor, request, sent), self._answer(redactor, head, received, body)

    def request(self, user: VirtualUser, request: Request) -> dict[str, Any]:
        """Return the request alone."""
        sent = _sent_headers(user, request)
        return self._request(self.redactor.knowing(_credentials(sent)), request, sent)

    def cut(self, text: str, redactor: Redactor | None = None, *, is_part: bool = False) -> tuple[str, bool]:
        """Return a text masked and cut to the limit, and whether something is missing; `is_part` says that it was cut before already."""
        redactor = redactor or self.redactor
        reach = redactor.reach
        if len(text) <= self._limit and not is_part:
            return redactor.text(text), False
        # Masking must see whole secrets: a part of one at the cut would stay. It is done on a longer piece, of which the end is dropped.
        piece = redactor.text(text[: self._limit + reach])
        return piece[: min(self._limit, max(0, len(piece) - reach))], True

    def _request(self, redactor: Redactor, request: Request, sent: Headers) -> dict[str, Any]:
        raw = request.body[: 4 * self._limit]
        body, is_cut = self.cut(_text(raw, _value(sent, "content-type")), redactor, is_part=len(raw) < len(request.body))
        headers = [[name, redactor.header(name, value)] for name, value in sent]
        return {"method": request.method, "url": redactor.text(request.url), "headers": headers, "body": body, "truncated": is_cut}

    def _answer(self, redactor: Redactor, head: Head | None, received: Headers, body: bytes) -> dict[str, Any] | None:
        if head is None:
            return None
        plain = _decoded(body, head.get(b"content-encoding").strip().lower(), 4 * self._limit)
        is_part = len(body) >= KEPT_BYTES or len(plain) >= 4 * self._limit
        text, is_cut = self.cut(_text(plain, _value(received, "content-type")), redactor, is_part=is_part)
        headers = [[name, redactor.header(name, value)] for name, value in received]
        return {"status": head.status, "headers": headers, "body": text, "truncated": is_cut}


def _sent_headers(user: VirtualUser, request: Request) -> Headers:
    lines = request.lines.decode("utf-8", "replace").split("\r\n")[1:]
    headers = [[name, value.strip()] for name, _, value in (line.partition(":") for line in lines if line)]
    if user.jar is not None and len(user.jar):
        cookies = user.jar.header(host=request.origin.host, path=request.target, secure=request.origin.context is not None)
        own = next((header for header in headers if header[0].lower() == "cookie"), None)
        if own is not None and cookies:
            own[1] += f"; {cookies}"
        elif cookies:
            headers.append(["Cookie", cookies])
    return headers


def _credentials(headers: Iterable[list[str]]) -> list[str]:
    """Return what stands in headers that are secrets: the value, what follows its scheme, and the values of cookies."""
    found: list[str] = []
    for name, value in headers:
        if not is_secret_name(name):
            continue
        if name.lower() in ("cookie", "set-cookie"):
            pairs = value.split(";") if name.lower() == "cookie" else [value.partition(";")[0]]
            found += [pair.partition("=")[2].strip() for pair in pairs]
        else:
            found += [value, value.partition(" ")[2].strip()]
    # Short ones are words such as "yes", which would mask half of every body.
    return [value for value in found if len(value) >= 8]


def _value(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _decoded(body: bytes, coding: bytes, limit: int) -> bytes:
    """Return the body without its content coding as far as that can be done; a cut or broken body gives what comes before."""
    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        return body
    for bits in (47, -15):
        try:
            return zlib.decompressobj(bits).decompress(body, limit)
        except zlib.error:
            continue
    return body


def _text(body: bytes, content_type: str) -> str:
    match = re.search(r"charset=\"?([\w.:-]+)", content_type, re.IGNORECASE)
    try:
        text = body.decode(match.group(1) if match else "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    # A replaced character at the cut is no sign of a binary body; many of them, or a zero, are.
    if "\0" in text or text.count("\ufffd") > 4 + len(text) // 100:
        return f"<{len(body)} bytes that are no text>"
    return text
