"""What services write into the audit log, and what becomes of an action that cannot be written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.control import read_change
from maid_lab.model.errors import EngineFailure
from maid_lab.services.access.principal import LOCAL, CredentialKind, Principal
from maid_lab.services.audit import AuditLog
from maid_lab.services.history import rebuild_store
from maid_lab.services.home import open_home
from maid_lab.services.housekeeping import trim_history
from maid_lab.services.runs import RunService
from tests.services.fakes import FakeEngine, service

KEY = Principal(kind=CredentialKind.KEY, id="alice", key_id="0123456789", address="127.0.0.1", client="ci")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return open_home(tmp_path / "home")


def audited(home: Path, **behaviour: Any) -> RunService:
    engine = FakeEngine(**behaviour)
    runs = service(home, engine)
    runs._audit = AuditLog(home).write
    return runs


def entries(home: Path) -> list[tuple[str, str, dict[str, Any]]]:
    found = [json.loads(line) for line in (home / "audit.jsonl").read_text().splitlines()]
    return [(entry["action"], entry["actor"]["id"], entry["detail"]) for entry in found]


async def test_a_start_is_written_with_who_and_what_before_the_run_lives(home: Path) -> None:
    runs = audited(home)
    run_id = await runs.start(await runs.plan("small"), by=KEY)
    assert AuditLog(home).page(subject=run_id).items[0].action == "run.start"
    record = await runs.wait(run_id)
    assert record.user_id == "alice"
    assert [(action, who) for action, who, _ in entries(home)] == [("run.start", "alice")]
    assert entries(home)[0][2]["plan_hash"] == record.plan_hash
    assert AuditLog(home).verify().is_whole


async def test_stops_are_written_once_for_each_mode(home: Path) -> None:
    runs = audited(home, waits=True)
    run_id = await runs.start(await runs.plan("small"))
    runs.stop(by=KEY)
    runs.stop(by=KEY)
    runs.stop(mode="kill", by=KEY)
    await runs.wait(run_id)
    assert sorted((action, detail["mode"]) for action, _, detail in entries(home)[1:]) == [("run.stop", "graceful"), ("run.stop", "kill")]


async def test_a_start_that_cannot_be_written_is_refused_and_leaves_nothing(home: Path) -> None:
    runs = audited(home)
    (home / "audit.jsonl").mkdir()
    plan = await runs.plan("small")
    with pytest.raises(EngineFailure, match=r"audit\.jsonl"):
        await runs.start(plan)
    assert runs.live_run_id is None
    assert not list((home / "runs").glob("*")) if (home / "runs").exists() else True
    (home / "audit.jsonl").rmdir()
    assert (await runs.wait(await runs.start(plan))).status == "completed"


async def test_a_change_that_cannot_be_written_is_not_made_but_a_stop_is(home: Path) -> None:
    runs = audited(home, waits=True)
    run_id = await runs.start(await runs.plan("small"))
    (home / "audit.jsonl").unlink()
    (home / "audit.jsonl").mkdir()
    with pytest.raises(EngineFailure, match="not done"):
        runs.control(read_change({"users": 3}), principal=KEY)
    runs.stop(mode="kill")
    await runs.wait(run_id)
    assert runs.live_run_id is None


def test_a_rebuild_is_written_and_told_by_the_check(home: Path) -> None:
    AuditLog(home).write(LOCAL, "run.start", "r1")
    rebuild_store(home)
    found = AuditLog(home).verify()
    assert (found.is_whole, found.entries) == (True, 2)
    assert "rebuilt" in found.notes[0]


async def test_trimming_is_written(home: Path) -> None:
    runs = audited(home)
    for _ in range(3):
        await runs.wait(await runs.start(await runs.plan("small")))
    assert len(trim_history(home, max_history=1, max_history_bytes=0)) == 2
    assert entries(home)[-1] == ("store.trim", "local", {"max_history": 1, "max_history_bytes": 0})
