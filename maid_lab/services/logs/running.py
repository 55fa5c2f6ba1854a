"""The writer process of a run, as the run service holds it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.services.logs.choice import LogChoice

__all__ = ["LogWriter"]

log = logging.getLogger(__name__)

#: After this a person is told what is waited for.
_PATIENCE_S: Final = 3.0


class LogWriter:
    """A process that follows a run's files and writes its logs.

    Use `begin`, and `finish` when the run has ended, before its spool is turned into Parquet files.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._reader = threading.Thread(target=self._listen, name="log warnings", daemon=True)
        self._reader.start()

    @classmethod
    def begin(cls, choice: LogChoice, *, home: Path, run_id: str) -> LogWriter | None:
        """Start the process; None when no log is wanted."""
        if not choice.files:
            return None
        if choice.request_body:
            log.warning(
                "--request-body: head and body of each request are kept, masked; at full speed that takes up to two "
                "thirds of the generator's rate, and each worker writes up to %d MiB",
                choice.capture.max_bytes // 2**20,
            )
        process = subprocess.Popen([sys.executable, "-m", "maid_lab.services.logs.writer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(json.dumps({"home": str(home), "run_id": run_id, "choice": choice.to_json()}).encode() + b"\n")
        process.stdin.flush()
        return cls(process)

    async def finish(self) -> None:
        """Say that the run has ended, and wait until all its lines are written; again is the same as once."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # it has ended already; its exit code says why
                stdin.write(b"end\n")
                stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                stdin.close()
        waiting = asyncio.to_thread(self._process.wait)
        task = asyncio.ensure_future(waiting)
        done, _ = await asyncio.wait({task}, timeout=_PATIENCE_S)
        if not done:
            log.warning("the run has ended; the rest of its logs is being written")
        code = await task
        await asyncio.to_thread(self._reader.join)
        if code:
            log.warning("the process that writes the logs ended with %d: logs may lack their last lines; maid logs writes them anew", code)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                try:
                    log.warning("%s", json.loads(line)["warning"])
                except (ValueError, KeyError, TypeError):
                    log.warning("the process that writes the logs said: %s", line.decode("utf-8", "replace").strip())
