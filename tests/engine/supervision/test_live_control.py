"""Live control of whole runs: users, rate, pause, throttle, run time, test plan; each change is an event, and all counts agree."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.supervision.pool import LocalPool
from maid_lab.engine.supervision.supervisor import RunEnd, Supervisor
from maid_lab.model.control import read_change
from maid_lab.model.errors import Conflict, Missing, Refused
from maid_lab.model.plan import Ceilings, HttpStep, Plan, Segment, ThinkStep
from maid_lab.model.states import RunStatus
from tests.engine.running import plan_of
from tests.support.hostile import HostileServer

Steer = Callable[[Supervisor], Awaitable[None]]


def plan_for(hostile: HostileServer, *, think_s: float = 0.01, **changes: Any) -> Plan:
    load = {"model": "users", "users": 4.0, "duration_s": 8.0, "graceful_stop_s": 5.0} | changes.pop("load", {})
    steps = (HttpStep(label=2, method="GET", url="/ok"), ThinkStep(low=think_s, high=think_s))
    return plan_of(hostile.url, steps if think_s else steps[:1], ("ok",), load=load, **changes)


async def steered(plan: Plan, folder: Path, steer: Steer, *, workers: int = 2) -> tuple[RunEnd, Supervisor]:
    pool = LocalPool.warm(workers)
    supervisor = Supervisor(run_id="r", plan=plan, folder=folder, pool=pool)
    try:
        task = asyncio.create_task(supervisor.run())
        await until(lambda: supervisor.status["requests"] > 0)
        await steer(supervisor)
        return await asyncio.wait_for(task, 20), supervisor
    finally:
        await pool.close()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        await asyncio.sleep(0.01)
        assert time.monotonic() < deadline, "it did not come about"


def order(supervisor: Supervisor, **change: Any) -> dict[str, Any]:
    return supervisor.control(read_change(change))


def events(folder: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry for entry in entries if entry.get("event") == "control"]


async def test_users_move_both_ways_and_the_run_ends_when_it_is_told(hostile: HostileServer, tmp_path: Path) -> None:
    async def steer(supervisor: Supervisor) -> None:
        order(supervisor, users=9)
        await until(lambda: supervisor.status["users"] == 9)
        order(supervisor, users=3)
        await until(lambda: supervisor.status["users"] == 3)
        order(supervisor, run_time=0)

    end, supervisor = await steered(plan_for(hostile), tmp_path, steer)
    hostile.settle()
    assert end.status is RunStatus.COMPLETED
    assert supervisor.status["elapsed_s"] < 8
    assert supervisor.status["requests"] == hostile.requests
    assert [event["change"] for event in events(tmp_path)] == [{"users": 9}, {"users": 3}, {"run_time": 0}]
    assert end.course is not None
    assert end.course["duration_s"] == pytest.approx(supervisor.status["duration_s"], abs=1e-3)


async def test_users_come_at_the_rate_that_was_set(hostile: HostileServer, tmp_path: Path) -> None:
    async def steer(supervisor: Supervisor) -> None:
        order(supervisor, increase_rate=20)
        order(supervisor, users=14)
        began = time.monotonic()
        await until(lambda: supervisor.status["users"] == 14)
        assert time.monotonic() - began > 0.4  # ten users at 20/s
        supervisor.stop()

    end, _ = await steered(plan_for(hostile), tmp_path, steer)
    assert end.course is not None
    assert [piece[2:] for piece in end.course["segments"][0]][-2:] == [[4, 14], [14, 14]]


@pytest.mark.parametrize("think_s", [0.0, 0.01], ids=["flat out", "thinking"])
async def test_nothing_is_sent_in_a_pause(hostile: HostileServer, tmp_path: Path, think_s: float) -> None:
    async def steer(supervisor: Supervisor) -> None:
        assert order(supervisor, paused=True)["paused"] is True
        await asyncio.sleep(0.3)
        hostile.settle()
        before, seconds = hostile.requests, supervisor.status["duration_s"]
        await asyncio.sleep(0.4)
        assert hostile.requests == before
        assert supervisor.status["planned_level"] == 0
        order(supervisor, paused=False)
        await until(lambda: hostile.requests > before)
        assert supervisor.status["duration_s"] >= seconds + 0.6
        order(supervisor, run_time=0)

    end, supervisor = await steered(plan_for(hostile, think_s=think_s), tmp_path, steer)
    hostile.settle()
    assert end.status is RunStatus.COMPLETED
    assert supervisor.status["requests"] == hostile.requests
    assert supervisor.status["failures"] == 0


async def test_a_paused_run_can_be_stopped(hostile: HostileServer, tmp_path: Path) -> None:
    async def steer(supervisor: Supervisor) -> None:
        order(supervisor, paused=True)
        await asyncio.sleep(0.2)
        supervisor.stop(reason="enough")

    end, supervisor = await steered(plan_for(hostile, think_s=0), tmp_path, steer)
    hostile.settle()
    assert (end.status, end.reason) == (RunStatus.STOPPED, "enough")
    assert supervisor.status["requests"] == hostile.requests


async def test_a_throttle_is_obeyed_and_taken_away(hostile: HostileServer, tmp_path: Path) -> None:
    async def steer(supervisor: Supervisor) -> None:
        order(supervisor, throttle=40)
        await asyncio.sleep(0.2)
        before, began = hostile.requests, time.monotonic()
        await asyncio.sleep(0.5)
        allowed = 40 * (time.monotonic() - began) + 4
        assert hostile.requests - before <= allowed
        order(supervisor, throttle=0)
        before = hostile.requests
        await until(lambda: hostile.requests > before + 200)
        order(supervisor, run_time=0)

    end, supervisor = await steered(plan_for(hostile, think_s=0), tmp_path, steer)
    hostile.settle()
    assert end.status is RunStatus.COMPLETED
    assert supervisor.status["requests"] == hostile.requests


async def test_a_rate_is_changed_and_starts_keep_their_numbers(hostile: HostileServer, tmp_path: Path) -> None:
    load = {"model": "rate", "users": 50.0, "max_users": 20, "duration_s": 2.0}

    async def steer(supervisor: Supervisor) -> None:
        order(supervisor, rate=100)

    end, supervisor = await steered(plan_for(hostile, think_s=0, load=load), tmp_path, steer)
    hostile.settle()
    assert end.course is not None
    due = sum((piece[2] + piece[3]) / 2 * (piece[1] - piece[0]) for piece in end.course["segments"][0])
    counted = supervisor.status["requests"] + supervisor.status["dropped"]
    assert supervisor.status["requests"] == hostile.requests
    assert abs(counted - due) <= 2


async def test_a_test_plan_replaces_the_rest(hostile: HostileServer, tmp_path: Path) -> None:
    async def steer(supervisor: Supervisor) -> None:
        order(supervisor, test_plan="10,200ms;10,300ms;0,200ms")
        await until(lambda: supervisor.status["users"] == 10)

    end, supervisor = await steered(plan_for(hostile), tmp_path, steer)
    hostile.settle()
    assert end.status is RunStatus.COMPLETED
    assert supervisor.status["requests"] == hostile.requests


async def test_what_cannot_be_done_is_refused_and_changes_nothing(hostile: HostileServer, tmp_path: Path) -> None:
    async def steer(supervisor: Supervisor) -> None:
        with pytest.raises(Conflict, match="no load by rate that"):
            order(supervisor, rate=5)
        with pytest.raises(Missing, match="no load 'main'"):
            order(supervisor, users=5, load="main")
        with pytest.raises(Refused, match="E303"):
            order(supervisor, users=51)
        with pytest.raises(Refused, match="E303"):
            order(supervisor, run_time="1h")
        assert supervisor.status["duration_s"] == 8.0
        supervisor.stop(mode="kill")

    ceilings = Ceilings(max_users=50, max_duration_s=60)
    _, supervisor = await steered(plan_for(hostile, ceilings=ceilings), tmp_path, steer)
    assert not events(tmp_path)
    with pytest.raises(Conflict, match="only a running load"):
        order(supervisor, users=2)


async def test_users_that_have_done_their_iterations_do_not_come_back(hostile: HostileServer, tmp_path: Path) -> None:
    segments = (Segment(start_s=0, end_s=8, level_from=3, level_to=3),)
    load = {"model": "iterations", "users": 3.0, "iterations": 40, "segments": segments}

    async def steer(supervisor: Supervisor) -> None:
        order(supervisor, users=5)

    _, supervisor = await steered(plan_for(hostile, load=load), tmp_path, steer)
    hostile.settle()
    assert supervisor.status["requests"] == hostile.requests == 200
