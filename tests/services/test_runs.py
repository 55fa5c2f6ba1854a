import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maid_lab.model.errors import Conflict, EngineFailure, InvalidInput, Missing
from maid_lab.model.plan import Target, plan_from_json
from maid_lab.model.run_record import RunRecord
from maid_lab.services.archive import OPEN_MARK
from maid_lab.services.bus import TEST_COMPLETED, TEST_STARTED, Bus
from maid_lab.services.history import History
from maid_lab.services.policy import TargetGate, TargetPolicy
from maid_lab.store.slot import RunSlot
from tests.services.fakes import START, FakeEngine, FakePool, make_plan, service


async def run_one(home: Path, engine: FakeEngine, **given: Any) -> RunRecord:
    runs = service(home, engine, **given)
    plan = await runs.plan("small")
    return await runs.wait(await runs.start(plan, name="Mine", tags=("nightly",)))


async def test_a_run_is_planned_run_judged_and_stored(tmp_path: Path) -> None:
    record = await run_one(tmp_path, FakeEngine())
    expected = {
        "recipe_id": "small", "name": "Mine", "tags": ("nightly",), "status": "completed", "verdict": "pass", "reason": "", "total_requests": 200,
        "failed_requests": 0, "rows_count": 200, "p50_response_time_ms": 0.5, "start_time": START, "duration_seconds": 1.0,
    }  # fmt: skip
    assert {name: getattr(record, name) for name in expected} == expected
    assert record.metrics_json["requests"][0]["name"] == "GET /"
    assert [threshold["status"] for threshold in record.metrics_json["thresholds"]] == ["pass"]


async def test_catalogue_and_folder_say_the_same(tmp_path: Path) -> None:
    record = await run_one(tmp_path, FakeEngine())
    folder = tmp_path / "runs" / record.id
    assert await History(tmp_path).find("last") == record
    assert RunRecord.from_json(json.loads((folder / "run.json").read_text())) == record
    kept = plan_from_json(json.loads((folder / "plan.json").read_text()))
    assert kept == replace(make_plan(), ceilings=kept.ceilings).hashed()
    assert (folder / "recipe.yaml").read_text() == "id: small\n"
    assert not (folder / OPEN_MARK).exists()
    assert not list(folder.glob("spool-*"))


async def test_secrets_go_to_the_supervisor_and_nowhere_else(tmp_path: Path) -> None:
    engine = FakeEngine()
    record = await run_one(tmp_path, engine)
    assert engine.supervisors[0].secrets == {"token": "t"}
    assert '"t"' not in (tmp_path / "runs" / record.id / "run.json").read_text()


async def test_the_bus_hears_of_start_and_end(tmp_path: Path) -> None:
    bus, heard = Bus(), []
    bus.subscribe(lambda topic, data: heard.append((topic, data)), [TEST_STARTED, TEST_COMPLETED])
    record = await run_one(tmp_path, FakeEngine(), bus=bus)
    started = {"run_id": record.id, "title": "Small", "recipe_id": "small", "plan_hash": record.plan_hash}
    completed = {"run_id": record.id, "title": "Mine", "status": "completed", "verdict": "pass", "reason": "", "rows": 200}
    assert heard == [(TEST_STARTED, started), (TEST_COMPLETED, completed)]


@pytest.mark.parametrize(("failures", "rows", "verdict"), [(150, 200, "fail"), (0, 50, "unknown"), (50, 200, "pass")])
async def test_the_verdict_comes_from_the_rows(failures: int, rows: int, verdict: str, tmp_path: Path) -> None:
    assert (await run_one(tmp_path, FakeEngine(rows=rows, failures=failures))).verdict == verdict


async def test_without_thresholds_there_is_no_verdict(tmp_path: Path) -> None:
    assert (await run_one(tmp_path, FakeEngine(), plan=make_plan(thresholds=()))).verdict is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EngineFailure("worker 1 was killed"), "worker 1 was killed"), (ZeroDivisionError("oh"), "supervisor failed: ZeroDivisionError: oh")],
)
async def test_a_supervisor_that_fails_leaves_a_failed_run_with_its_rows(error: Exception, reason: str, tmp_path: Path) -> None:
    record = await run_one(tmp_path, FakeEngine(error=error))
    assert (record.status, record.reason, record.rows_count, record.verdict) == ("failed", reason, 200, "unknown")


async def test_one_run_at_a_time_in_a_process(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine(waits=True))
    plan = await runs.plan("small")
    run_id = await runs.start(plan)
    with pytest.raises(Conflict, match=rf"run {run_id} \(Small\) is under way"):
        await runs.start(plan)
    runs.stop()
    await runs.wait(run_id)
    again = await runs.start(plan)
    runs.stop()
    assert (await runs.wait(again)).id != run_id


async def test_fifty_starts_at_once_have_one_winner(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine(waits=True))
    plan = await runs.plan("small")
    answers = await asyncio.gather(*(runs.start(plan) for _ in range(50)), return_exceptions=True)
    winners = [answer for answer in answers if isinstance(answer, str)]
    assert len(winners) == 1
    assert all(isinstance(answer, Conflict) for answer in answers if answer not in winners)
    await runs.close()


async def test_one_run_at_a_time_among_processes(tmp_path: Path) -> None:
    slot = RunSlot.take(tmp_path, "other-run", "spike")
    runs = service(tmp_path, FakeEngine())
    plan = await runs.plan("small")
    with pytest.raises(Conflict, match=r"run other-run \(spike\)"):
        await runs.start(plan)
    slot.release()
    assert (await runs.wait(await runs.start(plan))).status == "completed"


async def test_a_stop_reaches_the_supervisor_and_the_run_is_stored(tmp_path: Path) -> None:
    engine = FakeEngine(waits=True)
    runs = service(tmp_path, engine)
    run_id = await runs.start(await runs.plan("small"))
    runs.stop(mode="kill", reason="enough")
    record = await runs.wait(run_id)
    assert engine.supervisors[0].stops == [("kill", "enough")]
    assert (record.status, record.reason, record.rows_count) == ("stopped", "enough", 200)


async def test_cancelling_the_wait_does_not_stop_the_run(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine(waits=True))
    run_id = await runs.start(await runs.plan("small"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(runs.wait(run_id), 0.05)
    assert runs.status is not None
    assert runs.status["run_id"] == run_id
    await runs.close()
    assert (await runs.wait(run_id)).reason == "the program was closed"
    assert runs.status is None


async def test_while_it_runs_the_history_can_be_read_and_shows_it(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine(waits=True))
    run_id = await runs.start(await runs.plan("small"))
    deadline = asyncio.get_running_loop().time() + 5
    while not (found := await History(tmp_path).recent()) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    assert [(record.id, record.status) for record in found] == [(run_id, "running")]
    await runs.close()


async def test_workers_started_early_serve_the_first_run_and_are_closed(tmp_path: Path) -> None:
    engine, early = FakeEngine(), FakePool(2)
    runs = service(tmp_path, engine)
    runs.adopt(early)
    plan = await runs.plan("small")
    await runs.wait(await runs.start(plan))
    assert (len(engine.pools), early.closed > 0) == (0, True)
    await runs.wait(await runs.start(plan))
    assert [pool.closed > 0 for pool in engine.pools] == [True]


async def test_workers_that_nobody_used_are_closed(tmp_path: Path) -> None:
    early = FakePool()
    runs = service(tmp_path, FakeEngine())
    runs.adopt(early)
    await runs.close()
    assert early.closed == 1


async def test_the_number_of_workers_is_the_setting(tmp_path: Path) -> None:
    engine = FakeEngine()
    await run_one(tmp_path, engine, workers=3)
    assert [len(pool.workers) for pool in engine.pools] == [3]


async def test_a_full_disk_is_told_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = service(tmp_path, FakeEngine())
    plan = await runs.plan("small")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    with pytest.raises(EngineFailure, match="E407 only 1 MiB are free"):
        await runs.start(plan)
    assert RunSlot.holder(tmp_path) is None


async def test_a_target_that_does_not_start_leaves_nothing_behind(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine(), plan=make_plan(targets=(Target(base_url="demo:shop"),)))
    plan = await runs.plan("small")
    with pytest.raises(AssertionError, match="target shop"):
        await runs.start(plan)
    assert RunSlot.holder(tmp_path) is None
    assert not list((tmp_path / "runs").glob("*")) if (tmp_path / "runs").exists() else True


async def test_only_plans_of_the_service_are_run(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine())
    plan = await runs.plan("small")
    with pytest.raises(InvalidInput, match="was not made by this service"):
        await runs.start(replace(plan, seed=2).hashed())


async def test_nothing_to_stop_and_nothing_to_wait_for_are_missing(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine())
    with pytest.raises(Missing, match="no run is under way"):
        runs.stop()
    with pytest.raises(Missing, match="run x was not started here"):
        await runs.wait("x")


async def test_the_policy_is_asked_when_planning(tmp_path: Path) -> None:
    runs = service(tmp_path, FakeEngine())
    runs._gate = TargetGate(TargetPolicy(loopback="listed"), tmp_path / "targets.yaml")
    with pytest.raises(Exception, match="E302"):
        await runs.plan("small")
