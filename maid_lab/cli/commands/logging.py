"""`maid logs`: the six logs of a run that is stored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from maid_lab.cli.log_options import (
    DebugFormat,
    DebugLog,
    ErrorFormat,
    ErrorLog,
    GooseFormat,
    GooseLog,
    LogLevel,
    NoDebugBody,
    RequestBody,
    RequestFormat,
    RequestLog,
    ScenarioFormat,
    ScenarioLog,
    TransactionFormat,
    TransactionLog,
)
from maid_lab.cli.options import RunRef

if TYPE_CHECKING:
    from maid_lab.services.logs.choice import LogChoice

__all__ = ["logs"]


def logs(
    *,
    run: RunRef = "last",
    goose_log: GooseLog = None,
    goose_format: GooseFormat = None,
    log_level: LogLevel = 0,
    request_log: RequestLog = None,
    request_format: RequestFormat = None,
    request_body: RequestBody = False,
    transaction_log: TransactionLog = None,
    transaction_format: TransactionFormat = None,
    scenario_log: ScenarioLog = None,
    scenario_format: ScenarioFormat = None,
    error_log: ErrorLog = None,
    error_format: ErrorFormat = None,
    debug_log: DebugLog = None,
    debug_format: DebugFormat = None,
    no_debug_body: NoDebugBody = False,
) -> int:
    """Write logs of a stored run: the flags and files are those of `maid run`. Heads, bodies and debug lines only if that run kept them."""
    flags = dict(locals())
    from maid_lab.cli.loop import run_async

    return run_async(_write(run, flags))


async def _write(reference: str, flags: dict[str, Any]) -> int:
    import asyncio

    from maid_lab.cli.log_options import log_settings
    from maid_lab.lab import Lab
    from maid_lab.model.errors import InvalidInput
    from maid_lab.services.logs.again import write_logs
    from maid_lab.services.logs.choice import LogChoice

    async with Lab.open(flags=log_settings(flags)) as lab:
        # Files that settings name belong to runs: only what is asked for here is written here.
        choice = LogChoice.of(lab.settings, layer="flag")
        if not choice.files:
            raise InvalidInput(
                "maid logs was not told which log to write.", hint="For example: maid logs last --request-log requests.jsonl"
            )
        record = await lab.history.find(reference)
        lines = await asyncio.to_thread(write_logs, lab.home, record.id, choice, _warn)
    _tell(choice, lines)
    return 0


def _warn(text: str) -> None:
    sys.stderr.write(f"maid: {text}\n")


def _tell(choice: LogChoice, lines: dict[str, int]) -> None:
    for file in choice.files:
        sys.stderr.write(f"{file.kind} log: {lines[file.kind]} lines in {file.path}\n")
