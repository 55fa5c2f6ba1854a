"""Writing to files that are open without a buffer."""

from __future__ import annotations

import os

__all__ = ["write_whole"]


def write_whole(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`; one call of the system may take a part only.

    Raises
    ------
    OSError
        When the disk is full; a part may have been written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
