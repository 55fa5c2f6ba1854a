"""The body of a streamed answer: pieces become stamped messages as they come, and no more than their beginning is kept."""

from __future__ import annotations

import zlib
from array import array
from typing import TYPE_CHECKING, Final, Protocol

from maid_lab.engine.http.sse import EventParser

if TYPE_CHECKING:
    from maid_lab.engine.http.connection import Connection
    from maid_lab.engine.http.head import Head

__all__ = ["Reader", "StreamBody"]

#: Kept of a stream for checks, extracts and failure samples.
_KEPT: Final = 1024 * 1024
_MOST_INFLATED: Final = 16 * 1024 * 1024


class Reader(Protocol):
    """Who reads the stream."""

    def stop_soon(self, connection: Connection, body: StreamBody) -> None:
        """End the exchange: the last message is there."""


class StreamBody(list[bytes]):
    """The body of a streamed answer: takes pieces as they come and keeps no more than their beginning.

    Attributes
    ----------
    stamps, sizes : array
        Arrival (monotonic ns) and bytes of each message.
    ended : int
        When the last message that the step waits for came, or when the stream turned out to be broken; 0 before.
    is_satisfied : bool
        Nothing that the step waits for is missing.
    problem : str
        What is wrong with the stream, empty when nothing is.
    """

    __slots__ = (
        "_connection",
        "_inflater",
        "_limit",
        "_parser",
        "_reader",
        "_room",
        "_until",
        "ended",
        "is_satisfied",
        "problem",
        "sizes",
        "stamps",
    )

    def __init__(self, reader: Reader, connection: Connection, head: Head, *, until: tuple[bytes, bytes], limit: int) -> None:
        super().__init__()
        self._reader = reader
        self._connection = connection
        self._inflater = zlib.decompressobj(47) if head.coding in (b"gzip", b"x-gzip", b"deflate") else None
        self._parser = EventParser()
        self._until = until
        self._limit = limit
        self._room = _KEPT
        self.stamps = array("q")
        self.sizes = array("q")
        self.ended = 0
        self.is_satisfied = not any(until)
        known = not head.coding or self._inflater is not None
        self.problem = "" if known else f"the stream has the content coding {head.coding.decode('latin-1')}, which was not asked for"

    def append(self, piece: bytes) -> None:
        """Take a piece; called within the parser of chunks, where nothing may be raised."""
        if self.ended:
            return
        now = self._connection.last_read
        try:
            plain = self._plain(piece)
            if self._room > 0:
                super().append(plain[: self._room])
                self._room -= len(plain)
            self._feed(plain, now)
        except ValueError as error:
            self.problem = str(error)
            self._end(now)

    def _plain(self, piece: bytes) -> bytes:
        """Return a piece without the content coding of the stream."""
        if self.problem:
            raise ValueError(self.problem)
        if self._inflater is None:
            return piece
        try:
            plain = self._inflater.decompress(piece, _MOST_INFLATED)
        except zlib.error:
            raise ValueError("the compressed stream is broken") from None
        if self._inflater.unconsumed_tail:
            raise ValueError(f"a compressed piece of the stream is larger than {_MOST_INFLATED // 1048576} MiB")
        return plain

    def _feed(self, piece: bytes, now: int) -> None:
        kind, text = self._until
        for event in self._parser.feed(piece):
            self.stamps.append(now)
            self.sizes.append(len(event.data))
            if (kind or text) and (not kind or event.kind == kind) and text in event.data:
                self.is_satisfied = True
                self._end(now)
                return
            if len(self.stamps) == self._limit:
                # The recipe wants no more than these, so none is missing.
                self.is_satisfied = True
                self._end(now)
                return

    def close(self) -> None:
        """Note that the answer has ended."""
        if not self.ended and self._inflater is not None and not self._inflater.eof:
            self.problem = "the compressed stream is cut short"

    def _end(self, now: int) -> None:
        self.ended = now
        self._reader.stop_soon(self._connection, self)
