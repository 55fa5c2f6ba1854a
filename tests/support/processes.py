"""Finding processes that outlive their purpose, from `/proc`; elsewhere than on Linux nothing is found."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Final

__all__ = ["command", "descendants", "end", "mark_environment", "marked"]

_PROC: Final = Path("/proc")
_VARIABLE: Final = "TEST_SESSION_MARK"
_GRACE_S: Final = 3.0
#: Python's own helper, which by design lives as long as the interpreter that it serves.
_BY_DESIGN: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def mark_environment() -> str:
    """Set a variable that every process started from here on inherits, and return its value."""
    mark = os.environ[_VARIABLE] = uuid.uuid4().hex
    return mark


def marked(mark: str) -> set[int]:
    """Return the processes that were started with this mark, also those whose parent is gone."""
    entry = f"{_VARIABLE}={mark}".encode()
    return {pid for pid in _pids() if pid != os.getpid() and entry in _read(pid, "environ").split(b"\0")}


def descendants(root: int | None = None) -> set[int]:
    """Return the children of `root` (this process when not given), their children, and so on."""
    parents = {pid: _parent(pid) for pid in _pids()}
    found: set[int] = set()
    layer = {root or os.getpid()}
    while layer:
        layer = {pid for pid, parent in parents.items() if parent in layer} - found
        found |= layer
    return found


def command(pid: int) -> str:
    """Return the command line of a process; empty when it is gone or a zombie."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def end(pids: set[int]) -> list[str]:
    """Wait shortly for processes that are ending by themselves, end the others, and return the commands of these."""
    deadline = time.monotonic() + _GRACE_S
    while (alive := _alive(pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"{pid} {text}" for pid, text in sorted(alive.items())]


def _alive(pids: set[int]) -> dict[int, str]:
    commands = {pid: command(pid) for pid in pids}
    return {pid: text for pid, text in commands.items() if text and not any(word in text for word in _BY_DESIGN)}


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()] if _PROC.is_dir() else []


def _parent(pid: int) -> int:
    stat = _read(pid, "stat")  # pid (name) state parent …; the name may hold spaces and brackets
    return int(stat.rpartition(b")")[2].split()[1]) if stat else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""
