"""Messages between supervisor and worker: JSON objects behind a 4-byte length, over a socket pair that ends with either side."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, Final

__all__ = ["LEASE_S", "MAX_FRAME", "SNAPSHOT_S", "Message", "read_message", "write_message"]

Message = dict[str, Any]

#: A plan with its data sets is the largest message.
MAX_FRAME: Final = 512 * 1024 * 1024

#: Right to make load, in seconds from the sending of the snapshot that a renewal answers.
LEASE_S: Final = 3.0

#: Interval of snapshots in seconds.
SNAPSHOT_S: Final = 0.1

_LENGTH: Final = struct.Struct(">I")


def write_message(writer: asyncio.StreamWriter, message: Message) -> None:
    """Queue one message; never waits."""
    body = json.dumps(message, separators=(",", ":")).encode()
    writer.write(_LENGTH.pack(len(body)) + body)


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """Return the next message, None when the other side is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME:
            return None
        message: Message = json.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        return None
    return message
