"""Flags that say which figures are counted and shown: names are Goose's. Each is a setting too, but for the one that is part of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

__all__ = [
    "SHOWN_SETTINGS", "NoErrorSummary", "NoGranularReport", "NoMetrics", "NoPrintMetrics", "NoResetMetrics", "NoScenarioMetrics", "NoStatusCodes",
    "NoTransactionMetrics", "PdfPrintHtml", "PdfScale", "PdfTimeout", "shown_settings",
]  # fmt: skip


def _switch(name: str, text: str) -> Any:
    return typer.Option(name, help=text, rich_help_panel="Metrics")


NoMetrics = Annotated[bool, _switch("--no-metrics", "Keep no rows: live counts only, nothing to analyse, judge or report afterwards.")]
NoResetMetrics = Annotated[bool, _switch("--no-reset-metrics", "Count the increase of users too, which is left out as warm-up otherwise.")]
NoTransactionMetrics = Annotated[bool, _switch("--no-transaction-metrics", "Leave transactions out of what is shown and reported.")]
NoScenarioMetrics = Annotated[bool, _switch("--no-scenario-metrics", "Leave scenarios out of what is shown and reported.")]
NoStatusCodes = Annotated[bool, _switch("--no-status-codes", "Leave status codes out of what is shown and reported.")]
NoPrintMetrics = Annotated[bool, _switch("--no-print-metrics", "Print the verdict at the end, and no tables.")]
NoErrorSummary = Annotated[bool, _switch("--no-error-summary", "Leave the errors out of what is printed at the end.")]
NoGranularReport = Annotated[bool, _switch("--no-granular-report", "Draw no lines by request name in the HTML report.")]

PdfScale = Annotated[
    float | None,
    typer.Option(
        "--pdf-scale", min=0.1, max=2.0, metavar="N", help="Size of what is printed in PDF reports; 0.8.", rich_help_panel="Output"
    ),
]
PdfTimeout = Annotated[
    float | None,
    typer.Option(
        "--pdf-timeout", min=10, max=600, metavar="SECS", help="Seconds after which printing is given up; 60.", rich_help_panel="Output"
    ),
]
PdfPrintHtml = Annotated[
    Path | None,
    typer.Option(
        "--pdf-print-html", metavar="FILE", help="Write the page for paper that PDF reports are printed from.", rich_help_panel="Output"
    ),
]

#: Flags that are settings of the same name.
SHOWN_SETTINGS: Final = (
    "no_metrics", "no_transaction_metrics", "no_scenario_metrics", "no_status_codes", "no_print_metrics", "no_error_summary",
    "no_granular_report", "pdf_scale", "pdf_timeout",
)  # fmt: skip


def shown_settings(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that flags give; a switch that was not given says nothing."""
    return {name: flags.get(name) or None for name in SHOWN_SETTINGS}
