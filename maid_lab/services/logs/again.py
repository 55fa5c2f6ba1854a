"""Logs of a run that is stored, or under way in another process: written at once, by the code that writes them beside a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maid_lab.model.errors import InvalidInput
from maid_lab.services.logs.scribe import Scribe
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import read_counts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maid_lab.services.logs.choice import LogChoice

__all__ = ["write_logs"]


def write_logs(home: Path, run_id: str, choice: LogChoice, warn: Callable[[str], None]) -> dict[str, int]:
    """Write logs of a stored run and return the lines of each.

    Raises
    ------
    InvalidInput
        If a file cannot be written, or a log needs what the run did not keep.
    Missing
        If the run has no readable plan.
    """
    choice.check()
    folder = RunFolder(home, run_id)
    kinds = {file.kind for file in choice.files}
    if "debug" in kinds and not any(folder.path.glob("debug-*.jsonl")):
        raise InvalidInput(
            f"run {run_id} kept no debug lines: it ran without --debug-log.", hint="Failure samples are kept always: maid show --failures."
        )
    if choice.request_body and not any(folder.path.glob("captured-*.jsonl")):
        raise InvalidInput(f"run {run_id} kept no requests: it ran without --request-body.", hint="Leave --request-body out.")
    scribe = Scribe(folder, choice, warn, from_parquet=read_counts(folder) is not None)
    try:
        scribe.step(final=True)
    finally:
        scribe.close()
    return scribe.lines
