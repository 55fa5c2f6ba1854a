"""The process that writes logs beside a run: `python -m maid_lab.services.logs.writer`.

The first line of its standard input says what to write, the next that the run has ended: it then writes what is left and ends. Without that
line the end of the input means that the process that started it is gone. The workers notice it too, and what they still write is waited for,
so that logs are complete up to the last rows that reached the disk. What goes wrong is told on standard output, one JSON object a line.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

from maid_lab.engine.wire import LEASE_S
from maid_lab.model.errors import MaidError
from maid_lab.services.logs.choice import LogChoice
from maid_lab.services.logs.scribe import Scribe
from maid_lab.store.folders import RunFolder

__all__ = ["main"]

_EVERY_S: Final = 0.25
#: Load comes first: a log that is late is late, a request that is late is a wrong measurement.
_NICE: Final = 10
_QUIET_S: Final = 1.0
_ENDED: Final = "ended"
_GONE: Final = "gone"


def main() -> None:
    """Write the logs of one run until it ends."""
    # Ctrl-C goes to the whole foreground group; the run's end, not the signal, ends the logs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    first = b""
    while not first.endswith(b"\n"):
        piece = os.read(0, 1)  # no more than the line: what follows is waited for by select
        if not piece:
            return
        first += piece
    order = json.loads(first)
    try:
        scribe = Scribe(RunFolder(Path(order["home"]), order["run_id"]), LogChoice.from_json(order["choice"]), _warn)
        try:
            while not (word := _word()):
                scribe.step()
            if word == _GONE:
                _linger(scribe)
            scribe.step(final=True)
        finally:
            scribe.close()
    except Exception as error:  # the edge of the process: a person is told the cause, not the way to it
        _warn(f"the logs end here: {error if isinstance(error, MaidError | OSError) else f'{type(error).__name__}: {error}'}")


def _word() -> str:
    """Return an empty text as long as the run goes on, else how it ended."""
    ready, _, _ = select.select([0], [], [], _EVERY_S)
    if not ready:
        return ""
    return _ENDED if os.read(0, 1) else _GONE


def _linger(scribe: Scribe) -> None:
    """Go on until nothing more comes: orphaned workers stop at once, or at the latest when their lease runs out."""
    until = time.monotonic() + LEASE_S + _QUIET_S
    quiet_from, before = time.monotonic(), scribe.lines
    while time.monotonic() < until and time.monotonic() < quiet_from + _QUIET_S:
        time.sleep(_EVERY_S)
        scribe.step()
        if scribe.lines != before:
            quiet_from, before = time.monotonic(), scribe.lines


def _warn(text: str) -> None:
    try:
        os.write(1, json.dumps({"warning": text}).encode() + b"\n")
    except OSError:
        sys.stderr.write(f"{text}\n")  # who started it is gone


if __name__ == "__main__":
    main()
