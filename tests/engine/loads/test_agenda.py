"""The agenda of a load: order, pauses, rewriting. Times are judged by what came before what, never by lengths."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from maid_lab.engine.loads.agenda import Agenda
from maid_lab.engine.timers import Timers


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        await asyncio.sleep(0.002)
        assert time.monotonic() < deadline


def made() -> tuple[Agenda, list[Any], Timers]:
    timers = Timers(asyncio.get_running_loop())
    return Agenda(timers), [], timers


async def test_actions_come_in_the_order_of_their_times() -> None:
    agenda, seen, timers = made()
    for at in (0.03, 0.01, 0.02, 0.01):
        agenda.put(at, seen.append, (at, len(seen)))
    agenda.begin(time.monotonic_ns())
    await until(lambda: len(seen) == 4)
    assert [at for at, _ in seen] == [0.01, 0.01, 0.02, 0.03]
    timers.close()


async def test_nothing_comes_in_a_pause_and_all_comes_later_by_its_length() -> None:
    agenda, seen, timers = made()
    began = time.monotonic_ns()
    agenda.put(0.05, lambda _: seen.append(time.monotonic_ns()))
    agenda.begin(began)
    agenda.pause(time.monotonic_ns())
    await asyncio.sleep(0.15)
    assert not seen
    resumed = time.monotonic_ns()
    agenda.resume(resumed)
    await until(lambda: bool(seen))
    assert seen[0] - began >= 0.15e9 + 0.04e9
    timers.close()


async def test_an_action_that_pauses_holds_back_what_follows() -> None:
    agenda, seen, timers = made()
    agenda.put(0.0, lambda _: agenda.pause(time.monotonic_ns()))
    agenda.put(0.0, seen.append, 1)
    agenda.begin(time.monotonic_ns())
    await asyncio.sleep(0.05)
    assert not seen
    agenda.resume(time.monotonic_ns())
    await until(lambda: seen == [1])
    timers.close()


async def test_what_is_taken_out_does_not_come() -> None:
    agenda, seen, timers = made()
    other: list[int] = []
    agenda.put(0.01, seen.append, 1)
    agenda.put(0.02, other.append, 2)
    agenda.remove(seen.append)
    agenda.begin(time.monotonic_ns())
    await until(lambda: other == [2])
    assert not seen
    timers.close()
