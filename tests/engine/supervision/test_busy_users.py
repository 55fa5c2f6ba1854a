"""Users that never wait for anything: their worker answers, keeps its lease and stops when it is told."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.supervision.pool import LocalPool
from maid_lab.engine.supervision.supervisor import RunEnd, Supervisor
from maid_lab.engine.wire import LEASE_S
from maid_lab.model.plan import Plan
from tests.engine.python import users
from tests.engine.python.running import code_plan
from tests.engine.running import Row, rows_in
from tests.engine.whole import planned
from tests.support.hostile import HostileServer

LOAD = "{users: 3, run_time: 30s}"
RECIPES = {
    "sets": "  - {name: s, steps: [{set: {a: 1}}, {if: vars.a == 2, then: [{get: /ok}]}]}",
    "loops": "  - {name: s, steps: [{loop: {count: 50000}, steps: [{set: {a: 1}}]}]}",
    "unsendable": "  - {name: s, steps: [{get: \"/ok?{{ vars.missing }}\"}], on_start: [{set: {missing: null}}]}",
}  # fmt: skip


async def stopped(plan: Plan, folder: Path, *, after_s: float, reads: bool = True) -> tuple[RunEnd, float, list[Row], Supervisor]:
    """Run a plan, stop it once it has gone on for a while, and return how long that took."""
    pool = LocalPool.warm(1)
    try:
        supervisor = Supervisor(run_id="r", plan=plan, folder=folder, pool=pool, publish=lambda _topic, _payload: None)
        task = asyncio.create_task(supervisor.run())
        while not task.done() and supervisor.status["elapsed_s"] < after_s:
            await asyncio.sleep(0.01)
        assert not task.done(), supervisor.status["reason"]
        began = time.monotonic()
        supervisor.stop(reason="enough")
        end = await asyncio.wait_for(task, 20)
        took = time.monotonic() - began
    finally:
        await pool.close()
    return end, took, rows_in(folder, plan) if reads else [], supervisor


def judge(found: tuple[RunEnd, float, list[Row], Supervisor]) -> None:
    end, took, rows, supervisor = found
    assert (end.status, end.reason) == ("stopped", "enough")
    assert took < 1.0 + 2.0, "the order reaches the worker at once; the rest is for a busy machine"
    whole = [row for row in rows if row.label.kind == "iteration" and row.outcome != "aborted"]
    assert len(whole) > 10
    assert {row.user for row in whole} == {0, 1, 2}, "nobody starves"
    assert len({(row.user, row.iteration) for row in whole}) == len(whole)
    assert supervisor.status["workers"][0]["rows"] >= len(whole)


@pytest.mark.parametrize("scenario", RECIPES.values(), ids=RECIPES)
async def test_a_recipe_that_never_waits(scenario: str, hostile: HostileServer, tmp_path: Path) -> None:
    judge(await stopped(planned(hostile.url, LOAD, scenarios=scenario), tmp_path, after_s=0.5))
    assert hostile.requests == 0


@pytest.mark.parametrize("options", [{}, {"think": "0.000001s"}], ids=["bare", "thinking"])
async def test_a_function_that_never_waits(options: dict[str, Any], hostile: HostileServer, tmp_path: Path) -> None:
    judge(await stopped(code_plan(hostile.url, users.idles, load=LOAD, **options), tmp_path, after_s=0.5))


async def test_the_lease_is_kept(hostile: HostileServer, tmp_path: Path) -> None:
    found = await stopped(planned(hostile.url, LOAD, scenarios=RECIPES["sets"]), tmp_path, after_s=LEASE_S + 0.5, reads=False)
    assert found[0].reason == "enough"
