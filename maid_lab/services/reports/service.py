"""The report service: a finished run in, a file out."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.model.states import RunStatus
from maid_lab.services.reports.content import ReportContent, RunRecordLike, gather
from maid_lab.services.reports.exports import csv_report, json_report, junit_report, markdown_report
from maid_lab.services.reports.html import html_report
from maid_lab.services.reports.pdf import pdf_of
from maid_lab.services.reports.run_files import RunFiles
from maid_lab.services.reports.views import ViewChoice, Views, run_label, views_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.model.plan import Plan
    from maid_lab.model.run_record import RunRecord

__all__ = ["FORMATS", "MEDIA_TYPES", "ReportService", "format_of"]

_WRITERS: Final[dict[str, Callable[[ReportContent], str]]] = {
    "html": html_report,
    "json": json_report,
    "csv": csv_report,
    "md": markdown_report,
    "junit": junit_report,
}

#: Formats that can be written.
FORMATS: Final = (*_WRITERS, "pdf")

MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "junit": "application/xml",
    "pdf": "application/pdf",
}

_NOTHING_ASKED: Final = ViewChoice()

_SUFFIXES: Final = {
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".csv": "csv",
    ".md": "md",
    ".markdown": "md",
    ".xml": "junit",
    ".pdf": "pdf",
}


class ReportService:
    """Writes reports of runs. It holds no state: each report is computed from the rows."""

    def render(
        self, run: RunRecordLike, folder: Path, plan: Plan, *, format: str = "html", command: str = "", choice: ViewChoice = _NOTHING_ASKED
    ) -> str:
        """Return a report as text.

        Parameters
        ----------
        run : RunRecordLike
            The run record.
        folder : Path
            The run's folder, with `requests.parquet`.
        format : str
            One of `FORMATS` but pdf, which is no text: of that the page that is printed.
        command : str
            The command line that repeats the run; made from the plan when empty.
        choice : ViewChoice
            What the report says besides.

        Raises
        ------
        InvalidInput
            If the format is not known.
        Missing
            If the run has no rows yet.
        """
        if format not in FORMATS:
            raise InvalidInput(f"There is no report format {format!r}.", hint=f"Use one of {', '.join(FORMATS)}.")
        content = gather(run, RunFiles.in_folder(folder), plan, command=command, choice=choice)
        return html_report(content, scale=choice.printing.scale) if format == "pdf" else _WRITERS[format](content)

    def without_warmup(self, record: RunRecord, folder: Path, plan: Plan) -> RunRecord:
        """Return the record of a run with a summary and verdict that count its warm-up too: other figures of the same rows.

        The verdict of a run that did not end by itself stays: an abort or a failure is not undone by more rows. So does a record without rows.

        Raises
        ------
        Missing
            If the run has no rows yet.
        """
        if not record.rows_count:
            return record
        content = gather(record, RunFiles.in_folder(folder), replace(plan, warmup_end_s=0.0))
        judged = content.judgement.to_json()
        verdict = judged["verdict"] if record.status == RunStatus.COMPLETED else record.verdict
        return replace(record, verdict=verdict, metrics_json={**content.summary_json(), "thresholds": judged["thresholds"]})

    def views(self, run: RunRecordLike, folder: Path, plan: Plan, choice: ViewChoice) -> Views:
        """Return what is asked for beyond the summary of a run; its record holds the summary.

        Raises
        ------
        Missing
            If the run has no rows yet.
        """
        columns = run.to_json()
        return views_of(RunFiles.in_folder(folder), plan, choice, summary=columns["metrics_json"], label=run_label(columns))

    def write(
        self,
        run: RunRecordLike,
        folder: Path,
        plan: Plan,
        *,
        path: Path | None = None,
        format: str = "",
        command: str = "",
        choice: ViewChoice = _NOTHING_ASKED,
    ) -> Path:
        """Write a report and return its path.

        Parameters
        ----------
        path : Path, optional
            Where to; `report.<format>` in the run's folder by default. A file that is there is replaced as a whole, never left half written.
        format : str
            One of `FORMATS`; by the suffix of `path` when empty, else html.
        """
        chosen = format or (format_of(path) if path is not None else "html")
        target = path or folder / f"report.{'xml' if chosen == 'junit' else chosen}"
        text = self.render(run, folder, plan, format=chosen, command=command, choice=choice)
        _replace(target, pdf_of(text, choice.printing) if chosen == "pdf" else text.encode())
        return target

    def write_for_print(self, run: RunRecordLike, folder: Path, plan: Plan, *, path: Path, choice: ViewChoice = _NOTHING_ASKED) -> Path:
        """Write the HTML page that PDF reports are printed from, and return its path."""
        _replace(path, self.render(run, folder, plan, format="pdf", choice=choice).encode())
        return path


def format_of(path: Path) -> str:
    """Return the format that a file's suffix stands for.

    Raises
    ------
    InvalidInput
        If it stands for none.
    """
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise InvalidInput(
            f"The suffix of {path.name} names no report format.", hint=f"End the file in one of {', '.join(_SUFFIXES)}."
        ) from None


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
