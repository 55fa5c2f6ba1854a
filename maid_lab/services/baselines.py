"""Baselines: what a run is compared with, by the words that a person has for it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput, Missing
from maid_lab.model.states import FINAL_STATES

if TYPE_CHECKING:
    from maid_lab.analysis.comparison import Side
    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.history import History

__all__ = ["find_run_side", "find_side", "read_report"]

_SCHEMA: Final = "maid.report/v1"
_HINT: Final = "Name a JSON report, a run id or its end, `last`, or a tag; maid history lists runs."
#: What a comparison reads of a line of a summary.
_COUNTS: Final = ("name", "count", "failures", "rate")


async def find_side(history: History, reference: str) -> Side:
    """Return one side of a comparison.

    Parameters
    ----------
    reference : str
        Path of a JSON report, a run id or its beginning or end, `last`, or a tag, which stands for its newest finished run.

    Raises
    ------
    InvalidInput
        If a file cannot be read or is no JSON report, or the run has not ended or has no summary.
    Missing
        If there is neither such a file nor such a run or tag.
    """
    if await asyncio.to_thread(_is_report, reference):
        return await asyncio.to_thread(read_report, Path(reference))
    return await find_run_side(history, reference)


async def find_run_side(history: History, reference: str) -> Side:
    """Return the side of a run, by its id, `last` or a tag; files are not looked for.

    Raises
    ------
    InvalidInput
        If the run has not ended or has no summary.
    Missing
        If there is no such run or tag.
    """
    record = await _record(history, reference)
    return await asyncio.to_thread(_side_of, history, record)


def _is_report(reference: str) -> bool:
    return reference.lower().endswith(".json") or Path(reference).is_file()


def read_report(path: Path) -> Side:
    """Return the side that an earlier JSON report tells of; it has no rows.

    Raises
    ------
    InvalidInput
        If it cannot be read or is no JSON report.
    """
    from maid_lab.analysis.comparison import Side
    from maid_lab.services.reports.views import run_label

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidInput(f"the baseline file {path} is not there.", hint=_HINT) from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"the baseline file {path} cannot be read: {' '.join(str(error).split())}.", hint=_HINT) from None
    if not isinstance(data, dict) or data.get("schema") != _SCHEMA:
        raise InvalidInput(f"the baseline file {path} is no JSON report of a run.", hint="Write one: maid report RUN -o baseline.json")
    summary: Any = data.get("summary")
    if problem := _problem(summary):
        raise InvalidInput(f"the baseline file {path} is damaged: {problem}.", hint="Write it again: maid report RUN -o baseline.json")
    run = data.get("run")
    bound = bool(summary.get("generator", {}).get("is_bound"))
    return Side(label=f"{run_label(run if isinstance(run, dict) else {})} in {path.name}", summary=summary, generator_bound=bound)


def _problem(summary: Any) -> str:
    """Return what a comparison would miss in a summary; empty when it has all of it."""
    if not isinstance(summary, dict) or summary.get("latency") not in ("service", "response"):
        return "it has no summary"
    tables = {key: summary.get(key) for key in ("requests", "transactions", "scenarios")} | {"overall": [summary.get("overall")]}
    for key, rows in tables.items():
        for row in rows if isinstance(rows, list) else [None]:
            if not isinstance(row, dict) or not _is_whole(row):
                return f"summary.{key} lacks figures"
    return "summary.generator is no mapping" if not isinstance(summary.get("generator", {}), dict) else ""


def _is_whole(row: dict[str, Any]) -> bool:
    numbers = [row.get(key) for key in _COUNTS[1:]]
    for time in (row.get("service"), row.get("response")):
        if not isinstance(time, dict):
            return False
        numbers += [value for key, value in time.items() if key.endswith("_ms") and value is not None]
    return isinstance(row.get("name"), str) and all(isinstance(number, int | float) for number in numbers)


async def _record(history: History, reference: str) -> RunRecord:
    try:
        return await history.find(reference)
    except Missing as error:
        tagged = [record for record in await history.recent(tag=reference, limit=20) if record.status in FINAL_STATES]
        if tagged:
            return tagged[0]
        if reference == "last" or "several" in error.message:
            raise
        raise Missing(f"there is no report file, run or tag {reference}.", hint=_HINT) from None


def _side_of(history: History, record: RunRecord) -> Side:
    from maid_lab.analysis.comparison import Side
    from maid_lab.services.reports.run_files import RunFiles
    from maid_lab.services.reports.views import run_label, side_of

    label = run_label(record.to_json())
    if not record.metrics_json:
        raise InvalidInput(f"run {record.id} has no summary to compare with: it is {record.status}.", hint=_HINT)
    try:
        files, plan = RunFiles.in_folder(history.folder(record.id)), history.plan(record.id)
    except Missing:
        return Side(label=label, summary=record.metrics_json, generator_bound=record.generator_bound)
    return side_of(files, plan, record.metrics_json, label=label)
