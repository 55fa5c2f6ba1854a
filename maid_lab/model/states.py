"""States of a run and the pure function that moves between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["FINAL_STATES", "RunStatus", "Verdict", "next_status"]


class RunStatus(StrEnum):
    """Where a run is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


class Verdict(StrEnum):
    """What the thresholds said of a run; `unknown` is not a pass."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


FINAL_STATES: Final = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.STOPPED})

_MOVES: Final = {
    (RunStatus.PENDING, "start"): RunStatus.RUNNING,
    (RunStatus.PENDING, "stop"): RunStatus.STOPPED,
    (RunStatus.PENDING, "fail"): RunStatus.FAILED,
    (RunStatus.RUNNING, "stop"): RunStatus.STOPPING,
    (RunStatus.RUNNING, "finish"): RunStatus.COMPLETED,
    (RunStatus.RUNNING, "fail"): RunStatus.FAILED,
    (RunStatus.STOPPING, "stop"): RunStatus.STOPPING,
    (RunStatus.STOPPING, "finish"): RunStatus.STOPPED,
    (RunStatus.STOPPING, "fail"): RunStatus.FAILED,
}


def next_status(status: RunStatus, event: str) -> RunStatus:
    """Return the status after `event` (start, stop, finish, fail).

    Raises
    ------
    ValueError
        If the event has no meaning in this status, for example any event after the end.
    """
    try:
        return _MOVES[status, event]
    except KeyError:
        raise ValueError(f"a run that is {status} cannot {event}") from None
