from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import Conflict
from maid_lab.model.run_record import RunRecord
from maid_lab.services.archive import OPEN_MARK, Archive
from maid_lab.services.history import History, check_store, rebuild_store
from maid_lab.services.planning import Planned
from maid_lab.services.recovery import recover
from maid_lab.store import parquet
from maid_lab.store.folders import RunFolder
from maid_lab.store.slot import RunSlot
from maid_lab.store.store import Store
from tests.services.fakes import FakeEngine, make_plan, service, write_rows

NOW = datetime.now(UTC)


def left_open(home: Path, **changes: Any) -> RunRecord:
    """Leave a run as a killed supervisor does: rows in the spool, a record that says running."""
    archive = Archive(home)
    record = archive.new_record(Planned(plan=make_plan())).changed(**{"status": "running", "start_time": NOW, **changes})
    write_rows(archive.begin(record, make_plan(), "id: small\n"), 200)
    return record


async def finished(home: Path) -> RunRecord:
    runs = service(home, FakeEngine())
    return await runs.wait(await runs.start(await runs.plan("small")))


async def test_a_run_whose_supervisor_was_killed_is_closed_with_its_rows(tmp_path: Path) -> None:
    left = left_open(tmp_path)
    (closed,) = recover(tmp_path)
    assert (closed.id, closed.status, closed.rows_count, closed.total_requests, closed.verdict) == (left.id, "failed", 200, 200, "unknown")
    assert closed.reason.startswith("supervisor was killed: lease ended")
    assert closed.start_time == NOW
    assert closed.end_time is not None
    assert await History(tmp_path).find(left.id) == closed
    assert recover(tmp_path) == []


def test_the_run_that_holds_the_slot_is_left_alone(tmp_path: Path) -> None:
    left = left_open(tmp_path)
    slot = RunSlot.take(tmp_path, left.id, "small")
    assert recover(tmp_path) == []
    slot.release()
    assert [record.id for record in recover(tmp_path)] == [left.id]


async def test_a_finished_run_needs_nothing(tmp_path: Path) -> None:
    await finished(tmp_path)
    assert recover(tmp_path) == []
    assert check_store(tmp_path) == []


async def test_a_full_disk_at_the_end_costs_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(parquet, "_convert", full)
        record = await finished(tmp_path)
    folder = RunFolder(tmp_path, record.id)
    assert (record.status, record.rows_count) == ("failed", 0)
    assert "No space left on device; the spool is kept" in record.reason
    assert folder.spool_paths()
    (mended,) = recover(tmp_path)
    assert (mended.id, mended.status, mended.rows_count, mended.end_time) == (record.id, "failed", 200, record.end_time)
    assert not folder.spool_paths()
    assert recover(tmp_path) == []


async def test_rows_that_cannot_be_summed_up_are_told_and_stop_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **_more: Any) -> None:
        raise ArithmeticError("seven")

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "_findings", broken)
        record = await finished(tmp_path)
        again = [recover(tmp_path) for _ in range(2)]
    assert (record.status, record.reason) == ("failed", "it cannot be finished yet: ArithmeticError: seven")
    assert [[each.reason for each in closed] for closed in again] == [[record.reason], [record.reason]]
    assert (await History(tmp_path).find("last")).status == "failed"
    assert [each.rows_count for each in recover(tmp_path)] == [200]
    assert recover(tmp_path) == []


async def test_what_the_catalogue_did_not_get_it_gets_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(home: Path) -> Store:
        raise Conflict(f"the catalogue {home} is held by process 1.")

    archive = Archive(tmp_path)
    left = left_open(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "open", held)
        closed = recover(tmp_path)
    assert [(record.id, record.rows_count) for record in closed] == [(left.id, 200)]
    assert (RunFolder(tmp_path, left.id).path / OPEN_MARK).exists()
    assert [record.id for record in recover(tmp_path)] == [left.id]
    assert (await History(tmp_path).find(left.id)).rows_count == 200
    assert archive.live_status() is None


def test_a_folder_without_a_plan_is_closed_once(tmp_path: Path) -> None:
    left = left_open(tmp_path)
    (RunFolder(tmp_path, left.id).path / "plan.json").unlink()
    (closed,) = recover(tmp_path)
    assert (closed.status, closed.rows_count) == ("failed", 0)
    assert "no readable plan.json" in closed.reason
    assert recover(tmp_path) == []


def test_a_folder_without_a_record_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "runs" / "notes").mkdir(parents=True)
    assert recover(tmp_path) == []


async def test_the_check_names_what_does_not_agree_and_rebuilding_mends_it(tmp_path: Path) -> None:
    kept, lost = await finished(tmp_path), await finished(tmp_path)
    (tmp_path / "maid.duckdb").unlink()
    await finished(tmp_path)
    assert check_store(tmp_path) == [f"run {record.id} has a folder, but is not in the catalogue" for record in (kept, lost)]
    assert rebuild_store(tmp_path) == 3
    assert check_store(tmp_path) == []
    RunFolder(tmp_path, lost.id).rows_path().unlink()
    assert check_store(tmp_path) == [f"run {lost.id}: its record says 200 rows, its folder holds none that are complete"]
    RunFolder(tmp_path, lost.id).remove()
    assert check_store(tmp_path) == [f"run {lost.id} is in the catalogue, but its folder is gone"]
