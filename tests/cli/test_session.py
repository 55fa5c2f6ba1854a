import asyncio
import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from maid_lab.cli.session import StopOnSignals, exit_code, signal_event
from maid_lab.model.errors import Missing
from maid_lab.model.run_record import RunRecord


class Runs:
    def __init__(self, *, live: bool = True) -> None:
        self.live = live
        self.stops: list[tuple[str, str]] = []

    def stop(self, *, mode: str, reason: str) -> None:
        if not self.live:
            raise Missing("no run")
        self.stops.append((mode, reason))


def stopper(runs: Runs) -> StopOnSignals:
    lab: Any = SimpleNamespace(runs=runs)
    return StopOnSignals(lab)


@pytest.mark.parametrize(
    ("status", "verdict", "interrupted", "code"),
    [
        ("completed", None, False, 0), ("completed", "pass", False, 0), ("completed", "fail", False, 1), ("completed", "unknown", False, 1),
        ("stopped", "fail", False, 1), ("stopped", None, False, 0), ("failed", None, False, 4), ("failed", "fail", False, 4),
        ("stopped", "pass", True, 130), ("failed", None, True, 130),
    ],
)  # fmt: skip
def test_exit_codes(status: str, verdict: str | None, interrupted: bool, code: int) -> None:
    assert exit_code(RunRecord(id="r", status=status, verdict=verdict), interrupted=interrupted) == code


def test_the_first_signal_stops_cleanly_and_the_second_at_once() -> None:
    runs = Runs()
    stop = stopper(runs)
    stop.take(signal.SIGINT)
    stop.take(signal.SIGTERM)
    assert runs.stops == [("graceful", "stopped by SIGINT"), ("kill", "stopped by SIGTERM")]


def test_a_signal_before_the_run_takes_effect_when_it_starts() -> None:
    runs = Runs(live=False)
    stop = stopper(runs)
    stop.take(signal.SIGINT)
    assert runs.stops == []
    runs.live = True
    stop.catch_up()
    assert runs.stops == [("graceful", "stopped by SIGINT")]


def test_without_a_signal_there_is_nothing_to_catch_up() -> None:
    runs = Runs()
    stopper(runs).catch_up()
    assert runs.stops == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_are_taken_while_installed(number: signal.Signals) -> None:
    runs = Runs()
    stop = stopper(runs)
    with stop.installed():
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.01)
    assert runs.stops == [("graceful", f"stopped by {number.name}")]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_waiting_ends_with_a_signal() -> None:
    with signal_event() as came:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(came.wait(), 5)
