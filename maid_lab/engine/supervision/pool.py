"""The local worker pool: one subprocess per core, started early so that it has imported by the time there is a plan."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from maid_lab.engine.wire import Message, read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LocalPool", "WorkerHandle", "WorkerPool", "default_workers"]

_EXIT_WAIT_S: Final = 2.0


def default_workers() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True, eq=False)
class WorkerHandle:
    """One worker as the supervisor sees it."""

    number: int
    process: subprocess.Popen[bytes]
    socket: socket.socket
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    async def connect(self) -> None:
        """Attach the socket to the running loop."""
        if self.reader is None:
            self.reader, self.writer = await asyncio.open_connection(sock=self.socket, limit=2**20)

    def send(self, message: Message) -> None:
        """Queue a message; a worker that is gone gets nothing."""
        if self.writer is not None and not self.writer.is_closing():
            write_message(self.writer, message)

    async def receive(self) -> Message | None:
        """Return the next message, None when the worker is gone."""
        return await read_message(self.reader) if self.reader is not None else None

    def end_reason(self) -> str:
        """Say how the process ended."""
        code = self.process.poll()
        if code is None:
            return "stopped answering"
        if code < 0:
            return f"was killed by signal {-code} ({signal.Signals(-code).name})"
        return f"ended with exit code {code}"


class WorkerPool(Protocol):
    """Where workers come from; the same for local processes and clusters."""

    @property
    def workers(self) -> Sequence[WorkerHandle]:
        """The workers, by number."""

    async def close(self) -> None:
        """End all workers."""


class LocalPool:
    """Worker processes of this machine.

    Parameters
    ----------
    handles : sequence of WorkerHandle
        Processes that were started; use `LocalPool.warm`.
    """

    def __init__(self, handles: Sequence[WorkerHandle]) -> None:
        self.workers: Sequence[WorkerHandle] = handles

    @classmethod
    def warm(cls, workers: int | None = None) -> LocalPool:
        """Start worker processes at once, without waiting for them.

        Parameters
        ----------
        workers : int, optional
            How many; one for each core that this process may use by default.
        """
        handles = [_spawn(number) for number in range(workers or default_workers())]
        # While they import, this process parses flags and plans the test, which takes longer: one core is left to it.
        _allow(handles, _cores()[1:])
        return cls(handles)

    async def connect(self) -> None:
        """Attach all workers to the running loop, and let them have all cores."""
        _allow(self.workers, _cores())
        for handle in self.workers:
            await handle.connect()

    async def close(self) -> None:
        """Ask all workers to end, and end by process id those that do not."""
        for handle in self.workers:
            handle.send({"type": "exit"})
            if handle.writer is not None:
                with contextlib.suppress(ConnectionError):
                    await handle.writer.drain()
                handle.writer.close()
            else:
                handle.socket.close()
        deadline = time.monotonic() + _EXIT_WAIT_S
        for handle in self.workers:
            while handle.process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - a child's end is no event of this loop
                await asyncio.sleep(0.01)
            _kill(handle.process)

    def close_now(self) -> None:
        """End all workers without a loop, for a plan that was refused."""
        for handle in self.workers:
            handle.socket.close()
            _kill(handle.process)


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _allow(handles: Sequence[WorkerHandle], cores: Sequence[int]) -> None:
    """Let the workers run on these cores; without any, and on systems that cannot, they stay where they are."""
    for handle in handles:
        if cores:
            with contextlib.suppress(OSError):  # it may be gone already
                os.sched_setaffinity(handle.pid, cores)


def _spawn(number: int) -> WorkerHandle:
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "maid_lab.engine.worker", "--fd", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    finally:
        theirs.close()
    ours.setblocking(False)  # noqa: FBT003 - socket's own signature
    return WorkerHandle(number=number, process=process, socket=ours)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
