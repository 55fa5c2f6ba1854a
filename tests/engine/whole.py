"""A recipe run as a whole: planned, run by worker processes under a supervisor, and its rows read back from all of their files."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maid_lab.engine.supervision.pool import LocalPool
from maid_lab.engine.supervision.supervisor import RunEnd, Supervisor
from maid_lab.model.plan import Plan, Segment, Target
from maid_lab.model.planner import make_plan
from maid_lab.model.recipe import parse_recipe
from maid_lab.model.rows import EXTENSION_MARK, FLAG_OUTCOME, RECORD_FIELDS, USERS_LABEL
from maid_lab.model.schedules import level_at
from maid_lab.services.datasets import read_data
from maid_lab.services.recordings import read_recording
from tests.engine.running import Row, rows_in

LIMIT_S = 30.0
NS = 1_000_000_000

RECIPE = """\
schema: maid.recipe/v1
id: followed
title: Followed
description: A load and what its users do.
target: {{base_url: "{url}"}}
load: {load}
seed: 7
scenarios:
{scenarios}
thresholds: [{thresholds}]
{more}
"""
THINKING = "  - {name: s, think: 20ms, steps: [{get: /ok}]}"
QUICK = "  - {name: s, steps: [{get: /ok}]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A run that has ended: `users` holds (seconds, live users) of each worker."""

    plan: Plan
    end: RunEnd
    rows: list[Row]
    users: list[list[tuple[float, int]]]
    supervisor: Supervisor

    def of(self, kind: str, *outcomes: str) -> list[Row]:
        return [row for row in self.rows if row.label.kind == kind and (not outcomes or row.outcome in outcomes)]

    @property
    def sent(self) -> list[Row]:
        """Rows of requests that went out."""
        return [row for row in self.of("http") if row.outcome not in ("dropped", "unsent")]

    @property
    def dropped(self) -> list[Row]:
        return [row for row in self.rows if row.outcome == "dropped"]


def planned(url: str, load: str, *, scenarios: str = THINKING, thresholds: str = "error_rate < 1%", more: str = "", **options: Any) -> Plan:
    """Return the plan of a recipe with this load; YAML in flow style."""
    folder = options.pop("folder", None)
    text = RECIPE.format(url=url, load=load, scenarios=scenarios, thresholds=thresholds, more=more)
    loaded = parse_recipe(text, base_dir=folder)
    result = make_plan(loaded, read_data=read_data, read_recording=read_recording, **options)
    assert result.plan is not None, "\n".join(map(str, result.diagnostics))
    return replace(result.plan, targets=(Target(base_url=url, addresses=("127.0.0.1",)),))


async def run_whole(
    plan: Plan, folder: Path, *, workers: int, during: Callable[[Supervisor], None] | None = None, auto_stop: bool = False
) -> Whole:
    """Run a plan; `during` is called once twenty requests have been made."""
    pool = LocalPool.warm(workers)
    try:
        supervisor = Supervisor(run_id="r", plan=plan, folder=folder, pool=pool, publish=_nobody, auto_stop=auto_stop)
        task = asyncio.create_task(supervisor.run())
        if during is not None:
            while supervisor.status["requests"] < 20 and not task.done():
                await asyncio.sleep(0.01)
            during(supervisor)
        end = await asyncio.wait_for(task, LIMIT_S)
    finally:
        await pool.close()
    rows = [row for worker in range(workers) for row in rows_in(folder, plan, worker=worker)]
    return Whole(plan=plan, end=end, rows=rows, users=[_users(folder, worker) for worker in range(workers)], supervisor=supervisor)


def _nobody(_topic: str, _payload: Mapping[str, Any]) -> None:
    return None


def _users(folder: Path, worker: int) -> list[tuple[float, int]]:
    records = np.frombuffer((folder / f"spool-{worker}-0.rows").read_bytes(), dtype=np.dtype(list(RECORD_FIELDS)))
    mine = records[(records["label"] == USERS_LABEL) & (records["flags"] & FLAG_OUTCOME != EXTENSION_MARK)]
    return [(int(record["start"]) / NS, int(record["user"])) for record in mine]


def user_seconds(users: Sequence[Sequence[tuple[float, int]]], end_s: float) -> float:
    """Integrate the live users of all workers from the start of the run to `end_s`."""
    total = 0.0
    for steps in users:
        for (at, count), (until, _) in zip(steps, [*steps[1:], (end_s, 0)], strict=True):
            total += count * max(0.0, min(until, end_s) - max(at, 0.0))
    return total


def planned_user_seconds(segments: Sequence[Segment], *, step_s: float = 0.001) -> float:
    """Integrate ⌈U(t)⌉ by the midpoints of small steps."""
    count = round(segments[-1].end_s / step_s)
    return sum(math.ceil(level_at(segments, (number + 0.5) * step_s) - 1e-9) for number in range(count)) * step_s


def due_uniform(segments: Sequence[Segment], *, step_s: float = 0.0001) -> list[float]:
    """Return when starts are due by summing the rate in small steps: what the inversion in the engine is checked against."""
    due, area = [0.0] if level_at(segments, 0.0) > 0 else [], 0.0
    wanted = len(due)
    for number in range(round(segments[-1].end_s / step_s)):
        area += level_at(segments, (number + 0.5) * step_s) * step_s
        while area >= wanted - 1e-9 and (number + 1) * step_s < segments[-1].end_s - step_s / 2:
            due.append((number + 1) * step_s)
            wanted += 1
    return due
