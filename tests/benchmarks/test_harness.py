"""The arithmetic of the tables; nothing is measured here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.benchmarks.clients import Measured
from tests.benchmarks.harness import Line, comparison, render
from tests.benchmarks.pinned import CLIENT, Failed, run_pinned


def rates(*values: float, complete: bool = True) -> Callable[[], Measured]:
    """A contestant that gives these rates, one a round."""
    rounds: Iterator[float] = iter(values)
    return lambda: Measured(rate=next(rounds), complete=complete)


def fails() -> Measured:
    raise Failed("it was not to be")


def test_medians_are_compared_not_means() -> None:
    table = comparison("t", {"wrk": rates(100, 10, 110), "MAID": rates(90, 95, 900)}, least={"wrk": 0.85}, rounds=3)
    assert table.lines == (
        Line(name="wrk", value="100/s", ratio="1.00", values=(100, 10, 110)),
        Line(name="MAID", value="95/s", ratio="0.95", figure="≥ 0.85 × wrk", met=True, note="0.95 × wrk", values=(90, 95, 900)),
    )


@pytest.mark.parametrize(("rate", "complete"), [(80.0, True), (99.0, False)], ids=["too slow", "rows missing"])
def test_a_figure_is_missed_by_rate_or_by_rows(rate: float, complete: bool) -> None:
    table = comparison("t", {"wrk": rates(100), "MAID": rates(rate, complete=complete)}, least={"wrk": 0.85}, rounds=1)
    assert table.lines[-1].met is False
    assert "NOT MET" in render(table)


def test_a_peer_that_is_missing_or_fails_asks_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    table = comparison("t", {"wrk": rates(100), "hey": fails, "MAID": rates(99)}, least={"wrk": 0.85, "hey": 3, "Locust": 12}, rounds=1)
    assert [(line.name, line.met) for line in table.lines] == [("wrk", None), ("MAID", True)]
    assert "hey: it was not to be" in capsys.readouterr().err


def test_maid_that_cannot_be_measured_is_not_passed_over() -> None:
    table = comparison("t", {"wrk": rates(100, 100), "MAID": fails}, least={"wrk": 0.85}, rounds=2)
    assert table.lines[-1] == Line(name="MAID", value="–", figure="a measurement", met=False)


def test_a_command_is_pinned_and_its_failure_told() -> None:
    code = "import os; print(os.sched_getaffinity(0))"
    assert run_pinned([sys.executable, "-c", code]).strip() == str({CLIENT})
    with pytest.raises(Failed, match="ended with 3: gone"):
        run_pinned([sys.executable, "-c", "import sys; sys.stderr.write('gone'); sys.exit(3)"])
