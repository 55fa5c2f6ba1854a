"""The history: what ran, and the care of the catalogue. Each call opens the catalogue for a moment and lets go of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from maid_lab.model.states import FINAL_STATES
from maid_lab.services.catalogue import opened
from maid_lab.store.folders import RunFolder, run_folders
from maid_lab.store.slot import RunSlot

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan
    from maid_lab.model.run_record import RunRecord
    from maid_lab.store.store import Store

__all__ = ["History", "backup_store", "check_store", "rebuild_store"]


class History:
    """Finds runs.

    Parameters
    ----------
    home : Path
        The home folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    async def recent(self, *, recipe: str | None = None, tag: str | None = None, limit: int = 20) -> list[RunRecord]:
        """Return the newest runs, newest first."""
        return await asyncio.to_thread(self._recent, recipe, tag, limit)

    async def find(self, reference: str) -> RunRecord:
        """Return the run for an id, a part of one that is unique, or `last`.

        Raises
        ------
        Missing
            If there is none, or several; names them.
        """
        return await asyncio.to_thread(self._find, reference)

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return RunFolder(self._home, run_id).path

    def plan(self, run_id: str) -> Plan:
        """Return the plan that a run ran.

        Raises
        ------
        Missing
            If its folder has none.
        """
        return RunFolder(self._home, run_id).read_plan()

    def _recent(self, recipe: str | None, tag: str | None, limit: int) -> list[RunRecord]:
        with opened(self._home) as store:
            self._list_running(store)
            return list(store.runs.list(recipe=recipe, tag=tag, limit=limit))

    def _find(self, reference: str) -> RunRecord:
        with opened(self._home) as store:
            self._list_running(store)
            return store.runs.get(reference)

    def _list_running(self, store: Store) -> None:
        """Bring the run that is under way into the catalogue, from its folder.

        Who looks does it, not who runs: opening DuckDB takes two tenths of a second of a core, which a run on one core would lose of its load.
        """
        run_id = (RunSlot.holder(self._home) or {}).get("run_id")
        record = RunFolder(self._home, str(run_id)).read_record() if run_id else None
        if record is not None and record.id not in store.runs.ids():
            store.runs.create(record)


def check_store(home: Path) -> list[str]:
    """Compare the catalogue with the run folders and return what does not agree, as sentences."""
    from maid_lab.store.parquet import read_counts

    with opened(home) as store:
        findings = list(store.notices)
        listed = {record.id: record for record in store.runs.list(limit=1_000_000)}
    running = (RunSlot.holder(home) or {}).get("run_id")
    folders = {folder.run_id: folder for folder in run_folders(home)}
    for run_id, folder in folders.items():
        record = folder.read_record()
        if run_id == running or record is None:
            continue
        if run_id not in listed:
            findings.append(f"run {run_id} has a folder, but is not in the catalogue")
        counts = read_counts(folder)
        if record.status in FINAL_STATES and (counts is None or counts.requests != record.rows_count):
            found = "none that are complete" if counts is None else f"{counts.requests}"
            findings.append(f"run {run_id}: its record says {record.rows_count} rows, its folder holds {found}")
    findings += [f"run {run_id} is in the catalogue, but its folder is gone" for run_id in listed if run_id not in folders]
    return findings


def rebuild_store(home: Path) -> int:
    """Make the catalogue anew from the run folders and return the number of runs."""
    from maid_lab.store.store import rebuild

    return rebuild(home)


def backup_store(home: Path, folder: Path) -> Path:
    """Copy catalogue and runs into a new folder below `folder` and return it."""
    with opened(home) as store:
        return store.backup(folder)
