"""Other processes that use a store, ended by their id."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HEAD = """
import os, sys, time
from pathlib import Path
from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.store.slot import RunSlot
from maid_lab.store.store import Store
home = Path(sys.argv[1])
"""


@contextmanager
def other_process(home: Path, code: str) -> Iterator[subprocess.Popen[str]]:
    """Run code in a process of its own until it prints `ready`; killed with signal 9 at the end of the block."""
    command = [sys.executable, "-c", _HEAD + code, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def run_and_kill(home: Path, code: str) -> None:
    """Run code in a process of its own and kill it with signal 9 when it prints `ready`."""
    with other_process(home, code + '\nprint("ready", flush=True)\ntime.sleep(60)'):
        pass
