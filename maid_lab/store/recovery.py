"""What a crash left: runs without an end, and records that the catalogue lost but the run folders have."""

from __future__ import annotations

from pathlib import Path

from maid_lab.model.run_record import RunRecord
from maid_lab.model.states import FINAL_STATES
from maid_lab.store.catalogue import Catalogue
from maid_lab.store.folders import run_folders
from maid_lab.store.recorded import record_of
from maid_lab.store.runs import RunRepository
from maid_lab.store.slot import RunSlot

__all__ = ["adopt", "orphans"]


def orphans(catalogue: Catalogue, home: Path) -> list[RunRecord]:
    """Return runs that have not ended by their record although nothing alive runs them, oldest first.

    Where `run.json` says that a run has ended, it is right and the catalogue is late: such a run is no orphan.
    """
    holder = (RunSlot.holder(home) or {}).get("run_id")
    unfinished = {record.id: record for record in RunRepository(catalogue).unfinished()}
    for folder in run_folders(home):
        record = folder.read_record()
        if record is not None and record.id == folder.run_id:
            unfinished.pop(record.id, None)
            if record.status not in FINAL_STATES:
                unfinished[record.id] = record
    return [record for run_id, record in sorted(unfinished.items()) if run_id != holder]


def adopt(catalogue: Catalogue, home: Path) -> int:
    """Bring into the catalogue what the run folders know better; returns how many records were written.

    Those are runs that the catalogue does not have, and runs whose record in the folder was changed later than the one in the catalogue.
    """
    runs = RunRepository(catalogue)
    known = runs.stamps()
    written = 0
    for folder in run_folders(home):
        record = record_of(folder)
        if record is None or (record.id in known and record.updated_at <= known[record.id]):
            continue
        runs.save(record)
        written += 1
    return written
