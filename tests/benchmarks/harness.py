"""Rounds of several contestants in turn, medians, and what is printed and kept of them."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.benchmarks.clients import Measured
from tests.benchmarks.pinned import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.benchmarks.maid import Maid
    from tests.benchmarks.target import Nginx

__all__ = ["Context", "Line", "Table", "alternate", "comparison", "render", "say", "write_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a benchmark gets: the target, MAID, a folder, and how long and how often to measure."""

    server: Nginx
    maid: Maid
    folder: Path
    seconds: int
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a table; `met` is None where no figure is to be reached."""

    name: str
    value: str
    ratio: str = ""
    figure: str = ""
    met: bool | None = None
    note: str = ""
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The outcome of one benchmark."""

    title: str
    lines: tuple[Line, ...] = field(default=())


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def alternate(contestants: Mapping[str, Callable[[], Measured]], *, rounds: int) -> dict[str, list[Measured]]:
    """Run all contestants in turn, `rounds` times, so that a drift of the machine meets all alike.

    One that fails is left out from then on, and said so.
    """
    found: dict[str, list[Measured]] = {name: [] for name in contestants}
    failed: set[str] = set()
    for number in range(1, rounds + 1):
        for name, measure in contestants.items():
            if name in failed:
                continue
            try:
                found[name].append(measure())
            except Failed as error:
                failed.add(name)
                say(f"  {name}: {error}")
        say(f"  round {number} of {rounds}: " + ", ".join(f"{name} {runs[-1].rate:,.0f}/s" for name, runs in found.items() if runs))
    return {name: runs for name, runs in found.items() if runs and name not in failed}


def comparison(title: str, contestants: Mapping[str, Callable[[], Measured]], *, least: Mapping[str, float], rounds: int) -> Table:
    """Measure contestants in turn and return their table.

    Parameters
    ----------
    title : str
        Printed above it.
    contestants : mapping
        Name → one measurement; `wrk` is what ratios refer to, `MAID` is what figures are asked of.
    least : mapping of str to float
        Peer → the ratio of MAID's rate to its that is to be reached; a peer that was not measured is passed over.
    rounds : int
        Measurements of each.
    """
    say(title)
    found = alternate(contestants, rounds=rounds)
    medians = {name: statistics.median(run.rate for run in runs) for name, runs in found.items()}
    lines = [_line(name, runs, medians, least if name == "MAID" else {}) for name, runs in found.items()]
    if "MAID" not in found:
        lines.append(Line(name="MAID", value="–", figure="a measurement", met=False))
    return Table(title=title, lines=tuple(lines))


def _line(name: str, runs: list[Measured], medians: Mapping[str, float], least: Mapping[str, float]) -> Line:
    rate = medians[name]
    asked = {peer: ratio for peer, ratio in least.items() if peer in medians}
    reached = {peer: rate / medians[peer] for peer in asked}
    notes = [f"{ratio:.2f} × {peer}" for peer, ratio in reached.items()] + sorted({run.note for run in runs if run.note})
    return Line(
        name=name,
        value=f"{rate:,.0f}/s",
        ratio=f"{rate / medians['wrk']:.2f}" if "wrk" in medians else "",
        figure=", ".join(f"≥ {ratio:g} × {peer}" for peer, ratio in asked.items()),
        met=all(reached[peer] >= asked[peer] for peer in asked) and all(run.complete for run in runs) if asked else None,
        note="; ".join(notes),
        values=tuple(run.rate for run in runs),
    )


def render(table: Table) -> str:
    """Return the table as text, in columns."""
    cells = [("", "median", "ratio", "", "")]
    cells += [(line.name, line.value, line.ratio, _verdict(line), line.note) for line in table.lines]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    rows = (
        f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}".rstrip() for row in cells
    )
    return "\n".join((table.title, *rows, ""))


def _verdict(line: Line) -> str:
    if line.met is None:
        return line.figure
    return f"{'met' if line.met else 'NOT MET'} ({line.figure})"


def write_json(path: Path, tables: list[Table]) -> None:
    """Keep the tables with the machine that they were measured on."""
    content: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()},
        "tables": [asdict(table) for table in tables],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
