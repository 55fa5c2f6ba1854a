"""History held within bounds: oldest first, never a pinned or a running test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maid_lab.store.folders import RunFolder, run_folders
from maid_lab.store.runs import RunRepository
from maid_lab.store.slot import RunSlot

__all__ = ["remove_run", "trim"]


def trim(runs: RunRepository, home: Path, *, max_history: int | None = None, max_history_bytes: int | None = None) -> Sequence[str]:
    """Remove the oldest runs beyond a number of runs or of bytes on disk, folder and record; returns their ids, for the audit.

    Pinned runs count towards both bounds but are never removed; nor are the run that holds the slot, whatever its record says, and the newest
    one: who has just run a test wants to see it, however large it became.
    """
    holder = (RunSlot.holder(home) or {}).get("run_id")
    spared = {holder, *(record.id for record in runs.list(limit=1))}
    free = [run_id for run_id in runs.removable() if run_id not in spared]
    sizes = {folder.run_id: folder.size() for folder in run_folders(home)} if max_history_bytes is not None else {}
    number, size = runs.count(), sum(sizes.values())
    removed = []
    for run_id in free:
        too_many = max_history is not None and number > max_history
        too_large = max_history_bytes is not None and size > max_history_bytes
        if not (too_many or too_large):
            break
        remove_run(runs, home, run_id)
        removed.append(run_id)
        number, size = number - 1, size - sizes.get(run_id, 0)
    return removed


def remove_run(runs: RunRepository, home: Path, run_id: str) -> None:
    """Delete a run: its folder first, because a folder without a record is listed again and a record without a folder is not."""
    RunFolder(home, run_id).remove()
    runs.delete(run_id)
