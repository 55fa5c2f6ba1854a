"""Ten thousand users who think for a second between requests: how fast they are all there, and what each costs."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from tests.benchmarks.harness import Line, Table, say
from tests.benchmarks.maid import is_sent
from tests.support.processes import command, descendants

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.benchmarks.harness import Context
    from tests.benchmarks.maid import Run

__all__ = ["many_python_users", "many_users"]

USERS: Final = 10_000
HOLD_S: Final = 15
STARTED_LIMIT_S: Final = 10.0
BYTES_LIMIT: Final = 10 * 1024
PYTHON_BYTES_LIMIT: Final = 10 * 1024
CPU_LIMIT: Final = 0.95

_RECIPE: Final = """
schema: maid.recipe/v1
id: bench-many-users
title: Many users
description: A request, then a second of thought.
target: {{ base_url: "{url}" }}
load: {{ users: {users}, hold: {hold}s }}
scenarios:
  - name: get
    steps:
      - get: /
      - think: 1s
"""


#: The same in Python: each user is an asyncio Task.
_SCENARIO: Final = """
import maid_lab


@maid_lab.scenario
async def get(user):
    await user.get("/")
    await user.think(1)
"""


class _Watch:
    """Samples memory and CPU of the worker process while the block runs."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self.cpu_s: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def busiest(self) -> float:
        """Return the median share of a core over the seconds in which the worker worked."""
        steps = sorted(after - before for before, after in zip(self.cpu_s, self.cpu_s[1:], strict=False))
        working = [step for step in steps if step > steps[-1] / 4]
        return working[len(working) // 2]

    def _sample(self) -> None:
        while not self._done.wait(1.0):
            for pid in descendants():
                if "maid_lab.engine.worker" in command(pid):
                    self._read(Path("/proc") / str(pid))

    def _read(self, folder: Path) -> None:
        try:
            status, stat = (folder / "status").read_text(), (folder / "stat").read_text()
        except OSError:
            return
        resident = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")), "0")
        user, system = stat.rpartition(")")[2].split()[11:13]
        self.peak_bytes = max(self.peak_bytes, int(resident) * 1024)
        self.cpu_s.append((int(user) + int(system)) / os.sysconf("SC_CLK_TCK"))


def many_users(context: Context) -> Table:
    """Return the table for a recipe; the memory of a user is what the worker has above a worker with one user."""
    return _table(context, f"{USERS:,} users with a second of thought", _run, BYTES_LIMIT)


def many_python_users(context: Context) -> Table:
    """Return the table for a scenario in Python."""
    return _table(context, f"{USERS:,} users of a scenario in Python with a second of thought", _run_python, PYTHON_BYTES_LIMIT)


def _table(context: Context, title: str, run_users: Callable[..., tuple[_Watch, Run]], limit: int) -> Table:
    say(title)
    empty, _ = run_users(context, users=1, hold_s=4)
    full, run = run_users(context, users=USERS, hold_s=HOLD_S)
    started_s, failed = _all_started_s(run)
    each = (full.peak_bytes - empty.peak_bytes) / USERS
    busy = full.busiest()
    return Table(
        title=title,
        lines=(
            Line(
                name="all started",
                value=f"{started_s:.2f} s",
                figure=f"≤ {STARTED_LIMIT_S:g} s",
                met=started_s <= STARTED_LIMIT_S and not failed,
                note=f"{failed} failed",
            ),
            Line(name="memory of a user", value=f"{each / 1024:.1f} KiB", figure=f"≤ {limit / 1024:g} KiB", met=each <= limit),
            Line(
                name="CPU",
                value=f"{busy:.0%} of a core",
                figure=f"≤ {CPU_LIMIT:.0%}",
                met=busy <= CPU_LIMIT,
                # A worker that does not get its core sends less and looks cheap.
                note=f"{run.record['total_requests']:,} of about {USERS * HOLD_S:,} requests",
            ),
        ),
    )


def _run(context: Context, *, users: int, hold_s: int) -> tuple[_Watch, Run]:
    with _Watch() as watch:
        run = context.maid.run(_RECIPE.format(url=context.server.plain.rstrip("/"), users=users, hold=hold_s))
    return watch, run


def _run_python(context: Context, *, users: int, hold_s: int) -> tuple[_Watch, Run]:
    flags = ("--host", context.server.plain.rstrip("/"), "--users", str(users), "--run-time", f"{hold_s}s")
    with _Watch() as watch:
        run = context.maid.run(_SCENARIO, flags=flags, suffix=".py")
    return watch, run


def _all_started_s(run: Run) -> tuple[float, int]:
    firsts = run.rows.filter(is_sent()).group_by("user").agg(pl.col("start").min())
    users, last = firsts.select(pl.len(), pl.col("start").max()).collect().row(0)
    failed = run.rows.filter(is_sent() & (pl.col("outcome").cast(pl.String) != "ok")).select(pl.len()).collect().item()
    return (last / 1e9 if users == USERS else float("inf")), failed
