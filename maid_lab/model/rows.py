"""The request row: its vocabulary and the fixed-width record that a worker writes for it.

A worker appends one `RECORD` of 48 bytes for each request, transaction and iteration to its spool file. What a record leaves out is in
the plan's labels (scenario, transaction, name, kind, method, url), in the worker's names file (error texts), or follows from all records of
the run (users and requests in flight). Values too wide for the record (a duration above 4.29 s, a connection that was opened) stand in an
`EXTENSION` of the same width directly behind it, so that the file stays an array.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

__all__ = [
    "EVENT_FIELDS",
    "EVENT_SIZE",
    "EXTENSION",
    "EXTENSION_FIELDS",
    "EXTENSION_MARK",
    "FIRST_MADE_LABEL",
    "FLAG_ATTEMPT_SHIFT",
    "FLAG_EXTENDED",
    "FLAG_OUTCOME",
    "FLAG_PHASE_SHIFT",
    "FLAG_REDIRECTED",
    "FLAG_REUSED",
    "KINDS",
    "NONE_U32",
    "RECORD",
    "RECORD_FIELDS",
    "RECORD_PAIR",
    "RECORD_SIZE",
    "SETUP_USER",
    "USERS_LABEL",
    "Outcome",
    "Phase",
    "pack_flags",
]


class Outcome(IntEnum):
    """How a request ended, in one word."""

    OK = 0
    CHECK_FAILED = 1
    ERROR_STATUS = 2
    TIMEOUT = 3
    CONNECT_ERROR = 4
    TLS_ERROR = 5
    RESET = 6
    PROTOCOL_ERROR = 7
    EXTRACT_MISS = 8
    DROPPED = 9
    UNSENT = 10
    ABORTED = 11

    @property
    def word(self) -> str:
        """The outcome as rows and interfaces spell it, for example `check_failed`."""
        return self.name.lower()

    @property
    def is_sent(self) -> bool:
        """Whether the row counts as sent: dropped, unsent and aborted rows do not."""
        return self < Outcome.DROPPED


class Phase(IntEnum):
    """Part of a run by the slope of its load profile."""

    INCREASE = 0
    MAINTAIN = 1
    DECREASE = 2

    @property
    def word(self) -> str:
        """The phase as rows spell it."""
        return self.name.lower()


#: Kinds of labels. The first eight are requests; `iteration` and `transaction` rows go to files of their own; `users` is the engine's own.
KINDS: Final = (
    "http",
    "graphql",
    "grpc",
    "websocket",
    "sql",
    "sse",
    "mcp",
    "custom",
    "transaction",
    "iteration",
    "users",
)

#: Label 0 of every plan. Its records carry the worker's number of live users from `start` on, in the field `user`.
USERS_LABEL: Final = 0

#: Labels that workers make while running are counted from here on, those of the plan from 0.
FIRST_MADE_LABEL: Final = 32_768

#: Number of the extra user that runs setup and teardown.
SETUP_USER: Final = 0xFFFFFFFF

#: "No value" in the unsigned 32-bit fields `ttfb`.
NONE_U32: Final = 0xFFFFFFFF

#: Name and numpy type of each field, in the order of the record. start: ns since the run's start · service: end − start, ns · blocked:
#: start − intended, ns · ttfb: first byte − start, ns, NONE_U32 = never · lag: generator lateness, µs · user: number over all workers ·
#: iteration: loop of that user · bytes_out, bytes_in: on the wire, head and body · label: index into the plan's labels · status: HTTP or
#: gRPC status, −1 none · error: 0 none, else id in the worker's names file · flags: below.
RECORD_FIELDS: Final = (
    ("start", "<i8"),
    ("service", "<u4"),
    ("blocked", "<u4"),
    ("ttfb", "<u4"),
    ("lag", "<u4"),
    ("user", "<u4"),
    ("iteration", "<u4"),
    ("bytes_out", "<u4"),
    ("bytes_in", "<u4"),
    ("label", "<u2"),
    ("status", "<i2"),
    ("error", "<u2"),
    ("flags", "<u2"),
)
RECORD: Final = struct.Struct("<qIIIIIIIIHhHH")
RECORD_SIZE: Final = RECORD.size

#: A request's record and that of the iteration which it ends, packed in one call.
RECORD_PAIR: Final = struct.Struct(RECORD.format + RECORD.format[1:])

#: An extension repeats as absolute stamps (ns since the run's start) what the record before it may have had to cut; −1 = none. `connected`
#: is −1 when the connection was reused, `messages` (received by a stream) NONE_U32 for what is no stream. When a record is flagged
#: FLAG_EXTENDED, take end, first_byte, intended, connected and trace_id from its extension alone.
EXTENSION_FIELDS: Final = (
    ("end", "<i8"),
    ("first_byte", "<i8"),
    ("intended", "<i8"),
    ("connected", "<i8"),
    ("trace_id", "<u8"),
    # Where the record has its label there is 0, that of no row.
    ("pad", "V2"),
    ("messages", "<u4"),
    ("flags", "<u2"),
)
EXTENSION: Final = struct.Struct("<qqqqQ2xIH")

#: One message of a stream, in a file of its own (`events-<worker>-<epoch>.rows`), written when its request has ended.
#: start, end: arrival of the message before it (of the first: begin of the request) and its own, ns since the run's start · request: begin
#: of its request · number: 0 for the first of a stream · size: bytes of its data · label, user, iteration, flags: those of its request.
EVENT_FIELDS: Final = (
    ("start", "<i8"),
    ("end", "<i8"),
    ("request", "<i8"),
    ("user", "<u4"),
    ("iteration", "<u4"),
    ("number", "<u4"),
    ("size", "<u4"),
    ("label", "<u2"),
    ("flags", "<u2"),
    ("pad", "V4"),
)
EVENT_SIZE: Final = 48

#: bits 0–3 outcome (15 marks an extension) · 4–5 phase · 6 reused · 7 redirected · 8 extension follows · 9–15 attempt (0 = first)
FLAG_OUTCOME: Final = 0x000F
FLAG_PHASE_SHIFT: Final = 4
FLAG_REUSED: Final = 1 << 6
FLAG_REDIRECTED: Final = 1 << 7
FLAG_EXTENDED: Final = 1 << 8
FLAG_ATTEMPT_SHIFT: Final = 9
EXTENSION_MARK: Final = 0x000F


def pack_flags(
    outcome: int,
    *,
    phase: int,
    reused: bool = False,
    redirected: bool = False,
    extended: bool = False,
    attempt: int = 0,
) -> int:
    """Return the 16-bit flags of a record."""
    return (
        outcome
        | phase << FLAG_PHASE_SHIFT
        | (FLAG_REUSED if reused else 0)
        | (FLAG_REDIRECTED if redirected else 0)
        | (FLAG_EXTENDED if extended else 0)
        | min(attempt, 127) << FLAG_ATTEMPT_SHIFT
    )
