"""Whole runs with worker processes: ends, accounting, and what breaks."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.supervision.pool import LocalPool
from maid_lab.engine.supervision.supervisor import RunEnd, Supervisor
from maid_lab.model.plan import Check, Extract, HttpStep, Label, Plan
from maid_lab.model.states import RunStatus
from tests.engine.running import labels, plan_of
from tests.support.hostile import HostileServer
from tests.support.wire import Send, reply

Topics = list[tuple[str, Mapping[str, Any]]]


async def run(plan: Plan, folder: Path, *, workers: int = 2, during: Any = None) -> tuple[RunEnd, Supervisor, Topics]:
    pool = LocalPool.warm(workers)
    published: Topics = []
    supervisor = Supervisor(
        run_id="r", plan=plan, folder=folder, pool=pool, publish=lambda topic, payload: published.append((topic, dict(payload)))
    )
    try:
        task = asyncio.create_task(supervisor.run())
        if during is not None:
            while supervisor.status["requests"] < 20 and not task.done():
                await asyncio.sleep(0.01)
            during(supervisor, pool)
        return await asyncio.wait_for(task, 20), supervisor, published
    finally:
        await pool.close()


def rows_of(folder: Path) -> int:
    return sum(file.stat().st_size // 48 for file in folder.glob("spool-*"))


def plan_for(hostile: HostileServer, **changes: Any) -> Plan:
    load = {"model": "users", "users": 5.0, "duration_s": 1.0} | changes.pop("load", {})
    step = HttpStep(label=2, method="GET", url=changes.pop("path", "/ok"))
    return plan_of(hostile.url, (step,), ("ok",), load=load, **changes)


async def test_a_run_counts_what_the_target_counts(hostile: HostileServer, tmp_path: Path) -> None:
    end, supervisor, published = await run(plan_for(hostile), tmp_path)
    hostile.settle()
    assert (end.status, end.reason) == (RunStatus.COMPLETED, "")
    assert supervisor.status["requests"] == hostile.requests > 0
    assert supervisor.status["failures"] == 0
    assert [payload["phase"] for topic, payload in published if topic == "maid:status"] == ["maintain", "shutdown", "shutdown"]
    assert {worker["worker"] for worker in supervisor.status["workers"]} == {0, 1}
    assert json.loads((tmp_path / "status.json").read_text())["status"] == "completed"
    assert len((tmp_path / "series.jsonl").read_text().splitlines()) in (1, 2)


async def test_a_graceful_stop_keeps_the_run(hostile: HostileServer, tmp_path: Path) -> None:
    end, supervisor, _ = await run(plan_for(hostile, load={"duration_s": 8.0}), tmp_path, during=lambda s, _pool: s.stop(reason="enough"))
    hostile.settle()
    assert (end.status, end.reason, end.interrupted) == (RunStatus.STOPPED, "enough", True)
    assert supervisor.status["requests"] == hostile.requests


async def test_a_kill_stops_within_a_second(hostile: HostileServer, tmp_path: Path) -> None:
    began = 0.0

    def kill(supervisor: Supervisor, _pool: LocalPool) -> None:
        nonlocal began
        began = time.monotonic()
        supervisor.stop(mode="kill", reason="now")

    end, _, _ = await run(plan_for(hostile, path="/drip", load={"duration_s": 8.0}), tmp_path, during=kill)
    assert end.status is RunStatus.STOPPED
    assert time.monotonic() - began < 1.5


async def test_a_killed_worker_fails_the_run_and_its_rows_stay(hostile: HostileServer, tmp_path: Path) -> None:
    pid = 0

    def murder(_supervisor: Supervisor, pool: LocalPool) -> None:
        nonlocal pid
        pid = pool.workers[1].pid
        os.kill(pid, signal.SIGKILL)

    end, supervisor, _ = await run(plan_for(hostile, load={"duration_s": 8.0}), tmp_path, during=murder)
    assert end.status is RunStatus.FAILED
    assert end.reason == f"worker 1 (pid {pid}) was killed by signal 9 (SIGKILL); rows up to its last flush are kept"
    assert rows_of(tmp_path) >= supervisor.status["requests"] > 0


ORPHAN = """
import asyncio, sys
from pathlib import Path
from maid_lab.engine.supervision.pool import LocalPool
from maid_lab.engine.supervision.supervisor import Supervisor
from maid_lab.model.plan import plan_from_json
import json
async def main():
    pool = LocalPool.warm(2)
    print(*[w.pid for w in pool.workers], flush=True)
    await Supervisor(run_id="r", plan=plan_from_json(json.loads(Path(sys.argv[1]).read_text())), folder=Path(sys.argv[2]), pool=pool).run()
asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
async def test_workers_do_not_outlive_a_killed_supervisor(hostile: HostileServer, tmp_path: Path) -> None:
    from maid_lab.model.plan import plan_to_json

    (tmp_path / "plan.json").write_text(json.dumps(plan_to_json(plan_for(hostile, load={"duration_s": 8.0}))))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHAN, str(tmp_path / "plan.json"), str(tmp_path), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pids = [int(word) for word in (await asyncio.wait_for(process.stdout.readline(), 10)).split()]
    while hostile.requests < 20:
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    deadline = time.monotonic() + 3
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert not any(_alive(pid) for pid in pids)
    hostile.settle()
    before = hostile.requests
    await asyncio.sleep(0.2)
    assert hostile.requests == before
    assert rows_of(tmp_path) > 0


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_setup_gives_its_values_to_every_user(hostile: HostileServer, tmp_path: Path) -> None:
    section = [Label(scenario="", transaction="", name=name, kind="http", section=name) for name in ("setup", "teardown")]
    setup = HttpStep(label=3, method="GET", url="/ok", extract=(Extract(name="code", source="status"),))
    teardown = HttpStep(label=4, method="GET", url="/echo?bye={{ vars.code }}")
    step = HttpStep(label=2, method="GET", url="/echo?c={{ vars.code }}")
    plan = plan_of(
        hostile.url,
        (step,),
        (),
        load={"users": 4.0, "iterations": 1},
        labels=(*labels("x"), *section),
        setup=(setup,),
        teardown=(teardown,),
    )
    end, _, _ = await run(plan, tmp_path)
    hostile.settle()
    assert end.status is RunStatus.COMPLETED
    assert [request.target for request in hostile.received] == ["/ok"] + ["/echo?c=200"] * 4 + ["/echo?bye=200"]


async def test_a_setup_that_fails_ends_the_run_before_any_load(hostile: HostileServer, tmp_path: Path) -> None:
    check = (Check(kind="status", op="in", value=[201], text="status 201"),)
    setup = (HttpStep(label=2, method="GET", url="/ok", check=check),)
    end, _, _ = await run(plan_for(hostile, setup=setup), tmp_path)
    assert (end.status, end.reason) == (RunStatus.FAILED, "setup failed: check status 201: got 200")
    assert hostile.requests == 1


async def test_a_step_that_says_so_ends_the_run_and_condemns_it(hostile: HostileServer, tmp_path: Path) -> None:
    plan = plan_of(
        hostile.url,
        (HttpStep(label=2, method="GET", url="/bad", on_error="run"),),
        ("bad",),
        load={"model": "users", "users": 3.0, "duration_s": 8.0},
    )
    hostile.on("/bad", Send(reply(b"", status=500)))
    end, supervisor, _ = await run(plan, tmp_path)
    hostile.settle()
    assert (end.status, end.condemned, end.interrupted) == (RunStatus.STOPPED, True, False)
    assert end.reason == "step 'bad' failed and says on_error: run"
    assert supervisor.status["requests"] == hostile.requests
    assert supervisor.status["elapsed_s"] < 6


async def test_an_abort_threshold_ends_the_run(hostile: HostileServer, tmp_path: Path) -> None:
    end, _, _ = await run(
        plan_for(hostile, path="/500", load={"duration_s": 8.0}, thresholds=("error_rate < 50% over 1s abort",)), tmp_path
    )
    assert end.status is RunStatus.STOPPED
    assert end.reason == "threshold error_rate < 50% over 1s abort failed with 1 and says abort"
    assert (end.ended_at - end.started_at).total_seconds() < 4


async def test_a_target_that_dies_and_comes_back_is_seen_in_the_rows(hostile: HostileServer, tmp_path: Path) -> None:
    from tests.support.wire import Reset, Send, reply

    good, bad = (Send(reply()),), (Reset(),)
    url = hostile.in_turn("/flaky", *[good] * 20, *[bad] * 20, *[good] * 1)
    end, supervisor, _ = await run(plan_for(hostile, path=url.removeprefix(hostile.url)), tmp_path)
    hostile.settle()
    assert end.status is RunStatus.COMPLETED
    assert supervisor.status["failures"] == 20
    assert supervisor.status["requests"] == hostile.requests
    assert [error["outcome"] for error in supervisor.status["errors"]] == ["reset"]
