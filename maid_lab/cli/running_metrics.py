"""The metrics tables printed again and again while a run goes on (`--running-metrics`)."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from maid_lab.cli.consoles import console_for
from maid_lab.cli.text import clean, clock, count, milliseconds, rate
from maid_lab.services.bus import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from maid_lab.lab import Lab
    from maid_lab.model.snapshot import LiveStatus, NameStats

__all__ = ["RunningMetrics", "running_metrics", "tables"]

_KINDS: Final = {"transaction": "transactions", "iteration": "scenarios"}


class RunningMetrics:
    """Listens to the bus and prints the tables of all names each `every_s` seconds of the run.

    Parameters
    ----------
    every_s : float
        Seconds between two prints, ≥ 0.1.
    stream : TextIO
        Where to; a terminal display on it is moved down, not written over.
    prints : callable, optional
        Prints a renderable in place of a console of the stream.
    """

    def __init__(self, every_s: float, stream: TextIO, *, prints: Callable[[RenderableType], None] | None = None) -> None:
        self._every_s = every_s
        self._stream = stream
        self._print = prints or console_for(stream).print
        self._printed = 0

    def __call__(self, topic: str, data: Any) -> None:
        """Print when the next time has come; a late one is printed once."""
        if topic == METRICS and data["elapsed_s"] >= (self._printed + 1) * self._every_s:
            self._printed = int(data["elapsed_s"] / self._every_s)
            self._print(tables(data))
            self._stream.flush()


@contextmanager
def running_metrics(lab: Lab, display: object) -> Iterator[None]:
    """Print the tables as often as the settings say, on standard error, for the length of a `with` block."""
    every_s = lab.settings.running_metrics
    if not every_s:
        yield
        return
    with lab.bus.listening(RunningMetrics(every_s, sys.stderr, prints=getattr(display, "print", None))):
        yield


def tables(live: LiveStatus) -> RenderableType:
    """Return the tables of requests, transactions and scenarios as they stand."""
    from rich.console import Group
    from rich.text import Text

    groups: dict[str, list[NameStats]] = {}
    for stats in live["names"]:
        groups.setdefault(_KINDS.get(stats["kind"], "requests"), []).append(stats)
    head = Text(
        f"running metrics at {clock(live['elapsed_s'])}: {count(live['requests'])} requests, {count(live['failures'])} failed", style="bold"
    )
    return Group(head, *(_table(title, groups[title]) for title in ("requests", "transactions", "scenarios") if title in groups))


def _table(title: str, rows: list[NameStats]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title, overflow="fold")
    for column in ("count", "failures", "rate", "p50", "p95", "p99", "max"):
        table.add_column(column, justify="right", no_wrap=True)
    for stats in rows:
        times = (stats["p50_ms"], stats["p95_ms"], stats["p99_ms"], stats["max_ms"])
        table.add_row(
            Text(clean(stats["name"])),
            count(stats["count"]),
            count(stats["failures"]),
            rate(stats["rate_per_s"]),
            *map(milliseconds, times),
        )
    return table
