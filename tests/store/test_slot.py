from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from maid_lab.model.errors import Conflict
from maid_lab.store.slot import RunSlot
from tests.store.processes import other_process


def test_the_second_is_told_who_runs_what(tmp_path: Path) -> None:
    slot = RunSlot.take(tmp_path, "run-1", "checkout")

    with pytest.raises(Conflict, match=rf"run run-1 \(checkout\) of process {os.getpid()} is under way since 20"):
        RunSlot.take(tmp_path, "run-2", "search")
    holder = RunSlot.holder(tmp_path) or {}
    slot.release()
    slot.release()

    assert (holder["run_id"], holder["pid"], holder["recipe"]) == ("run-1", os.getpid(), "checkout")
    assert RunSlot.holder(tmp_path) is None
    RunSlot.take(tmp_path, "run-2", "search").release()


def test_without_a_home_nobody_holds_it(tmp_path: Path) -> None:
    assert RunSlot.holder(tmp_path / "nowhere") is None


def test_a_long_name_before_leaves_nothing_in_the_next_entry(tmp_path: Path) -> None:
    RunSlot.take(tmp_path, "run-1", "x" * 900).release()
    slot = RunSlot.take(tmp_path, "run-2", "y")

    assert (RunSlot.holder(tmp_path) or {})["recipe"] == "y"
    slot.release()


def test_a_killed_holder_frees_the_slot(tmp_path: Path) -> None:
    with other_process(tmp_path, 'slot = RunSlot.take(home, "run-1", "checkout")\nprint("ready", flush=True)\ntime.sleep(60)') as process:
        holder = RunSlot.holder(tmp_path)
        with pytest.raises(Conflict, match=f"process {process.pid}"):
            RunSlot.take(tmp_path, "run-2", "search")

    assert (holder or {})["pid"] == process.pid
    assert RunSlot.holder(tmp_path) is None
    RunSlot.take(tmp_path, "run-2", "search").release()


def test_those_who_ask_for_the_holder_are_never_taken_for_one(tmp_path: Path) -> None:
    RunSlot.take(tmp_path, "first", "x").release()
    done = threading.Event()
    strange: list[object] = []

    def ask() -> None:
        while not done.is_set():
            holder = RunSlot.holder(tmp_path)
            if holder is not None and holder.get("run_id") != "second":
                strange.append(holder)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(50):
            slot = RunSlot.take(tmp_path, "second", "x")
            slot.release()
    finally:
        done.set()
        for asker in askers:
            asker.join(10)

    # Between the lock and the entry, and between clearing it and closing, the entry is empty: known to be held, not by whom.
    assert [holder for holder in strange if holder] == []
