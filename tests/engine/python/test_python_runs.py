"""Scenarios in Python run as a whole: two workers under a supervisor, every load, every end."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.supervision.supervisor import Supervisor
from maid_lab.model.errors import EngineFailure
from maid_lab.model.plan import Code
from tests.engine.python import users
from tests.engine.python.running import code_plan
from tests.engine.whole import run_whole
from tests.support.hostile import HostileServer

LOADS = {
    "users": "{users: 4, run_time: 600ms}",
    "rate": "{rate: 80/s, hold: 600ms, max_users: 6}",
    "requests": "{profile: constant-rate, rate: 80/s, duration: 600ms, max_users: 6, of: requests}",
    "drawn": "{profile: constant-users, users: 4, duration: 600ms, assignment: per-iteration}",
    "iterations": "{profile: iterations, users: 3, iterations: 40, share: shared}",
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
async def test_rows_equal_what_the_server_got(load: str, hostile: HostileServer, tmp_path: Path) -> None:
    plan = code_plan(hostile.url, users.hooked, users.gets, load=load)
    run = await run_whole(plan, tmp_path, workers=2)
    hostile.settle()
    assert str(run.end.status) == "completed"
    assert len(run.sent) == hostile.requests > 20
    assert {row.outcome for row in run.sent} == {"ok"}
    assert {row.outcome for row in run.rows} <= {"ok", "dropped", "aborted"}, Counter((row.name, row.error) for row in run.rows)
    starts = [row for row in run.of("http") if row.label.section == "on_start"]
    stops = [row for row in run.of("http") if row.label.section == "on_stop"]
    assert len(starts) == len({row.user for row in starts}) == len(stops) > 0
    assert {row.label.scenario for row in run.sent} == {"hooked", "gets"}
    live = run.supervisor.status
    assert live["requests"] == len(run.sent)
    counted: Counter[tuple[str, str]] = Counter((row.label.scenario, row.name) for row in run.sent)
    assert {(each["scenario"], each["name"]): each["count"] for each in live["names"]} == counted


@pytest.mark.parametrize("mode", ["graceful", "kill"])
@pytest.mark.parametrize("function", [users.gets, users.clings, users.transacts])
async def test_orders_end_it_within_a_second(mode: Any, function: Any, hostile: HostileServer, tmp_path: Path) -> None:
    ordered: list[float] = []

    def stop(supervisor: Supervisor) -> None:
        ordered.append(time.monotonic())
        supervisor.stop(mode=mode, reason="enough", deadline_s=0.5)

    run = await run_whole(code_plan(hostile.url, function, load="{users: 6, run_time: 30s}"), tmp_path, workers=2, during=stop)
    assert time.monotonic() - ordered[0] < 8.0
    hostile.settle()
    aborted = sum(row.outcome == "aborted" for row in run.sent)
    assert len(run.sent) - aborted <= hostile.requests <= len(run.sent)
    assert (str(run.end.status), run.end.reason) == ("stopped", "enough")


async def test_the_code_ends_the_test(hostile: HostileServer, tmp_path: Path) -> None:
    run = await run_whole(code_plan(hostile.url, users.stops, load="{users: 4, run_time: 30s}"), tmp_path, workers=2)
    hostile.settle()
    assert (str(run.end.status), run.end.reason) == ("completed", "I have seen enough")
    assert len(run.sent) == hostile.requests


async def test_a_function_that_cannot_be_loaded_is_said(hostile: HostileServer, tmp_path: Path) -> None:
    plan = code_plan(hostile.url, users.gets)
    wrong = replace(plan, scenarios=(replace(plan.scenarios[0], code=Code(module="tests.engine.python.users", function="nobody")),))
    with pytest.raises(EngineFailure, match=r"scenario tests\.engine\.python\.users:nobody cannot be loaded .* has no attribute 'nobody'"):
        await run_whole(wrong, tmp_path, workers=2)


async def test_thresholds_that_abort_see_names_made_while_running(hostile: HostileServer, tmp_path: Path) -> None:
    plan = code_plan(
        hostile.url, users.names_all, load="{users: 4, run_time: 30s}", thresholds='"count(request:page*) < 10 over 1s abort"'
    )  # fmt: skip
    run = await run_whole(plan, tmp_path, workers=2)
    assert "count(request:page*) < 10 over 1s abort failed with" in run.end.reason
