"""What a command shows of a run beyond its summary: computed from the rows when it is asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from maid_lab.analysis.co_sentences import co_sentences
from maid_lab.analysis.comparison_words import COLUMNS, comparison_sentences, delta_cell, line_name, verdict_cell
from maid_lab.cli.consoles import console_for
from maid_lab.cli.text import clean, count, milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from maid_lab.lab import Lab
    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.reports.views import ViewChoice

__all__ = ["choice_of", "print_comparison", "print_views", "views_json"]

_STYLES: Final = {"worse": "red", "better": "green", "same": "", "": "dim"}
_TIMES: Final = ("avg_ms", "stdev_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms")


async def choice_of(lab: Lab) -> ViewChoice:
    """Return the views that settings and flags ask for; reads the baseline, so that a wrong one is told before anything is run.

    Raises
    ------
    InvalidInput, Missing
        If the baseline cannot be read or is not there.
    """
    from maid_lab.services.reports.pdf import Printing
    from maid_lab.services.reports.shown import Shown
    from maid_lab.services.reports.views import ViewChoice

    baseline = None
    if lab.settings.baseline_file:
        from maid_lab.services.baselines import find_side

        baseline = await find_side(lab.history, lab.settings.baseline_file)
    return ViewChoice(
        co_mitigation=lab.settings.co_mitigation,
        baseline=baseline,
        shown=Shown.of(lab.settings),
        printing=Printing(scale=lab.settings.pdf_scale, timeout_s=lab.settings.pdf_timeout),
    )


def views_json(lab: Lab, record: RunRecord, choice: ViewChoice) -> dict[str, Any]:
    """Return the views of a run as JSON data; nothing is read when none is asked for. Of a run without rows it is said that there is none."""
    from maid_lab.model.errors import Missing
    from maid_lab.services.reports.views import DISABLED

    if choice.baseline is None and choice.co_mitigation == DISABLED:
        return {}
    try:
        return lab.reports.views(record, lab.history.folder(record.id), lab.history.plan(record.id), choice).to_json()
    except Missing as error:
        sys.stderr.write(f"maid: {error}\n")
        return {}


def print_views(views: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """Print the views below the summary of a run."""
    if "comparison" in views:
        print_comparison(views["comparison"], stream)
    if "coordinated_omission" in views:
        _print_omission(views["coordinated_omission"], stream)


def print_comparison(view: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """Print what changed from a baseline to a run."""
    from rich.table import Table
    from rich.text import Text

    console = console_for(stream)
    console.print("\nagainst the baseline", style="dim")
    for sentence in comparison_sentences(view):
        console.print(clean(sentence), markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("name", overflow="fold")
    for head in COLUMNS.values():
        table.add_column(head, justify="right")
    table.add_column("verdict", no_wrap=True)
    for row in view["rows"]:
        cells = [Text(delta_cell(metric, row["deltas"][metric]), style=_STYLES[row["deltas"][metric]["verdict"]]) for metric in COLUMNS]
        table.add_row(Text(clean(line_name(row))), *cells, Text(verdict_cell(row), style=_STYLES[row["verdict"]]))
    console.print(table)


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
