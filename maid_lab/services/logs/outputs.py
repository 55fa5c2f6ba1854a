"""The files that logs are written into. One that can no longer be written ends, the others and the run go on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from maid_lab.services.logs.fields import FLAGS
from maid_lab.services.logs.formats import encoder_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maid_lab.services.logs.choice import LogFile

__all__ = ["Output"]

#: Characters kept back until they are written.
_BUFFER: Final = 256 * 1024


class Output:
    """One log's file; what was in it is overwritten.

    Parameters
    ----------
    file : LogFile
        Kind, path and format.
    warn : callable
        Told once, in a sentence, when the log ends early.

    Attributes
    ----------
    lines : int
        Lines given so far, whether or not they could be written.
    """

    def __init__(self, file: LogFile, warn: Callable[[str], None]) -> None:
        self.kind = file.kind
        self.lines = 0
        self._file = file
        self._warn = warn
        self._encode = encoder_for(file.kind, file.format)
        self._parts = [self._encode.header]
        self._size = 0
        self._fd = -1
        try:
            # Owner alone when it is new: logs hold what was sent.
            self._fd = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._end(error)

    @property
    def is_open(self) -> bool:
        """Whether lines still reach the file."""
        return self._fd >= 0

    def write(self, values: Sequence[Any]) -> None:
        """Add one line."""
        if self._fd < 0:
            return
        text = self._encode(values)
        self.lines += 1
        self._parts.append(text)
        self._size += len(text)
        if self._size >= _BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what was kept back."""
        if self._fd < 0:
            return
        view = memoryview("".join(self._parts).encode("utf-8", "replace"))
        self._parts, self._size = [], 0
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self._end(error)

    def close(self) -> None:
        """Write what was kept back and close the file."""
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _end(self, error: OSError) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._warn(f"{FLAGS[self.kind]} {self._file.path} ends here: {error.strerror or error}; the run and its rows are not concerned")
