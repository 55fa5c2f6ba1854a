"""A search for capacity against a target whose capacity is known: so many users fail, fewer do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from maid_lab.engine.supervision.pool import LocalPool
from maid_lab.engine.supervision.supervisor import RunEnd, Supervisor
from maid_lab.model.plan import HttpStep, Plan, Search, Segment, ThinkStep
from maid_lab.model.states import RunStatus
from tests.engine.running import plan_of
from tests.support.hostile import HostileServer


def plan_for(hostile: HostileServer, *, slo: tuple[str, ...], **changes: Any) -> Plan:
    usual: dict[str, Any] = {"first": 1, "last": 6, "slo": slo, "probe_s": 0.5, "settle_s": 0.1, "max_probes": 6, "tolerance": 0.2}
    search = Search(**usual | changes)
    segments = (Segment(start_s=0, end_s=9, level_from=search.first, level_to=search.first),)
    load = {"model": "users", "users": search.first, "duration_s": 9.0, "segments": segments, "search": search, "graceful_stop_s": 1.0}
    steps = (HttpStep(label=2, method="GET", url="/ok"), ThinkStep(low=0.005, high=0.005))
    return plan_of(hostile.url, steps, ("ok",), load=load)


async def run(plan: Plan, folder: Path) -> tuple[RunEnd, Supervisor]:
    pool = LocalPool.warm(1)
    supervisor = Supervisor(run_id="r", plan=plan, folder=folder, pool=pool)
    try:
        return await supervisor.run(), supervisor
    finally:
        await pool.close()


async def test_the_last_level_that_holds_is_found_and_measured(hostile: HostileServer, tmp_path: Path) -> None:
    end, supervisor = await run(plan_for(hostile, slo=("rate > 1/s",), max_probes=9), tmp_path)
    hostile.settle()
    assert end.status is RunStatus.COMPLETED
    assert end.course is not None
    probes = end.course["probes"]
    # A busy machine may make a probe unknown, which is then made again.
    assert list(dict.fromkeys(probe["level"] for probe in probes)) == [1, 2, 4, 6]
    best = probes[-1]
    assert (best["judged"], end.course["best"], end.course["reason"]) == ("pass", len(probes), "the last level holds")
    assert (end.course["warmup_end_s"], end.course["measured_until_s"]) == (best["from_s"], best["to_s"])
    assert supervisor.status["requests"] == hostile.requests
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["number"] for entry in events if entry.get("event") == "probe"] == [probe["number"] for probe in probes]


async def test_a_search_that_finds_nothing_says_so(hostile: HostileServer, tmp_path: Path) -> None:
    end, _ = await run(plan_for(hostile, slo=("count < 1",), first=2, max_probes=3), tmp_path)
    assert end.course is not None
    assert [(probe["level"], probe["judged"]) for probe in end.course["probes"]] == [(2, "fail"), (1, "fail")]
    assert end.course["best"] is None
    assert "measured_until_s" not in end.course


async def test_too_few_samples_are_probed_again_for_longer(hostile: HostileServer, tmp_path: Path) -> None:
    end, _ = await run(plan_for(hostile, slo=("p99.99 < 1s",), max_probes=2), tmp_path)
    assert end.course is not None
    probes = end.course["probes"]
    assert [probe["judged"] for probe in probes] == ["unknown", "unknown"]
    assert probes[1]["to_s"] - probes[1]["from_s"] == pytest.approx(1.0, abs=0.3)
