"""`maid run --no-autostart`: a program that waits with its test until `maid control start`, and again after each run."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

from maid_lab.cli.failures import INTERRUPTED
from maid_lab.cli.session import exit_code

if TYPE_CHECKING:
    from maid_lab.cli.progress import Display
    from maid_lab.cli.request import RunRequest
    from maid_lab.lab import Lab
    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.reports.views import ViewChoice

__all__ = ["run_when_told"]


async def run_when_told(lab: Lab, request: RunRequest, flags: dict[str, Any], *, choice: ViewChoice, display: Display) -> int:
    """Wait for starts and show each run, until `maid control shutdown` or Ctrl-C.

    Returns
    -------
    int
        Exit code of the last run; 0 when there was none; 130 after Ctrl-C while waiting.
    """
    from maid_lab.cli.findings import print_findings
    from maid_lab.cli.summary import print_summary
    from maid_lab.cli.views import print_views, views_json
    from maid_lab.services.waiting import WaitingTest

    waiting = WaitingTest(
        lab.runs,
        request.recipe,
        request.parameters,
        request.overrides,
        preset=request.preset,
        code=request.code,
        name=flags["name"] or "",
        tags=tuple(flags["tag"] or ()),
    )
    planned = await waiting.prepare()
    print_findings(planned.diagnostics, texts={planned.source: planned.recipe_text}, stream=sys.stderr)
    codes = [0]
    records: list[RunRecord] = []

    def finished(record: RunRecord) -> None:
        records.append(record)
        codes.append(exit_code(record, interrupted=False))
        print_summary(record, shown=choice.shown)
        print_views(views_json(lab, record, choice))
        sys.stderr.write("waiting for: maid control start | shutdown\n")

    lab.desk.waiting = waiting
    await lab.door.open()
    interrupts = _Interrupts(lab, waiting)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupts.take)
    try:
        sys.stderr.write(f"{planned.plan.title}: waiting for: maid control start | shutdown\n")
        sys.stderr.flush()
        with lab.bus.listening(display):
            display.open()
            try:
                await waiting.serve(finished)
            finally:
                display.close()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        lab.desk.waiting = None
        await lab.door.close()
    await _report(lab, records, flags, choice)
    return INTERRUPTED if interrupts.count else codes[-1]


async def _report(lab: Lab, records: list[RunRecord], flags: dict[str, Any], choice: ViewChoice) -> None:
    """Write the reports of the last run."""
    from maid_lab.cli.reports import write_reports

    if not records:
        return
    files, printed = flags["report_file"] or [], flags["pdf_print_html"]
    for path in await write_reports(lab, records[-1], files, choice=choice, printed=printed):
        sys.stderr.write(f"report: {path}\n")


class _Interrupts:
    """Ctrl-C: stops a run and lets the program end after it; while waiting it ends at once."""

    def __init__(self, lab: Lab, waiting: Any) -> None:
        self._lab = lab
        self._waiting = waiting
        self.count = 0

    def take(self) -> None:
        self.count += 1
        if self._lab.runs.live_run_id is not None:
            self._lab.runs.stop(mode="graceful" if self.count == 1 else "kill", reason="stopped by SIGINT")
        self._waiting.end()
