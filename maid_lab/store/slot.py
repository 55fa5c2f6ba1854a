"""The single-run slot: a file lock that the kernel frees when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from maid_lab.model.errors import Conflict

__all__ = ["RunSlot"]

_ASKING_S: Final = 1.0
_PAUSE_S: Final = 0.001
_WIDTH: Final = 4096


class RunSlot:
    """The right to run a test from a home folder; use `take`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, home: Path, run_id: str, what: str) -> RunSlot:
        """Take the slot.

        Parameters
        ----------
        run_id : str
            The run that will hold it.
        what : str
            What is run, for people.

        Raises
        ------
        Conflict
            If another run holds it; says which, by whom, since when.
        """
        fd = os.open(home / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(fd):
            holder = _content(fd)
            os.close(fd)
            text = f"run {holder.get('run_id', '?')} ({holder.get('recipe', '?')}) of process {holder.get('pid', '?')}"
            raise Conflict(
                f"{text} is under way since {holder.get('since', '?')}; one test runs at a time.",
                hint="Wait for it (maid status), stop it, or use another MAID_HOME.",
            )
        entry = {"run_id": run_id, "pid": os.getpid(), "recipe": what, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        # Padded and in one piece: whoever asks meanwhile reads what was there before or all of this.
        os.pwrite(fd, json.dumps(entry).encode().ljust(_WIDTH), 0)
        return cls(fd)

    @staticmethod
    def holder(home: Path) -> dict[str, Any] | None:
        """Return what holds the slot now, None when nothing alive does."""
        try:
            fd = os.open(home / "run.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            # Shared: two who ask at once must not take each other for the holder.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _content(fd)
        else:
            return None
        finally:
            os.close(fd)

    def release(self) -> None:
        """Give the slot back; more than once does no harm."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def _locked(fd: int) -> bool:
    """Lock for this process alone; whoever asks for the holder has a shared lock for an instant, which is waited for."""
    deadline = time.monotonic() + _ASKING_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline or _is_held(fd):
                return False
            time.sleep(_PAUSE_S)
        else:
            return True


def _is_held(fd: int) -> bool:
    """Whether somebody holds the slot, not only asks for its holder."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def _content(fd: int) -> dict[str, Any]:
    try:
        data = json.loads(os.pread(fd, _WIDTH, 0))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
