"""Memory over time at full speed: rows must not stay in memory, however long a run takes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import Line, Table, say
from tests.benchmarks.maid import STATIC_GET
from tests.support.processes import command, descendants

if TYPE_CHECKING:
    from tests.benchmarks.harness import Context

__all__ = ["memory"]

LIMIT: Final = 0.05
LONG_S: Final = 600
SHORT_S: Final = 20


def memory(context: Context) -> Table:
    """Return the table of the worker's resident memory after the whole time against that after a tenth of it."""
    seconds = LONG_S if context.seconds > 1 else SHORT_S
    title = f"Memory of a worker at full speed: after {seconds} s against after {seconds // 10} s"
    say(title)
    samples: list[tuple[float, int]] = []
    done = threading.Event()
    thread = threading.Thread(target=_sample, args=(samples, done), daemon=True)
    thread.start()
    try:
        text = STATIC_GET.format(url=context.server.plain.rstrip("/"), users=64, seconds=seconds, ca=context.server.ca)
        run = context.maid.run(text, limit_s=seconds + 300)
    finally:
        done.set()
        thread.join()
    began = samples[0][0]
    early = next(size for at, size in samples if at - began >= seconds / 10)
    late = [size for at, size in samples if at - began <= seconds][-1]
    growth = late / early - 1
    return Table(
        title=title,
        lines=(
            Line(name="early", value=f"{early / 2**20:.1f} MiB"),
            Line(name="late", value=f"{late / 2**20:.1f} MiB", note=f"{run.measured().requests:,} requests"),
            Line(name="growth", value=f"{growth:+.1%}", figure=f"≤ {LIMIT:.0%}", met=growth <= LIMIT),
        ),
    )


def _sample(samples: list[tuple[float, int]], done: threading.Event) -> None:
    while not done.wait(0.5):
        for pid in descendants():
            if "maid_lab.engine.worker" in command(pid):
                size = _resident(Path("/proc") / str(pid) / "status")
                if size:
                    samples.append((time.monotonic(), size))


def _resident(path: Path) -> int:
    try:
        text = path.read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmRSS:")), 0)
