"""The history as others see it while a test runs."""

from pathlib import Path

from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.model.states import RunStatus
from maid_lab.services.history import History
from maid_lab.store.folders import RunFolder
from maid_lab.store.slot import RunSlot


async def test_the_run_that_is_under_way_is_in_the_history(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    record = RunRecord(id=new_run_id(), recipe_id="hello", status=RunStatus.RUNNING)
    RunFolder(home, record.id).create().write_record(record)
    slot = RunSlot.take(home, record.id, "hello")
    try:
        assert [run.id for run in await History(home).recent()] == [record.id]
        assert (await History(home).find("last")).status == "running"
    finally:
        slot.release()


async def test_a_folder_that_nobody_runs_is_left_to_recovery(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    record = RunRecord(id=new_run_id(), recipe_id="hello", status=RunStatus.RUNNING)
    RunFolder(home, record.id).create().write_record(record)
    assert await History(home).recent() == []
