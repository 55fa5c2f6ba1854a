"""Messages of streams: one fixed-width record each in a file of the worker, beside the rows of their requests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np

from maid_lab.engine.recording.writing import write_whole
from maid_lab.model.rows import EVENT_FIELDS, NONE_U32

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["EventSpool"]

_TYPE: Final = np.dtype(list(EVENT_FIELDS))


class EventSpool:
    """The messages file of one worker; made with the first stream, so that runs without any have none.

    Parameters
    ----------
    folder : Path
        Run folder.
    worker, epoch : int
        Which worker writes, and the generation of its shard.
    """

    __slots__ = ("_fd", "_path")

    def __init__(self, folder: Path, *, worker: int, epoch: int) -> None:
        self._path = folder / f"events-{worker}-{epoch}.rows"
        self._fd = -1

    def record(
        self, stamps: Sequence[int], sizes: Sequence[int], *, request: int, zero: int, user: int, iteration: int, label: int, flags: int
    ) -> None:
        """Append the messages of a stream that has ended; stamps are absolute monotonic ns, `flags` with the outcome of its request.

        A stream is written as a whole, because its outcome is known at its end: times of failed requests are no samples.

        Raises
        ------
        OSError
            When the disk is full.
        """
        count = len(stamps)
        if not count:
            return
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        rows = np.zeros(count, dtype=_TYPE)
        ends = np.array(stamps, dtype=np.int64) - zero
        rows["end"] = ends
        rows["start"][0] = rows["request"] = request - zero
        rows["start"][1:] = ends[:-1]
        rows["user"], rows["iteration"], rows["label"], rows["flags"] = user, iteration, label, flags
        rows["number"] = np.arange(count)
        rows["size"] = np.minimum(np.array(sizes, dtype=np.int64), NONE_U32)
        write_whole(self._fd, rows.tobytes())

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
