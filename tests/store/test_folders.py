from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from maid_lab.model.errors import EngineFailure, InvalidInput, Missing
from maid_lab.model.run_record import RunRecord
from maid_lab.store.folders import RunFolder, require_space, run_folders, write_atomically
from tests.store.spools import RUN, plan


def test_plan_and_record_come_back_as_they_were_written(tmp_path: Path) -> None:
    folder, record = RunFolder(tmp_path, RUN).create(), RunRecord(id=RUN, name="ü", tags=("a",))

    folder.write_plan(plan())
    folder.write_record(record)

    assert (folder.read_plan(), folder.read_record()) == (plan(), record)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_what_is_missing_or_damaged_is_none_but_the_plan_is_needed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, RUN).create()
    (folder.path / "run.json").write_text('{"id": "cut')
    (folder.path / "status.json").write_text("[1]")

    assert (folder.read_record(), folder.read_status(), folder.read_series(), folder.read_log()) == (None, None, [], [])
    with pytest.raises(Missing, match=r"plan\.json"):
        folder.read_plan()


def test_lines_are_read_up_to_a_cut_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, RUN).create()
    (folder.path / "log.jsonl").write_text('{"t_s": 1}\n[2]\n{"t_s": 3}\n{"t_s"')

    assert folder.read_log() == [{"t_s": 1}, {"t_s": 3}]


@pytest.mark.parametrize("run_id", ["", "..", "../other", "a/b", "/etc", ".hidden", "a\0b", "x" * 65])
def test_an_id_cannot_leave_the_folder_of_runs(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(InvalidInput, match="not the id of a run"):
        RunFolder(tmp_path, run_id)


def test_folders_are_listed_oldest_first_and_strange_names_are_left_out(tmp_path: Path) -> None:
    for name in ("b-2", "a-1", ".trash"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / "file").touch()

    assert [folder.run_id for folder in run_folders(tmp_path)] == ["a-1", "b-2"]
    assert list(run_folders(tmp_path / "nowhere")) == []


def test_size_counts_files_and_removal_is_complete(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, RUN).create()
    (folder.path / "cache").mkdir()
    (folder.path / "cache" / "a").write_bytes(b"12345")
    (folder.path / "b").write_bytes(b"123")

    size = folder.size()
    folder.remove()
    folder.remove()

    assert (size, folder.exists, folder.size()) == (8, False, 0)


def test_readers_see_the_old_content_or_the_new_while_many_write(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_atomically(path, json.dumps([0] * 2_000))

    def write(number: int) -> None:
        for _ in range(20):
            write_atomically(path, json.dumps([number] * 2_000))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    seen = []
    while any(writer.is_alive() for writer in writers):
        seen.append(json.loads(path.read_text()))
    for writer in writers:
        writer.join(10)

    assert all(len(content) == 2_000 and len(set(content)) == 1 for content in seen)
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("run.json", "old")]


def test_too_little_space_is_told_in_figures(tmp_path: Path) -> None:
    require_space(tmp_path, 1)
    with pytest.raises(EngineFailure, match=r"MiB are free at .*; 1099511627776 MiB are needed"):
        require_space(tmp_path, 2**60)
