"""What the run service keeps: the record, the plan, the recipe, the rows, and what they say.

The catalogue is opened for a moment at the start and at the end of a run and never held while it lives, so that other processes can read the history
beside it. The run folder is the truth: what could not be written into the catalogue is written at the next opening.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import Conflict, MaidError
from maid_lab.model.plan import plan_to_json
from maid_lab.model.run_record import ANNOTATIONS, RunRecord, new_run_id
from maid_lab.model.states import RunStatus, Verdict
from maid_lab.services.catalogue import opened
from maid_lab.store.folders import RunFolder, write_atomically
from maid_lab.store.slot import RunSlot

if TYPE_CHECKING:
    from maid_lab.engine.supervision.supervisor import RunEnd
    from maid_lab.model.plan import Plan
    from maid_lab.model.snapshot import LiveStatus
    from maid_lab.services.planning import Planned
    from maid_lab.services.reports.content import ReportContent

__all__ = ["OPEN_MARK", "Archive"]

log = logging.getLogger(__name__)

#: A file that stands in a run's folder from its start until its record is final and in the catalogue.
OPEN_MARK: Final = ".open"
#: A file that takes up room until the end of the run.
_RESERVE: Final = ".reserve"
_RESERVED_BYTES: Final = 256 * 1024
_CLAIM_TRIES: Final = 5
_CLAIM_PAUSE_S: Final = 0.02


class Archive:
    """Keeps runs in a home folder.

    Parameters
    ----------
    home : Path
        The home folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    def new_record(self, planned: Planned, *, name: str = "", tags: tuple[str, ...] = ()) -> RunRecord:
        """Return the record of a run that has not begun."""
        plan = planned.plan
        return RunRecord(
            id=new_run_id(),
            recipe_id=plan.recipe_id,
            recipe_version=plan.recipe_version,
            name=name or plan.title,
            tags=tuple(dict.fromkeys(plan.tags + tags)),
            config_json=plan_to_json(plan),
            plan_hash=plan.plan_hash,
        )

    def claim(self, record: RunRecord) -> RunSlot:
        """Take the single-run slot.

        Raises
        ------
        Conflict
            If another run holds it; names it.
        """
        for _ in range(_CLAIM_TRIES):
            try:
                return RunSlot.take(self.home, record.id, record.recipe_id)
            except Conflict:
                # Whoever asks for the holder has the lock for an instant; only a holder that stays is a run.
                if RunSlot.holder(self.home) is not None:
                    raise
                time.sleep(_CLAIM_PAUSE_S)
        return RunSlot.take(self.home, record.id, record.recipe_id)

    def begin(self, record: RunRecord, plan: Plan, recipe_text: str) -> Path:
        """Make the run's folder with plan, recipe and record, and return it."""
        folder = RunFolder(self.home, record.id).create()
        (folder.path / OPEN_MARK).touch(mode=0o600)
        folder.write_plan(plan)
        write_atomically(folder.path / "recipe.yaml", recipe_text)
        folder.write_record(record)
        _reserve(folder.path)
        return folder.path

    def discard(self, record: RunRecord) -> None:
        """Remove the folder of a run that could not begin."""
        shutil.rmtree(RunFolder(self.home, record.id).path, ignore_errors=True)

    def note(self, record: RunRecord, **changes: Any) -> RunRecord:
        """Write the changed record into the run's folder and return it; what people said of it meanwhile stays."""
        folder = RunFolder(self.home, record.id)
        known = folder.read_record()
        said = {} if known is None else {name: getattr(known, name) for name in ANNOTATIONS}
        changed = record.changed(**said | changes)
        folder.write_record(changed)
        return changed

    def list(self, record: RunRecord) -> bool:
        """Write the record into the catalogue; False when it is held by somebody else, then a later opening does it."""
        try:
            with opened(self.home) as store:
                store.runs.save(record)
                store.checkpoint()
        except Exception as error:  # foreign ones too: DuckDB has its own for a full disk
            log.warning("run %s is not in the catalogue yet: %s", record.id, error)
            return False
        return True

    def finish(self, record: RunRecord, plan: Plan, end: RunEnd, *, counted: LiveStatus | None = None) -> RunRecord:
        """Turn the rows into Parquet, compute summary and verdict, and write the final record everywhere.

        Parameters
        ----------
        counted : LiveStatus, optional
            The last counts of a run that kept no rows: all that is known of it.

        Notes
        -----
        Nothing that goes wrong here costs a row or is raised: the spool stays, the run is `failed` with the reason, and the next opening
        tries again.
        """
        (RunFolder(self.home, record.id).path / _RESERVE).unlink(missing_ok=True)
        ended: dict[str, Any] = {
            "status": str(end.status),
            "reason": end.reason,
            "generator_bound": end.generator_bound,
            "start_time": end.started_at,
            "end_time": end.ended_at,
            "duration_seconds": (end.ended_at - end.started_at).total_seconds(),
        }
        from maid_lab.store.parquet import finalise

        try:
            if end.course is not None:
                folder = RunFolder(self.home, record.id)
                folder.write_course(end.course)
                plan = folder.read_plan()
            if counted is not None:
                finalise(RunFolder(self.home, record.id))  # says that there are none, so that nobody looks for them later
                return self.seal(record, **ended | _counted(counted, end))
            ended |= self._findings(record.changed(**ended), plan, condemned=end.condemned)
            return self.seal(record, **ended)
        except Exception as error:
            log.exception("run %s cannot be finished yet", record.id)
            reason = str(error) if isinstance(error, MaidError) else f"it cannot be finished yet: {type(error).__name__}: {error}"
            reasons = end.reason if reason in end.reason else f"{end.reason}; {reason}".lstrip("; ")
            return self._kept_open(record.changed(**ended | {"status": str(RunStatus.FAILED), "reason": reasons}))

    def seal(self, record: RunRecord, **changes: Any) -> RunRecord:
        """Write the final record into folder and catalogue; the run stays marked as open until both have it."""
        final = self.note(record, **changes)
        if self.list(final):
            (RunFolder(self.home, record.id).path / OPEN_MARK).unlink(missing_ok=True)
        return final

    def live_status(self) -> dict[str, Any] | None:
        """Return the newest status of the run that holds the slot, only id, title and `pending` before its first one; None when it is free."""
        holder = RunSlot.holder(self.home)
        if not holder or "run_id" not in holder:
            return None
        run_id = str(holder["run_id"])
        waiting = {"run_id": run_id, "title": str(holder.get("recipe", "")), "status": str(RunStatus.PENDING)}
        return RunFolder(self.home, run_id).read_status() or waiting

    def _kept_open(self, record: RunRecord) -> RunRecord:
        try:
            self.note(record)
        except OSError as error:
            log.warning("run %s: its record cannot be written: %s", record.id, error)
        self.list(record)
        return record

    def _findings(self, record: RunRecord, plan: Plan, *, condemned: bool = False) -> dict[str, Any]:
        """Return the columns that follow from the rows."""
        from maid_lab.services.reports.content import gather
        from maid_lab.services.reports.run_files import RunFiles
        from maid_lab.store.parquet import finalise

        folder = RunFolder(self.home, record.id)
        counts = finalise(folder)
        content = gather(record, RunFiles.in_folder(folder.path), plan)
        return {
            "rows_count": counts.requests,
            "verdict": str(Verdict.FAIL) if condemned else _verdict(record, content),
            **_columns(content),
        }


def _reserve(folder: Path) -> None:
    """Keep some room for the end of the run: on a disk that its rows have filled, its record still has to say why it failed."""
    with (folder / _RESERVE).open("wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, _RESERVED_BYTES)


def _counted(status: LiveStatus, end: RunEnd) -> dict[str, Any]:
    """Return the columns of a run without rows; without them nothing can be judged but what a step condemned."""
    return {
        "reason": "; ".join(part for part in (end.reason, "no rows were kept (no_metrics)") if part),
        "rows_count": 0,
        "verdict": str(Verdict.FAIL) if end.condemned else None,
        "total_requests": status["requests"],
        "failed_requests": status["failures"],
        "throughput_rps": status["requests"] / status["elapsed_s"] if status["elapsed_s"] else 0.0,
    }


def _columns(content: ReportContent) -> dict[str, Any]:
    summary = content.summary
    times = summary.overall.times.to_json()
    return {
        "metrics_json": {**content.summary_json(), "thresholds": content.judgement.to_json()["thresholds"]},
        "total_requests": summary.totals.sent,
        "failed_requests": summary.totals.failures,
        "throughput_rps": summary.totals.throughput,
        **{f"{name}_response_time_ms": times[f"{name}_ms"] for name in ("avg", "p50", "p95", "p99")},
    }


def _verdict(record: RunRecord, content: ReportContent) -> str | None:
    """Return the verdict; a run that failed proves nothing good, whatever the rows that it left say."""
    verdict = content.judgement.verdict
    if record.status == RunStatus.FAILED and verdict is Verdict.PASS:
        return str(Verdict.UNKNOWN)
    return None if verdict is None else str(verdict)
