"""Heads of HTTP/1.1 answers, parsed once for equal bytes.

Answers of one server to one request differ in their head by little more than the date, so nearly every head has been seen before: a
dictionary look-up by the head's bytes replaces parsing. What is not in the cache is parsed by llhttp (httptools).
"""

from __future__ import annotations

import re
from typing import Final

import httptools

__all__ = ["BAD_CHUNKS", "CHUNKED", "UNTIL_CLOSE", "Chunks", "Head", "cached_head", "parse_head"]

#: Values of `Head.length` for bodies whose length the head does not say.
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

BAD_CHUNKS: Final = "the chunked body is malformed"

_CACHE: Final[dict[bytes, Head]] = {}
_CACHE_SIZE: Final = 512
_CACHED_HEAD_BYTES: Final = 4096
_FOLD: Final = re.compile(rb"[ \t]*\r\n[ \t]+")
_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE | re.MULTILINE)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Head:
    """Status, framing and headers of an answer.

    Attributes
    ----------
    length : int
        Bytes of body by Content-Length, or `CHUNKED`, `UNTIL_CLOSE`; 0 for statuses that have none.
    keep_alive : bool
        Whether the server will answer another request on this connection.
    plain : bool
        Length known, connection kept, no cookie set, no redirect, not an error: nothing to do but to count.
    coding : bytes
        Content coding of the body in lower case, empty for none.
    headers : tuple of (bytes, bytes)
        Names in lower case.
    """

    __slots__ = ("coding", "headers", "keep_alive", "length", "plain", "status")

    def __init__(self, status: int, headers: tuple[tuple[bytes, bytes], ...], *, version: str) -> None:
        self.status = status
        self.headers = headers
        connection = self.get(b"connection").lower()
        self.keep_alive = b"close" not in connection and (version != "1.0" or b"keep-alive" in connection)
        coding = self.get(b"content-encoding").strip().lower()
        self.coding = b"" if coding == b"identity" else coding
        self.length = self._framing()
        self.plain = (
            200 <= status < 400
            and self.length >= 0
            and self.keep_alive
            and status not in _REDIRECTS
            and not any(name == b"set-cookie" for name, _ in headers)
        )

    def get(self, name: bytes) -> bytes:
        """Return the value of the first header with this lower-case name, empty when there is none."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    @property
    def is_redirect(self) -> bool:
        """Whether the status is one that names another location."""
        return self.status in _REDIRECTS

    def _framing(self) -> int:
        if self.status < 200 or self.status in (204, 304):
            return 0
        coding = self.get(b"transfer-encoding").lower()
        if coding:
            return CHUNKED if coding.rsplit(b",", 1)[-1].strip() == b"chunked" else UNTIL_CLOSE
        length = self.get(b"content-length")
        return int(length) if length else UNTIL_CLOSE


def parse_head(raw: bytes) -> Head:
    """Parse the bytes of a head up to and with its empty line.

    Raises
    ------
    ValueError
        If the bytes are not the head of an HTTP/1 answer; the text says what is wrong without quoting the bytes.
    """
    head = _CACHE.get(raw)
    if head is None:
        head = _parse(raw)
        if len(raw) <= _CACHED_HEAD_BYTES:
            if len(_CACHE) >= _CACHE_SIZE:
                _CACHE.clear()
            _CACHE[raw] = head
    return head


#: The parsed head for exactly these bytes if they were seen before, else None. A bound method, because it is called once for each request.
cached_head: Final = _CACHE.get


def _parse(raw: bytes) -> Head:
    sink = _HeadSink()
    parser = httptools.HttpResponseParser(sink)
    try:
        parser.feed_data(_tidied(raw))
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise ValueError(f"the answer's head is malformed ({error})") from None
    version = parser.get_http_version()
    if version not in ("1.0", "1.1"):
        raise ValueError(f"the answer is of HTTP version {version}")
    lengths = {value for name, value in sink.headers if name == b"content-length"}
    if len(lengths) > 1 or any(not value.isdigit() or len(value) > 18 for value in lengths):
        raise ValueError("the answer's Content-Length is not one number")
    return Head(parser.get_status_code(), tuple(sink.headers), version=version)


def _tidied(raw: bytes) -> bytes:
    """Return a head without what the standard lets pass and llhttp does not: folded lines, and a length that is said twice alike.

    RFC 9112, 5.2: a folded line goes on behind a space; RFC 9110, 8.6: equal lengths are one.
    """
    start, _, lines = raw.partition(b"\r\n")
    if _FOLD.search(lines) and lines[:1] not in (b" ", b"\t"):
        lines = _FOLD.sub(b" ", lines)
    lengths = _LENGTH.findall(lines)
    if len(lengths) > 1 and len(set(lengths)) == 1:
        lines = _LENGTH.sub(b"", lines, count=len(lengths) - 1)
    return start + b"\r\n" + lines


class _HeadSink:
    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))


class Chunks:
    """Decoder of one chunked body, by llhttp.

    Attributes
    ----------
    is_complete : bool
        The last chunk and its trailers have been read.
    has_extra : bool
        Bytes followed that do not belong to this answer.
    """

    __slots__ = ("_parser", "body", "has_extra", "is_complete", "keep")

    def __init__(self, *, keep: bool) -> None:
        self.keep = keep
        self.body: list[bytes] = []
        self.is_complete = False
        self.has_extra = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")

    def feed(self, data: bytes) -> None:
        """Take bytes of the body as they came from the wire.

        Raises
        ------
        ValueError
            If the framing is malformed.
        """
        if self.is_complete:
            self.has_extra = self.has_extra or bool(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._broken()

    def _broken(self) -> None:
        """Take an error of the parser: behind the end it means bytes too many, not a malformed body."""
        if not self.is_complete:
            raise ValueError(BAD_CHUNKS)
        self.has_extra = True

    def on_message_begin(self) -> None:
        """Note a second message: bytes beyond the end of this one."""
        if self.is_complete:
            self.has_extra = True

    def on_body(self, data: bytes) -> None:
        """Keep decoded bytes when a step wants to see them."""
        if self.keep and not self.is_complete:
            self.body.append(data)

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        self.is_complete = True
