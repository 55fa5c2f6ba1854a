"""What a command shows of a run beyond its summary: computed from the rows when it is asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from maid_lab.analysis.co_sentences import co_sentences
from maid_lab.cli.consoles import console_for
from maid_lab.cli.text import clean, count, milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from maid_lab.lab import Lab
    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.reports.views import ViewChoice

__all__ = ["print_views", "views_json"]

_TIMES: Final = ("avg_ms", "stdev_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms")


def views_json(lab: Lab, record: RunRecord, choice: ViewChoice) -> dict[str, Any]:
    """Return the views of a run as JSON data; nothing is read when none is asked for. Of a run without rows it is said that there is none."""
    from maid_lab.model.errors import Missing
    from maid_lab.services.reports.views import ViewChoice

    if choice == ViewChoice():
        return {}
    try:
        return lab.reports.views(lab.history.folder(record.id), lab.history.plan(record.id), choice).to_json()
    except Missing as error:
        sys.stderr.write(f"maid: {error}\n")
        return {}


def print_views(views: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """Print the views below the summary of a run."""
    if "coordinated_omission" in views:
        _print_omission(views["coordinated_omission"], stream)


def _print_omission(view: Mapping[str, Any], stream: TextIO | None) -> None:
    console = console_for(stream)
    console.print("\ncoordinated omission", style="dim")
    for sentence in co_sentences(view):
        console.print(clean(sentence), markup=False)
    if view["synthetic"]:
        for title, rows in (("requests", [*view["requests"], view["overall"]]), ("transactions", view["transactions"])):
            if rows:
                console.print(_table(f"{title}, filled in", rows))


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title, overflow="fold")
    for column in ("measured", "synthetic", "avg", "stdev", "p50", "p95", "p99", "max"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(clean(row["name"])), count(row["actual"]), count(row["synthetic"]), *(milliseconds(row[name]) for name in _TIMES)
        )
    return table
