"""How long a person waits: from `maid run` to the first request, and for `import maid_lab`."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import Line, Table, say
from tests.benchmarks.maid import MAID
from tests.benchmarks.pinned import Failed, start_pinned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.harness import Context

__all__ = ["first_request", "import_time"]

ROUNDS: Final = 7
FIRST_REQUEST_LIMIT_S: Final = 0.8
IMPORT_LIMIT_S: Final = 0.1

_RECIPE: Final = """
schema: maid.recipe/v1
id: bench-first-request
title: First request
description: One user, one second.
target: {{ base_url: "http://127.0.0.1:{port}" }}
load: {{ users: 1, hold: 1s }}
scenarios:
  - name: get
    steps:
      - get: /
      - think: 200ms
"""


class _Stamp:
    """Accepts connections, answers everything, and keeps when the first byte of the first request came."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.first: float | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                self.first = self.first or time.perf_counter()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def first_request(context: Context) -> Table:
    """Return the table for the start of a run, as the command line's user waits for it: all cores, a home that exists."""
    say("From `maid run` to the first request")
    home = context.folder / "first-request"
    _one_start(home)
    times = [_one_start(home) for _ in range(ROUNDS)]
    return _table("From `maid run` to the first request", times, limit_s=FIRST_REQUEST_LIMIT_S)


def _one_start(home: Path) -> float:
    stamp = _Stamp()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    recipe = home.with_suffix(".yaml")
    recipe.write_text(_RECIPE.format(port=stamp.port), encoding="utf-8")
    begin = time.perf_counter()
    process = start_pinned([MAID, "run", str(recipe), "--json", "--quiet"], core=None, env={"MAID_HOME": str(home)})
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        stamp.listener.close()
    if process.returncode or stamp.first is None:
        raise Failed(f"maid run ended with {process.returncode}: {err.strip()[-600:]}")
    return stamp.first - begin


def import_time(context: Context) -> Table:
    """Return the table for the import, the interpreter's own start not counted."""
    del context
    say("import maid_lab")
    code = "import time; start = time.perf_counter(); import maid_lab; print(time.perf_counter() - start)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(ROUNDS)]
    return _table("import maid_lab", [float(run.stdout) for run in runs], limit_s=IMPORT_LIMIT_S)


def _table(title: str, times: list[float], *, limit_s: float) -> Table:
    median = statistics.median(times)
    line = Line(
        name="MAID",
        value=f"{median * 1e3:,.1f} ms",
        figure=f"≤ {limit_s * 1e3:g} ms",
        met=median <= limit_s,
        note=f"of {len(times)}: {min(times) * 1e3:,.1f} to {max(times) * 1e3:,.1f} ms",
        values=tuple(times),
    )
    return Table(title=title, lines=(line,))
