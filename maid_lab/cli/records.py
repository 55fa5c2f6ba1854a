"""Run records as JSON for machines and as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TextIO

from maid_lab.cli.consoles import console_for
from maid_lab.cli.text import clean, count, milliseconds, percent, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.reports.shown import Shown

__all__ = ["print_history", "record_json"]

#: The end of an id is random and enough to name a run; its beginning is the time, which runs of a day share.
_ID_SHOWN: Final = 12
_STYLES: Final = {"pass": "green", "fail": "red", "failed": "red", "unknown": "yellow", "running": "bold cyan"}


def record_json(record: RunRecord, *, summary: bool = True, shown: Shown | None = None) -> dict[str, Any]:
    """Return the columns of `maid_runs`, and what is shown of the summary under its own key instead of `metrics_json`."""
    data = record.to_json()
    metrics = data.pop("metrics_json")
    if not summary:
        return data
    return {**data, "summary": metrics if shown is None or not metrics else shown.of_summary(metrics)}


def print_history(records: Sequence[RunRecord], stream: TextIO | None = None) -> None:
    """Print one line for each run."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column, justify in _COLUMNS:
        table.add_column(column, justify=justify, no_wrap=column in ("run", "started"))
    for record in records:
        word = str(record.verdict or record.status)
        table.add_row(*(Text(cell) for cell in _cells(record)), Text(word, style=_STYLES.get(word, "")))
    console_for(stream).print(table)


_COLUMNS: Final[tuple[tuple[str, Any], ...]] = (
    ("run", "left"), ("started", "left"), ("recipe", "left"), ("name", "left"), ("duration", "right"), ("requests", "right"), ("errors", "right"),
    ("p95", "right"), ("verdict", "left"),
)  # fmt: skip


def _cells(record: RunRecord) -> tuple[str, ...]:
    started = record.start_time or record.created_at
    total = record.total_requests or 0
    return (
        record.id[-_ID_SHOWN:],
        f"{started.astimezone():%Y-%m-%d %H:%M}",
        clean(record.recipe_id or "–"),
        clean(record.name or ""),
        span(record.duration_seconds) if record.duration_seconds is not None else "–",
        count(record.total_requests),
        percent((record.failed_requests or 0) / total) if total else "–",
        milliseconds(record.p95_response_time_ms),
    )
