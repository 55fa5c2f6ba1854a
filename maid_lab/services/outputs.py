"""Reports that a recipe asks for by `outputs`: written into the run's folder when it ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from maid_lab.store.folders import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.model.run_record import RunRecord

__all__ = ["write_outputs"]

log = logging.getLogger(__name__)


def write_outputs(home: Path, record: RunRecord) -> list[Path]:
    """Write the outputs of a finished run and return their paths: `report.html`, `report.json`, `report.csv`, `report.md`, `report.xml`.

    What cannot be written is said in the program's log and left out: the run and its rows stand, and `maid report` can write it later.
    """
    folder = RunFolder(home, record.id)
    try:
        plan = folder.read_plan()
    except Exception as error:  # whatever it is, the run has ended well without it
        log.warning("run %s: its outputs cannot be written: %s", record.id, error)
        return []
    written: list[Path] = []
    for format in dict.fromkeys(plan.outputs):
        # Only where there are any: reports take a tenth of a second to import.
        from maid_lab.services.reports.service import ReportService

        try:
            written.append(ReportService().write(record, folder.path, plan, format=format))
        except Exception as error:
            log.warning("run %s: its %s report cannot be written: %s", record.id, format, error)
    return written
