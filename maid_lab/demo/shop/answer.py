"""Answers as bytes: what never changes is put together once and written again and again."""

from __future__ import annotations

import gzip
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CSS", "HTML", "JS", "JSON", "SVG", "TEXT", "Answer", "StreamAnswer", "json_answer", "problem"]

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"
JS: Final = "text/javascript; charset=utf-8"
SVG: Final = "image/svg+xml"
TEXT: Final = "text/plain; charset=utf-8"
_BINARY: Final = "application/octet-stream"

#: Below this a compressed answer is hardly shorter and costs both sides more.
_GZIP_FROM: Final = 1024
_BODILESS: Final = frozenset({204, 304})
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Answer:
    """One answer: status, head and body, ready to be written.

    Parameters
    ----------
    body : bytes
        Content; statuses 204 and 304 send none.
    kind : str
        Content type.
    headers : tuple of (str, str)
        Further headers.
    repeat : int
        How often `body` is sent, for large bodies that need no memory.
    tail : bytes
        What follows the last repetition.
    after_s : float
        Seconds that the answer is held back.
    """

    __slots__ = ("_compressed", "after_s", "body", "headers", "is_compressible", "kind", "repeat", "status", "tail", "wire")

    def __init__(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        kind: str = _BINARY,
        headers: tuple[tuple[str, str], ...] = (),
        repeat: int = 1,
        tail: bytes = b"",
        after_s: float = 0.0,
    ) -> None:
        self.status = status
        self.body = b"" if status in _BODILESS else body
        self.kind = kind
        self.headers = headers
        self.repeat = repeat
        self.tail = tail
        self.after_s = after_s
        self._compressed: Answer | None = None
        #: Whether it is worth asking if the client takes gzip.
        self.is_compressible = len(self.body) >= _GZIP_FROM and kind != _BINARY and repeat == 1
        #: Head and body as HTTP/1.1 with keep-alive, which is what nearly every request gets; a repeated body follows it block by block.
        self.wire = self.head() + self.body

    def compressed(self) -> Answer:
        """Return the same answer with a gzip body; made once."""
        if self._compressed is None:
            extra = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
            body = gzip.compress(self.body, 6, mtime=0)  # mtime 0: the same bytes each time
            self._compressed = Answer(body, status=self.status, kind=self.kind, headers=(*self.headers, *extra), after_s=self.after_s)
        return self._compressed

    def head(self, connection: str = "") -> bytes:
        """Return status line and headers, with a Connection header when one is needed."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unassigned')}"]
        if self.status not in _BODILESS:
            lines += [f"Content-Type: {self.kind}", f"Content-Length: {len(self.body) * self.repeat + len(self.tail)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if connection:
            lines.append(f"Connection: {connection}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class StreamAnswer(Answer):
    """An event stream: written piece by piece, each after its pause, in chunks.

    Parameters
    ----------
    pieces : sequence of (float, bytes)
        Pause in seconds and what is sent after it.
    messages : int
        Messages in all pieces together.
    """

    __slots__ = ("messages", "pieces")

    def __init__(self, pieces: Sequence[tuple[float, bytes]], *, messages: int) -> None:
        super().__init__(kind="text/event-stream", headers=(("Cache-Control", "no-store"),))
        self.pieces = pieces
        self.messages = messages

    def head(self, connection: str = "") -> bytes:
        """Return status line and headers; HTTP/1.0 knows no chunks, its answers end with the connection."""
        framing = "Connection: close" if connection else "Transfer-Encoding: chunked"
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {self.kind}", framing, *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def json_answer(value: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an answer with `value` as compact JSON."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return Answer(body, status=status, kind=JSON, headers=headers)


def problem(status: int, text: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an error answer that says what was wrong."""
    return json_answer({"error": text}, status=status, headers=headers)
