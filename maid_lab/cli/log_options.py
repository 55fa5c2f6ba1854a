"""Flags of the six logs and of the console: names and short letters are Goose's. Each is a setting too, with the same word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from maid_lab.services.settings import Settings

__all__ = [
    "LOG_SETTINGS", "DebugFormat", "DebugLog", "ErrorFormat", "ErrorLog", "GooseFormat", "GooseLog", "LogLevel", "NoDebugBody", "RequestBody",
    "RequestFormat", "RequestLog", "RunningMetrics", "ScenarioFormat", "ScenarioLog", "TransactionFormat", "TransactionLog", "console_levels",
    "log_settings",
]  # fmt: skip

_PANEL: Final = "Logs"
_FORMAT: Final = "json (default), csv, raw or pretty."


def _file(*names: str, help: str) -> Any:
    return typer.Option(*names, metavar="FILE", help=f"{help} A file that is there is overwritten.", rich_help_panel=_PANEL)


def _format(name: str, log: str) -> Any:
    return typer.Option(name, metavar="F", help=f"Format of the {log} log: {_FORMAT}", rich_help_panel=_PANEL)


GooseLog = Annotated[Path | None, _file("--goose-log", "-G", help="Write what the run itself says, the program log.")]
GooseFormat = Annotated[str | None, _format("--goose-format", "program")]
LogLevel = Annotated[
    int,
    typer.Option(
        "--log-level",
        "-g",
        count=True,
        help="More in the program log: once information, twice debug, thrice trace.",
        rich_help_panel=_PANEL,
    ),
]
RequestLog = Annotated[Path | None, _file("--request-log", "-R", help="Write one line for each request.")]
RequestFormat = Annotated[str | None, _format("--request-format", "request")]
RequestBody = Annotated[
    bool,
    typer.Option(
        "--request-body",
        help="Keep head and body of each request for the request log, secrets masked. Takes up to two thirds of the top speed.",
        rich_help_panel=_PANEL,
    ),
]
TransactionLog = Annotated[Path | None, _file("--transaction-log", "-T", help="Write one line for each transaction.")]
TransactionFormat = Annotated[str | None, _format("--transaction-format", "transaction")]
ScenarioLog = Annotated[Path | None, _file("--scenario-log", "-S", help="Write one line for each iteration of a scenario.")]
ScenarioFormat = Annotated[str | None, _format("--scenario-format", "scenario")]
ErrorLog = Annotated[Path | None, _file("--error-log", "-E", help="Write one line for each failed request.")]
ErrorFormat = Annotated[str | None, _format("--error-format", "error")]
DebugLog = Annotated[
    Path | None,
    _file("--debug-log", "-D", help="Write each failed exchange with heads and bodies, secrets masked, and what scenarios log."),
]
DebugFormat = Annotated[str | None, _format("--debug-format", "debug")]
NoDebugBody = Annotated[bool, typer.Option("--no-debug-body", help="Leave bodies out of the debug log.", rich_help_panel=_PANEL)]
RunningMetrics = Annotated[
    float | None,
    typer.Option(
        "--running-metrics",
        min=0.1,
        metavar="SECS",
        help="Print the metrics tables to standard error each SECS seconds while the run goes on.",
        rich_help_panel="Output",
    ),
]

#: Flags that are settings of the same name.
LOG_SETTINGS: Final = (
    "goose_log", "goose_format", "log_level", "request_log", "request_format", "request_body", "transaction_log", "transaction_format",
    "scenario_log", "scenario_format", "error_log", "error_format", "debug_log", "debug_format", "no_debug_body", "running_metrics", "quiet",
    "verbose",
)  # fmt: skip


def log_settings(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that flags give; a switch or a count that was not given says nothing."""
    given = {name: flags.get(name) or None for name in LOG_SETTINGS}
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}


def console_levels(settings: Settings) -> tuple[int, int]:
    """Return how quiet and how verbose the console is; of the two the one from the higher layer counts.

    Raises
    ------
    InvalidInput
        If one layer says both.
    """
    from maid_lab.model.errors import InvalidInput

    quiet, verbose = settings.quiet, settings.verbose
    if not (quiet and verbose):
        return quiet, verbose
    order = ("config.json", "config.runtime.json", "environment", "flag")
    ranks = [order.index(settings.layer(name)) for name in ("quiet", "verbose")]
    if ranks[0] == ranks[1]:
        raise InvalidInput("--quiet and --verbose exclude each other.", hint=f"Choose one in {settings.layer('quiet')}.")
    return (quiet, 0) if ranks[0] > ranks[1] else (0, verbose)
