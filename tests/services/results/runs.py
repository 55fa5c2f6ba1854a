"""Runs in a home folder, finished and under way."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maid_lab.model.plan import Plan
from maid_lab.model.rows import Outcome
from maid_lab.model.run_record import RunRecord, new_run_id
from maid_lab.services.reports.content import gather
from maid_lab.services.reports.run_files import RunFiles
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import RowCounts
from tests.analysis.rows import a_plan, realistic
from tests.services.reports.runs import write_run
from tests.store.spools import plan as spool_plan
from tests.store.spools import record as spool_record
from tests.store.spools import write_spool

S = 1_000_000_000


def finished_run(home: Path, *, rows: int = 5_000, **columns: Any) -> tuple[RunRecord, Plan]:
    """A run with realistic rows, its record final as the archive would leave it."""
    plan = a_plan(warmup_s=20, duration_s=120, level=50)
    given: dict[str, Any] = {"id": new_run_id(), "status": "completed", "recipe_id": plan.recipe_id, "rows_count": rows} | columns
    record = RunRecord(**given)
    folder = RunFolder(home, record.id).create()
    write_run(folder.path, realistic(rows))
    folder.write_plan(plan)
    (folder.path / "rows.json").write_text(json.dumps(asdict(RowCounts(requests=rows))), encoding="utf-8")
    record = record.changed(metrics_json=gather(record, RunFiles.in_folder(folder.path), plan).summary_json())
    folder.write_record(record)
    return record, plan


def live_run(home: Path, *, rows: int = 40) -> RunRecord:
    """A run under way: a spool, a plan and a record that says so; every tenth request fails."""
    record = RunRecord(id=new_run_id(), status="running", recipe_id="shop")
    folder = RunFolder(home, record.id).create()
    folder.write_plan(spool_plan())
    folder.write_record(record)
    add_rows(home, record.id, rows)
    return record


def add_rows(home: Path, run_id: str, rows: int) -> None:
    made = (
        spool_record(
            at * S // 10,
            service=5_000 + at,
            **({"outcome": Outcome.ERROR_STATUS, "status": 503} if at % 10 == 0 else {}),  # type: ignore[arg-type]
        )
        for at in range(rows)
    )
    write_spool(RunFolder(home, run_id), made)
