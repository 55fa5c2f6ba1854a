"""Files read while others append to them: what is new since the last look, in whole lines."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Tail", "parsed"]

_READ: Final = 1 << 20


class Tail:
    """Lines of one file as they come. The file may appear later; once open, it is read to its end even when its name is gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._offset = 0
        self._rest = b""

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the whole lines that are new with their place in the file; a line that is not finished waits."""
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return
        while data := os.read(self._fd, _READ):
            *whole, self._rest = (self._rest + data).split(b"\n")
            for line in whole:
                yield self._offset, line
                self._offset += len(line) + 1

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the new lines that are JSON objects."""
        for _, line in self.lines():
            entry = parsed(line)
            if entry is not None:
                yield entry

    def at(self, offset: int, length: int) -> bytes:
        """Return bytes that were read before."""
        return os.pread(self._fd, length, offset)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def parsed(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a line, None when it is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
