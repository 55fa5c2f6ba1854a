"""One run from a command: plan, start, follow, stop on signals, and the exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from maid_lab.cli.failures import INTERRUPTED
from maid_lab.model.states import RunStatus

if TYPE_CHECKING:
    from maid_lab.cli.progress import Display
    from maid_lab.cli.request import RunRequest
    from maid_lab.lab import Lab
    from maid_lab.model.run_record import RunRecord

__all__ = ["Outcome", "StopOnSignals", "exit_code", "run_to_end", "signal_event"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_FAILED: Final = 4
_NOT_PASSED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished run as its command sees it."""

    record: RunRecord
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        return exit_code(self.record, interrupted=self.interrupted)


def exit_code(record: RunRecord, *, interrupted: bool) -> int:
    """Return 130 after Ctrl-C or SIGTERM, 4 for a run that failed, 1 for a verdict of fail or unknown, else 0."""
    if interrupted:
        return INTERRUPTED
    if record.status == RunStatus.FAILED:
        return _FAILED
    return _NOT_PASSED if record.verdict in ("fail", "unknown") else 0


async def run_to_end(lab: Lab, request: RunRequest, *, display: Display, name: str = "", tags: tuple[str, ...] = ()) -> Outcome:
    """Plan and run a request, shown by `display`; the first signal ends it cleanly, the second at once."""
    from maid_lab.cli.findings import print_findings

    planned = await lab.runs.planned(request.recipe, request.parameters, request.overrides, preset=request.preset, code=request.code)
    print_findings(planned.diagnostics, texts={planned.source: planned.recipe_text}, stream=sys.stderr)
    stop = StopOnSignals(lab)
    with lab.bus.listening(display), stop.installed():
        display.open()
        try:
            run_id = await lab.runs.start(planned.plan, name=name, tags=tags)
            stop.catch_up()
            record = await lab.runs.wait(run_id)
        finally:
            display.close()
    return Outcome(record=record, interrupted=stop.count > 0)


class StopOnSignals:
    """Turns Ctrl-C and SIGTERM into orders to the run.

    Attributes
    ----------
    count : int
        How many signals came.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._reason = ""
        self.count = 0

    def take(self, number: int) -> None:
        """Stop cleanly at the first signal, at once at the second."""
        self.count += 1
        self._reason = f"stopped by {signal.Signals(number).name}"
        self.catch_up()

    def catch_up(self) -> None:
        """Pass on what came; a signal that came while the run was being started takes effect here."""
        from maid_lab.model.errors import Missing

        if self.count:
            with suppress(Missing):
                self._lab.runs.stop(mode="graceful" if self.count == 1 else "kill", reason=self._reason)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to the signals for the length of a `with` block."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.take, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


@contextmanager
def signal_event() -> Iterator[asyncio.Event]:
    """Give an event that Ctrl-C or SIGTERM sets for the length of a `with` block."""
    came = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, came.set)
    try:
        yield came
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
