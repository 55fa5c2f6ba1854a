"""An answer as checks and extracts see it: decoded on first use, each form once."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any, Final, Protocol

from maid_lab.engine.http.codings import decoded
from maid_lab.engine.http.html import document_of

if TYPE_CHECKING:
    from maid_lab.engine.http.head import Head

__all__ = ["Response", "Sent", "parse_json"]

_UNSET: Final = object()
_scan: Final = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # the scanner behind `loads`, there since Python 2.6
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class Sent(Protocol):
    """The request that was answered."""

    @property
    def url(self) -> str:
        """Its absolute URL."""


class Response:
    """Status, headers and body of an answer.

    Attributes
    ----------
    service_s : float
        Service time in seconds.
    size : int
        Bytes of the body as sent, before decoding.
    """

    __slots__ = ("_decoded", "_document", "_json", "_raw", "_request", "_text", "head", "service_s")

    def __init__(self, head: Head, body: bytes, *, request: Sent, service_s: float) -> None:
        self.head = head
        self._raw = body
        self._decoded: bytes | None = None
        self._request = request
        self.service_s = service_s
        self._text: Any = _UNSET
        self._json: Any = _UNSET
        self._document: Any = None

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.head.status

    @property
    def messages(self) -> int | None:
        """Messages of the answer; None for one that is no stream."""
        return None

    @property
    def url(self) -> str:
        """Absolute URL of the request that was answered, after redirects."""
        return self._request.url

    @property
    def size(self) -> int:
        """Bytes of the body as they came, before content decoding."""
        return len(self._raw)

    def header(self, name: str) -> str | None:
        """Return the first header with this name, whatever its case."""
        wanted = name.lower().encode("latin-1", "replace")
        for key, value in self.head.headers:
            if key == wanted:
                return value.decode("utf-8", "replace")
        return None

    @property
    def body(self) -> bytes:
        """The body without its content coding; `decode` has been called before."""
        return self._raw if self._decoded is None else self._decoded

    def decode(self) -> None:
        """Take the content coding off the body.

        Raises
        ------
        ValueError
            If the coding is unknown or broken.
        """
        if self.head.coding:
            self._decoded = decoded(self.head.coding, self._raw)

    @property
    def text(self) -> str:
        """The body as text by the charset of its Content-Type, UTF-8 by default; undecodable bytes are replaced."""
        if self._text is _UNSET:
            match = re.search(rb"charset=\"?([\w.:-]+)", self.head.get(b"content-type"), re.IGNORECASE)
            charset = match.group(1).decode("ascii") if match else "utf-8"
            try:
                self._text = self.body.decode(charset, "replace")
            except LookupError:
                self._text = self.body.decode("utf-8", "replace")
        text: str = self._text
        return text

    @property
    def json(self) -> Any:
        """The body parsed as JSON.

        Raises
        ------
        ValueError
            If it is not JSON.
        """
        if self._json is _UNSET:
            try:
                self._json = parse_json(self.body)
            except (ValueError, RecursionError):
                raise ValueError("the body is not JSON") from None
        return self._json

    @property
    def document(self) -> Any:
        """Root element of the body's markup.

        Raises
        ------
        ValueError
            If it has none.
        """
        if self._document is None:
            self._document = document_of(self.header("content-type") or "", self.body, self.text)
        return self._document

    @property
    def title(self) -> str | None:
        """Text of the HTML title, None when there is none."""
        match = _TITLE.search(self.text)
        return unescape(match.group(1)).strip() if match else None


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text; that of UTF-8 without white space around it, which is nearly all, without the library's preparations.

    Raises
    ------
    ValueError
        If it is not JSON.
    """
    try:
        text = body.decode()
        value, end = _scan(text, 0)
    except (ValueError, StopIteration):
        return json.loads(body)
    return value if end == len(text) else json.loads(body)
