"""Reports asked for on the command line."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from maid_lab.lab import Lab
    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.reports.views import ViewChoice

__all__ = ["check_files", "write_reports"]


def check_files(files: Sequence[Path], printed: Path | None = None) -> None:
    """Raise `InvalidInput`, or `EngineFailure`, for a report that could not be written, before a run is spent on it."""
    if not files and printed is None:
        return
    from maid_lab.services.reports.pdf import browser
    from maid_lab.services.reports.service import format_of

    for path in files:
        if format_of(path) == "pdf":
            browser()
    for path in (*files, *([printed] if printed else [])):
        if not path.absolute().parent.is_dir():
            raise InvalidInput(f"the folder of report file {path} is not there.", hint=f"Make it: mkdir -p {path.parent}")


async def write_reports(
    lab: Lab,
    record: RunRecord,
    files: Sequence[Path | None],
    *,
    choice: ViewChoice | None = None,
    whole: bool = False,
    printed: Path | None = None,
) -> list[Path]:
    """Write the reports of a run and return their paths.

    Parameters
    ----------
    files : sequence of Path or None
        None stands for HTML in the run's folder.
    whole : bool
        Count the warm-up too.
    printed : Path, optional
        File of the page for paper.
    """
    from maid_lab.services.reports.views import ViewChoice

    choice = choice or ViewChoice()
    folder, plan = lab.history.folder(record.id), lab.history.plan(record.id)
    if whole:
        plan = replace(plan, warmup_end_s=0.0)
    pages = [await asyncio.to_thread(lab.reports.write_for_print, record, folder, plan, path=printed, choice=choice)] if printed else []
    return pages + [await asyncio.to_thread(lab.reports.write, record, folder, plan, path=path, choice=choice) for path in files]
