"""A run without workers: a supervisor that writes rows itself, and a planner that gives one plan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from maid_lab.engine.supervision.supervisor import RunEnd
from maid_lab.model.capture import CaptureOptions
from maid_lab.model.control import ControlChange
from maid_lab.model.plan import HttpStep, Label, Load, Plan, Scenario, Segment, Target
from maid_lab.model.rows import RECORD, Outcome, Phase, pack_flags
from maid_lab.model.snapshot import LiveStatus
from maid_lab.model.states import RunStatus
from maid_lab.services.archive import Archive
from maid_lab.services.bundled import BundledTargets
from maid_lab.services.bus import METRICS, STATUS, Bus
from maid_lab.services.engines import Pool, Publish, StopMode
from maid_lab.services.planning import Planned
from maid_lab.services.policy import TargetGate, TargetPolicy
from maid_lab.services.runs import RunService
from maid_lab.services.settings import load_settings

__all__ = ["START", "FakeEngine", "FakePlanner", "FakePool", "FakeSupervisor", "make_plan", "service", "write_rows"]

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def make_plan(**changes: Any) -> Plan:
    """Return a plan of one GET by two users for a second, with a threshold that 100 rows decide."""
    level = Segment(start_s=0, end_s=1, level_from=2, level_to=2)
    values: dict[str, Any] = {
        "recipe_id": "small", "recipe_version": "1.0.0", "title": "Small", "content_hash": "c", "seed": 1, "duration_s": 1.0,
        "targets": (Target(base_url="http://127.0.0.1:9", addresses=("127.0.0.1",)),),
        "loads": (Load(name="load1", profile="constant-users", model="users", order=(0,), segments=(level,)),),
        "scenarios": (Scenario(name="one", label=1, weight=1, steps=(HttpStep(label=2, method="GET", url="/"),)),),
        "labels": (
            Label(scenario="", transaction="", name="users", kind="users"),
            Label(scenario="one", transaction="", name="one", kind="iteration"),
            Label(scenario="one", transaction="", name="GET /", kind="http", method="GET", url="/"),
        ),
        "thresholds": ("error_rate < 50%",),
    }  # fmt: skip
    return Plan(**values | changes).hashed()


def write_rows(folder: Path, rows: int, *, failures: int = 0) -> None:
    """Write rows of `GET /` as a worker does, the first ones failed."""
    records = bytearray()
    for number in range(rows):
        outcome = Outcome.ERROR_STATUS if number < failures else Outcome.OK
        flags = pack_flags(outcome, phase=Phase.MAINTAIN, reused=True)
        status = 503 if number < failures else 200
        records += RECORD.pack(number * 1_000_000, 500_000, 0, 400_000, 0, number % 2, number, 100, 200, 2, status, 0, flags)
    (folder / "spool-0-0.rows").write_bytes(records)
    (folder / "names-0-0.jsonl").write_text("")
    (folder / "clock-0-0.json").write_text(json.dumps({"worker": 0, "epoch": 0, "pid": 1, "wall_ns_at_zero": 1}))


class FakePool:
    """Counts how often it was closed."""

    def __init__(self, workers: int = 1) -> None:
        self.workers: Sequence[Any] = range(workers)
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


@dataclass
class FakeSupervisor:
    """Writes rows, publishes, and ends as told: by itself, or when it is stopped."""

    run_id: str
    plan: Plan
    folder: Path
    secrets: Mapping[str, str]
    publish: Callable[[str, Mapping[str, Any]], None]
    rows: int = 200
    failures: int = 0
    error: Exception | None = None
    waits: bool = False
    stops: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> LiveStatus:
        return {"run_id": self.run_id, "requests": self.rows, "status": "running"}  # type: ignore[typeddict-item]

    async def run(self) -> RunEnd:
        write_rows(self.folder, self.rows, failures=self.failures)
        self.publish(STATUS, self.status)
        self.publish(METRICS, self.status)
        if self.waits:
            await self.stopped.wait()
        if self.error is not None:
            raise self.error
        return RunEnd(
            status=RunStatus.STOPPED if self.stops else RunStatus.COMPLETED, reason=self.stops[-1][1] if self.stops else "",
            generator_bound=False, started_at=START, ended_at=START + timedelta(seconds=1), interrupted=bool(self.stops),
        )  # fmt: skip

    def stop(self, *, mode: StopMode = "graceful", reason: str = "") -> None:
        self.stops.append((mode, reason))
        self.stopped.set()

    def control(self, change: ControlChange, *, by: str = "") -> dict[str, Any]:
        self.changes.append((change.said(), by))
        return change.said()


class FakeEngine:
    """Makes supervisors with the behaviour it was given."""

    def __init__(self, **behaviour: Any) -> None:
        self.behaviour = behaviour
        self.pools: list[FakePool] = []
        self.supervisors: list[FakeSupervisor] = []
        self.auto_stops: list[bool] = []

    def warm(self, workers: int) -> FakePool:
        self.pools.append(FakePool(workers or 2))
        return self.pools[-1]

    def supervisor(
        self,
        *,
        run_id: str,
        plan: Plan,
        folder: Path,
        pool: Pool,
        secrets: Mapping[str, str],
        publish: Publish,
        capture: CaptureOptions | None = None,
        auto_stop: bool = False,
    ) -> FakeSupervisor:
        self.auto_stops.append(auto_stop)
        values: dict[str, Any] = {"run_id": run_id, "plan": plan, "folder": folder, "secrets": secrets, "publish": publish}
        self.supervisors.append(FakeSupervisor(**values, **self.behaviour))
        return self.supervisors[-1]


@dataclass
class FakePlanner:
    """Gives the plan it was made with."""

    result: Plan

    def plan(
        self,
        recipe: str,
        parameters: Mapping[str, Any],
        overrides: Mapping[str, Any],
        *,
        preset: str = "",
        shapes: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        **_more: Any,
    ) -> Planned:
        return Planned(plan=self.result, recipe_text="id: small\n", source="small", secrets={"token": "t"})


def service(home: Path, engine: FakeEngine, *, plan: Plan | None = None, bus: Bus | None = None, **flags: Any) -> RunService:
    """Return a run service over fakes and a real archive."""
    planner: Any = FakePlanner(plan or make_plan())
    return RunService(
        settings=load_settings(home, flags=flags),
        planner=planner,
        gate=TargetGate(TargetPolicy(), home / "targets.yaml"),
        archive=Archive(home),
        engine=engine,
        bus=bus or Bus(),
        bundled=lambda: BundledTargets(_no_target),
    )


def _no_target(name: str) -> Any:
    raise AssertionError(f"target {name} was started")
