"""The live view of a run: a display on a terminal, one line a second elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from maid_lab.cli.text import clean, clock, count, milliseconds, percent, rate, sparkline
from maid_lab.services.bus import LOGS, METRICS, STATUS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from maid_lab.model.snapshot import LiveStatus

__all__ = ["Display", "LineDisplay", "RichDisplay", "SilentDisplay", "display_for", "line"]

_REDRAW_S = 0.25
_NAMES_SHOWN = 12
_GRAVITY = {"warning": 1, "error": 2}


class Display(Protocol):
    """What follows a run. Listens to the bus; `open` and `close` frame the run."""

    def open(self) -> None:
        """Begin to show."""

    def close(self) -> None:
        """Leave the terminal as it was found."""

    def __call__(self, topic: str, data: Any) -> None:
        """Take one message of the bus."""


def display_for(stream: TextIO, *, quiet: int, verbose: int) -> Display:
    """Return the display that fits the stream; `quiet` and `verbose` count how often the flag was given."""
    if quiet:
        return SilentDisplay(stream, quiet=quiet)
    if stream.isatty():
        from rich.console import Console

        return RichDisplay(Console(file=stream, highlight=False), verbose=verbose)
    return LineDisplay(stream, verbose=verbose)


class SilentDisplay:
    """Shows no progress: of the run's log warnings and errors, errors alone (`quiet` 2), or nothing (3)."""

    def __init__(self, stream: TextIO, *, quiet: int = 1) -> None:
        self._stream = stream
        self._quiet = quiet

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def __call__(self, topic: str, data: Any) -> None:
        """Write a line of the log that is grave enough."""
        if topic == LOGS and _GRAVITY.get(str(data["level"]).lower(), 0) >= self._quiet:
            self._stream.write(f"{data['level']}: {clean(data['message'])}\n")
            self._stream.flush()


class LineDisplay:
    """One plain line a second, for logs and pipes.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, stream: TextIO, *, verbose: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._verbose = verbose
        self._clock = clock
        self._next = float("-inf")

    def open(self) -> None:
        """Nothing to prepare."""

    def close(self) -> None:
        """Nothing to restore."""

    def __call__(self, topic: str, data: Any) -> None:
        """Write a line when the last is a second old; log lines by level."""
        if topic == LOGS:
            if _is_told(data, self._verbose):
                self._write(f"{data['level']}: {clean(data['message'])}")
        elif topic in (METRICS, STATUS) and self._clock() >= self._next:
            self._next = self._clock() + 1.0
            self._write(line(data))

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class RichDisplay:
    """Status, progress bar, figures, sparkline of the rate and a table by name, redrawn four times a second."""

    def __init__(self, console: Console, *, verbose: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.live import Live

        self._console = console
        self._verbose = verbose
        self._clock = clock
        self._next = float("-inf")
        self._rates: deque[float] = deque(maxlen=60)
        # Redrawn by hand from the bus: rich's own refresh thread would compete with the event loop that supervises the run.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def open(self) -> None:
        """Take the lower part of the terminal."""
        self._live.start()

    def close(self) -> None:
        """Remove the display; what follows is printed where it stood."""
        self._live.stop()

    def __call__(self, topic: str, data: Any) -> None:
        """Redraw when the last picture is old enough or the status changed."""
        if topic == LOGS:
            if _is_told(data, self._verbose):
                self._live.console.print(f"{data['level']}: {clean(data['message'])}", markup=False)
            return
        if topic not in (METRICS, STATUS) or (topic == METRICS and self._clock() < self._next):
            return
        self._next = self._clock() + _REDRAW_S
        if topic == METRICS:
            self._rates.append(data["rate_per_s"])
        self._live.update(self.picture(data), refresh=True)

    def print(self, what: RenderableType) -> None:
        """Print above the display."""
        self._live.console.print(what)

    def picture(self, live: LiveStatus) -> RenderableType:
        """Return what is shown for one state of the run."""
        from rich.console import Group

        return Group(_head(live), _bar(live), _figures(live, sparkline(self._rates)), _table(live), _foot(live))


def line(live: LiveStatus) -> str:
    """Return the state of a run as one line."""
    words = [
        f"{clock(live['elapsed_s'])}/{clock(live['duration_s'])}",
        f"{live['status']} {live['phase']}".strip(),
        f"users {live['users']}",
        f"rate {rate(live['rate_per_s'])}",
        f"requests {count(live['requests'])}",
        f"errors {count(live['failures'])}",
        f"p95 {milliseconds(live['p95_ms'])}",
    ]
    if live["dropped"]:
        words.append(f"dropped {count(live['dropped'])}")
    if live["generator_bound_s"]:
        words.append(f"generator-bound {live['generator_bound_s']} s")
    return " | ".join(words)


def _is_told(entry: Any, verbose: int) -> bool:
    ranks = {"error": 0, "warning": 0, "info": 1, "debug": 2}
    return ranks.get(str(entry["level"]).lower(), 2) <= verbose


def _head(live: LiveStatus) -> RenderableType:
    from rich.text import Text

    styles = {"running": "bold green", "stopping": "bold yellow", "failed": "bold red"}
    status = Text(live["status"], style=styles.get(live["status"], "bold"))
    return Text.assemble((clean(live["title"]), "bold"), "  ", status, f" · {live['phase']}" if live["phase"] else "")


def _bar(live: LiveStatus) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    total = live["duration_s"] or None
    grid.add_row(
        ProgressBar(total=total, completed=min(live["elapsed_s"], total or 0), width=50, pulse=total is None),
        f"{clock(live['elapsed_s'])} / {clock(live['duration_s'])}",
    )
    return grid


def _figures(live: LiveStatus, bars: str) -> RenderableType:
    from rich.text import Text

    share = live["failures"] / live["requests"] if live["requests"] else 0.0
    text = Text.assemble(
        ("users ", "dim"), f"{live['users']}   ",
        ("in flight ", "dim"), f"{live['in_flight']}   ",
        ("rate ", "dim"), f"{rate(live['rate_per_s'])} ", (bars, "cyan"), "   ",
        ("errors ", "dim"), (f"{count(live['failures'])} ({percent(share)})", "red" if live["failures"] else ""), "   ",
        (f"p95 {live['latency']} ", "dim"), milliseconds(live["p95_ms"]),
    )  # fmt: skip
    if live["dropped"]:
        text.append(f"   dropped {count(live['dropped'])}", style="yellow")
    return text


def _table(live: LiveStatus) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("request", max_width=50, no_wrap=True)
    for title in ("count", "failures", "rate", "p50", "p95", "p99", "max"):
        table.add_column(title, justify="right", no_wrap=True)
    names = [name for name in live["names"] if name["kind"] not in ("iteration", "transaction")]
    for stats in names[:_NAMES_SHOWN]:
        times = (stats["p50_ms"], stats["p95_ms"], stats["p99_ms"], stats["max_ms"])
        failures = _plain(count(stats["failures"]), "red" if stats["failures"] else "")
        table.add_row(_plain(stats["name"]), count(stats["count"]), failures, rate(stats["rate_per_s"]), *map(milliseconds, times))
    if len(names) > _NAMES_SHOWN:
        table.add_row(_plain(f"… and {len(names) - _NAMES_SHOWN} more", "dim"))
    return table


def _plain(text: str, style: str = "") -> RenderableType:
    """Names come from recipes and targets: brackets in them are not markup."""
    from rich.text import Text

    return Text(clean(text), style=style)


def _foot(live: LiveStatus) -> RenderableType:
    from rich.text import Text

    if live["status"] == "stopping":
        return Text("Stopping cleanly. Ctrl-C again cuts everything at once.", style="yellow")
    if live["generator_bound_s"]:
        return Text(f"The generator, not the target, was the limit for {live['generator_bound_s']} s.", style="yellow")
    return Text("Ctrl-C ends the run cleanly.", style="dim")
