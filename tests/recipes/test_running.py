"""Each built-in recipe, run for a moment by six users in one worker: what the rows count is what the shop counted."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from maid_lab.engine.supervision.pool import LocalPool
from maid_lab.engine.supervision.supervisor import Supervisor
from maid_lab.model.plan import Plan, Target
from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import load_recipe
from maid_lab.model.states import RunStatus

if TYPE_CHECKING:
    from maid_lab.demo.launch import DemoProcess
    from maid_lab.model.recipe.target import DataSet
    from maid_lab.model.snapshot import LiveStatus

FOLDER: Final = Path(__file__).parent.parent.parent / "recipes"
# Long enough that a page walk is not cut on a busy machine. A user cut while it thinks leaves no request behind.
GRACE_S: Final = 3.0


def rows_of(data_set: DataSet, path: str, folder: Path | None) -> tuple[tuple[dict[str, Any], ...], str]:
    assert folder is not None
    with (folder / path).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file)), ""


def short_plan(path: Path, url: str) -> Plan:
    overrides = {"host": url, "test_plan": "6,0s;6,300ms"}
    plan = make_plan(load_recipe(path), overrides=overrides, read_data=rows_of).plan
    assert plan is not None
    return replace(
        plan,
        targets=(Target(base_url=url, addresses=("127.0.0.1",)),),
        loads=tuple(replace(load, graceful_stop_s=GRACE_S) for load in plan.loads),
    )


async def run(plan: Plan, folder: Path) -> LiveStatus:
    pool = LocalPool.warm(1)
    try:
        supervisor = Supervisor(run_id="short", plan=plan, folder=folder, pool=pool)
        end = await supervisor.run()
    finally:
        await pool.close()
    assert (end.status, end.reason) == (RunStatus.COMPLETED, "")
    return supervisor.status


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
async def test_a_recipe_runs_without_a_failure_and_its_rows_are_what_the_shop_served(path: Path, shop: DemoProcess, tmp_path: Path) -> None:
    shop.calm()
    status = await run(short_plan(path, shop.url), tmp_path)
    stats = shop.stats()
    assert (status["failures"], [error for error in status["errors"] if error["outcome"] != "aborted"]) == (0, [])
    asked = stats["served"]["total"] + stats["control"]["total"] - 1  # the question itself
    assert status["requests"] == asked > 0
    assert stats["served"]["answered"] == stats["served"]["total"]
    # The probe looks for the limit, and users without pause find it at once.
    expected = {"429"} if path.stem == "rate-limit-probe" else set()
    assert {code for code in stats["served"]["status"] if code >= "400"} == expected
