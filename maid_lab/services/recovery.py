"""Runs that did not end by themselves: their rows are kept, their records closed with the reason."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import Missing
from maid_lab.model.run_record import RunRecord
from maid_lab.model.states import FINAL_STATES, RunStatus
from maid_lab.services.archive import OPEN_MARK, Archive
from maid_lab.store.folders import RunFolder, run_folders
from maid_lab.store.slot import RunSlot

if TYPE_CHECKING:
    from maid_lab.engine.supervision.supervisor import RunEnd

__all__ = ["recover"]

log = logging.getLogger(__name__)


def recover(home: Path) -> list[RunRecord]:
    """Close the runs that nothing alive runs any more, and return their records.

    Spool files become Parquet, summary and verdict are computed from the rows that are there, and the run is `failed` with a reason. A run
    that ended, but whose rows or catalogue entry could not be written then, is completed without a change of its end. Cheap when there is
    nothing to do: no record is read and no catalogue opened.
    """
    candidates = [folder for folder in run_folders(home) if _is_unfinished(folder)]
    if not candidates:
        return []
    with _alone(home) as is_alone:
        if not is_alone:
            return []
        # After the list of folders: a run begins by taking the slot, so one that is in the list holds it or has ended.
        holder = (RunSlot.holder(home) or {}).get("run_id")
        closed = (_close(Archive(home), folder) for folder in candidates if folder.run_id != holder)
        return [record for record in closed if record is not None]


def _is_unfinished(folder: RunFolder) -> bool:
    return (folder.path / OPEN_MARK).exists() or not (folder.path / "rows.json").exists()


@contextmanager
def _alone(home: Path) -> Iterator[bool]:
    """Two processes must not convert the same spool; the second leaves it to the first."""
    fd = os.open(home / "recovery.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(fd)


def _close(archive: Archive, folder: RunFolder) -> RunRecord | None:
    record = folder.read_record()
    if record is None or not _is_unfinished(folder):
        return None
    end = _end_of(folder, record)
    try:
        plan = folder.read_plan()
    except Missing as error:
        if record.status in FINAL_STATES:
            return None
        log.warning("run %s: %s", record.id, error)
        return archive.seal(record, status=str(end.status), reason=f"{end.reason}; {error.message}", end_time=end.ended_at)
    closed = archive.finish(record, plan, end)
    log.warning("run %s was closed: %s, %d rows", closed.id, closed.reason or closed.status, closed.rows_count)
    return closed


def _end_of(folder: RunFolder, record: RunRecord) -> RunEnd:
    from maid_lab.engine.supervision.supervisor import RunEnd

    status: dict[str, Any] = folder.read_status() or {}
    last_seen = max((path.stat().st_mtime for path in folder.path.iterdir() if path.name != OPEN_MARK), default=0.0)
    seen_at = datetime.fromtimestamp(last_seen, UTC)
    if record.status in FINAL_STATES:
        ended, reason, state = record.end_time or seen_at, record.reason, RunStatus(record.status)
    else:
        ended, state = seen_at, RunStatus.FAILED
        reason = f"supervisor was killed: lease ended {status.get('elapsed_s', 0.0):.0f} s into the run, rows up to its last flush are kept"
    return RunEnd(
        status=state,
        reason=reason,
        generator_bound=record.generator_bound
        or int(status.get("generator_bound_s", 0)) > 0.05 * max(1.0, float(status.get("elapsed_s", 0.0))),
        started_at=record.start_time or record.created_at,
        ended_at=ended,
        interrupted=False,
    )
