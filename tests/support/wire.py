"""HTTP/1.1 answers as bytes, right and wrong ones, and what a server does with them on the wire."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Final

__all__ = ["Action", "Close", "Drip", "Hang", "Pause", "Reset", "Send", "body_of", "chunked", "gzipped", "head", "reply"]


@dataclass(frozen=True, slots=True)
class Send:
    """Write all of it at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Drip:
    """Write it in pieces with a gap after each, long enough that they arrive as separate reads."""

    data: bytes
    size: int = 1
    gap_s: float = 0.0005
    #: Where the first piece ends; 0 = after `size`.
    first: int = 0

    def pieces(self) -> list[bytes]:
        """Return the pieces in order."""
        start = self.first or self.size
        return [self.data[:start], *(self.data[at : at + self.size] for at in range(start, len(self.data), self.size))]


@dataclass(frozen=True, slots=True)
class Pause:
    """Write nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection in the usual way (FIN)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection off (RST)."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Keep the connection and say nothing more on it."""


Action = Send | Drip | Pause | Close | Reset | Hang

OK: Final = b"hello, world"


def head(status: int | str = 200, *headers: tuple[str, str]) -> bytes:
    """Return a status line and headers; `status` may be the rest of the line as text."""
    lines = [f"HTTP/1.1 {status if isinstance(status, str) else f'{status} Status'}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(body: bytes = OK, *headers: tuple[str, str], status: int | str = 200, length: int | None = None) -> bytes:
    """Return an answer with a Content-Length, which can be made to lie."""
    return head(status, ("Content-Length", str(len(body) if length is None else length)), *headers) + body


def chunked(
    body: bytes,
    *headers: tuple[str, str],
    size: int = 5,
    extension: str = "",
    trailers: tuple[tuple[str, str], ...] = (),
    upper: bool = False,
) -> bytes:
    """Return an answer in chunks of `size`, on request with extensions, trailers and upper-case sizes."""
    form = "X" if upper else "x"
    parts = [head(200, ("Transfer-Encoding", "chunked"), *headers)]
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        parts.append(f"{len(piece):{form}}{extension}\r\n".encode() + piece + b"\r\n")
    parts.append(f"0{extension}\r\n".encode())
    parts += [f"{name}: {value}\r\n".encode() for name, value in trailers]
    return b"".join(parts) + b"\r\n"


def gzipped(body: bytes, *headers: tuple[str, str]) -> bytes:
    """Return an answer with a gzip body."""
    return reply(gzip.compress(body, mtime=0), ("Content-Encoding", "gzip"), *headers)


def body_of(size: int) -> bytes:
    """Return a body in which every place can be told from its neighbours."""
    return b"".join(b"%07d," % at for at in range(0, size, 8))[:size]
