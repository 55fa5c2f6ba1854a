import asyncio
import time
from typing import Any

import pytest

from maid_lab.engine import timers as module
from maid_lab.engine.timers import Timers

MS = 1_000_000


@pytest.fixture(params=["kernel", "loop"])
async def timers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "loop":
        monkeypatch.setattr(module._KernelTimer, "create", classmethod(lambda _cls: None))
    made = Timers(asyncio.get_running_loop())
    yield made
    made.close()


async def test_actions_run_in_order_of_their_deadlines_and_not_before(timers: Timers) -> None:
    now = time.monotonic_ns()
    done = asyncio.Event()
    fired: list[tuple[str, bool]] = []

    def note(what: tuple[str, int]) -> None:
        fired.append((what[0], time.monotonic_ns() >= what[1]))
        if len(fired) == 3:
            done.set()

    for name, delay in (("late", 9 * MS), ("early", 2 * MS), ("overdue", -5 * MS)):
        timers.at(now + delay, note, (name, now + delay))
    await asyncio.wait_for(done.wait(), 2)
    assert fired == [("overdue", True), ("early", True), ("late", True)]


async def test_a_cancelled_timer_does_nothing_and_holds_nobody_up(timers: Timers) -> None:
    now = time.monotonic_ns()
    done = asyncio.Event()
    fired: list[str] = []
    timers.at(now + MS, fired.append, "cancelled").cancel()
    timers.at(now + 3 * MS, lambda _: done.set())
    await asyncio.wait_for(done.wait(), 2)
    assert fired == []


async def test_an_action_may_set_the_next_timer(timers: Timers) -> None:
    done = asyncio.Event()
    count = 0

    def again(_: Any) -> None:
        nonlocal count
        count += 1
        if count == 20:
            done.set()
        else:
            timers.at(time.monotonic_ns() - 1, again)

    timers.at(time.monotonic_ns(), again)
    await asyncio.wait_for(done.wait(), 2)
    assert count == 20
