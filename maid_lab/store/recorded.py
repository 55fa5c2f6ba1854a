"""The record of a run as its folder has it, also when `run.json` is lost: then it is made from the plan and the rows."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import Missing
from maid_lab.model.plan import plan_to_json
from maid_lab.model.run_record import RunRecord
from maid_lab.model.states import RunStatus

if TYPE_CHECKING:
    from maid_lab.store.folders import RunFolder

__all__ = ["record_of"]

log = logging.getLogger(__name__)


def record_of(folder: RunFolder) -> RunRecord | None:
    """Return the record of a run folder; None for a folder that holds no run.

    Without a readable `run.json` the run's end is unknown: it is `failed` and says why, its counts come from `rows.json`.
    """
    if not _is_uuid(folder.run_id):
        return None
    record = folder.read_record()
    if record is not None and record.id == folder.run_id:
        return record
    try:
        plan = folder.read_plan()
    except Missing:
        log.warning("%s holds neither run.json nor plan.json and is left out", folder.path)
        return None
    created = datetime.fromtimestamp(folder.path.stat().st_mtime, UTC)
    return RunRecord(
        id=folder.run_id,
        recipe_id=plan.recipe_id,
        recipe_version=plan.recipe_version,
        name=plan.title,
        tags=plan.tags,
        config_json=plan_to_json(plan),
        plan_hash=plan.plan_hash,
        status=str(RunStatus.FAILED),
        reason="run.json was lost; the record was made from the plan and the rows",
        created_at=_created(folder.run_id) or created,
        **_counts(folder),
    )


def _counts(folder: RunFolder) -> dict[str, Any]:
    try:
        counts = json.loads((folder.path / "rows.json").read_text(encoding="utf-8"))
        return {
            "rows_count": int(counts["requests"]),
            "total_requests": int(counts["requests"]),
            "failed_requests": int(counts["failed"]),
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _created(run_id: str) -> datetime | None:
    """Return the time that a UUID of version 7 carries in its first 48 bits."""
    value = uuid.UUID(run_id)
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC) if value.version == 7 else None
