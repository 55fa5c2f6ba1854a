"""Server-sent events: a stream of bytes parsed into events, however it is cut into pieces.

The rules are those of the HTML standard, section 9.2.6, "Interpreting an event stream". Lines end in CR LF, LF or CR; an empty line
dispatches an event that has data; an event that the end of the stream cuts is dropped. `id` and `retry` are for clients that connect
again, which a load generator does not.

References
----------
WHATWG. HTML Living Standard, server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Event", "EventParser"]

#: An event beyond this is an attack or an accident.
MAX_EVENT: Final = 16 * 1024 * 1024

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its type, empty for `message`, and its data, lines joined by LF; both as UTF-8."""

    kind: bytes
    data: bytes


class EventParser:
    """Parses one stream piece by piece."""

    __slots__ = ("_at_start", "_data", "_kind", "_rest", "_size", "_skips_lf")

    def __init__(self) -> None:
        self._at_start = True
        self._skips_lf = False
        self._rest = b""
        self._kind = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that this piece completes.

        Raises
        ------
        ValueError
            If an event is larger than 16 MiB.
        """
        if not piece:
            return []
        if self._skips_lf:
            # The CR that ended the piece before has ended its line already.
            self._skips_lf = False
            piece = piece.removeprefix(b"\n")
        text = self._rest + piece if self._rest else piece
        if self._at_start:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return []
            self._at_start = False
            text = text.removeprefix(_BOM)
        lines = _LINE_END.split(text)
        self._rest = lines.pop()
        self._skips_lf = text.endswith(b"\r")
        events: list[Event] = []
        for line in lines:
            if line:
                self._take(line)
            else:
                self._dispatch(events)
        if len(self._rest) + self._size > MAX_EVENT:
            raise ValueError(f"an event of the stream is larger than {MAX_EVENT // 1048576} MiB")
        return events

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._size += len(value) + 1
        elif name == b"event":
            self._kind = value.removeprefix(b" ")

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(self._kind, b"\n".join(self._data)))
            self._data = []
            self._size = 0
        self._kind = b""
