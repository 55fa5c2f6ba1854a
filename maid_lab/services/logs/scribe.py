"""Writes the logs of one run from its files: as they grow, or once at the end. The same code for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maid_lab.services.logs.captured import Captured
from maid_lab.services.logs.fields import LEVELS
from maid_lab.services.logs.lines import Lines, log_of
from maid_lab.services.logs.outputs import Output
from maid_lab.services.logs.rows import ParquetRows, RowSource, SpoolRows, wall_zeros
from maid_lab.services.logs.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from maid_lab.services.logs.choice import LogChoice
    from maid_lab.store.folders import RunFolder

__all__ = ["Scribe"]

_OF_ROWS = ("request", "transaction", "scenario", "error")


class Scribe:
    """Writes what the files of a run say into logs.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    choice : LogChoice
        Which logs.
    warn : callable
        Told, in a sentence, when a log ends early.
    from_parquet : bool
        The run has ended and its rows are in Parquet files.
    """

    def __init__(self, folder: RunFolder, choice: LogChoice, warn: Callable[[str], None], *, from_parquet: bool = False) -> None:
        plan = folder.read_plan()
        self._folder = folder
        self._level = choice.level
        self._captured = Captured(folder.path)
        self._lines = Lines(folder.run_id, plan, self._captured, with_body=choice.request_body)
        self._rows: RowSource = ParquetRows(folder) if from_parquet else SpoolRows(folder, plan.labels)
        self._log = Tail(folder.path / "log.jsonl")
        self._debug: dict[str, Tail] = {}
        self._outputs = {file.kind: Output(file, warn) for file in choice.files}
        self._has_rows = any(kind in self._outputs for kind in _OF_ROWS)

    @property
    def lines(self) -> dict[str, int]:
        """Lines of each log so far."""
        return {kind: output.lines for kind, output in self._outputs.items()}

    def step(self, *, final: bool = False) -> None:
        """Write what is new. Before the workers' clocks are there nothing has a time, so it waits for them, but not at the end."""
        self._lines.zeros = wall_zeros(self._folder.path)
        if self._lines.zeros or final:
            self._write_rows(final=final)
            self._write_debug()
        self._write_program()
        for output in self._outputs.values():
            output.flush()

    def close(self) -> None:
        """Close all files."""
        for output in self._outputs.values():
            output.close()
        self._rows.close()
        self._captured.close()
        for tail in (self._log, *self._debug.values()):
            tail.close()

    def _write_rows(self, *, final: bool) -> None:
        if not self._has_rows:
            return
        if isinstance(self._rows, SpoolRows):
            self._rows.is_final = final
        outputs, lines = self._outputs, self._lines
        errors = outputs.get("error")
        for batch in self._rows.batches():
            # What belongs to a row is written before it: looked at after the rows were read, it is all there.
            self._captured.look()
            for row in batch:
                output = outputs.get(log_of(row))
                if output is not None:
                    output.write(lines.of_row(row))
                if errors is not None and lines.is_failure(row):
                    errors.write(lines.error(row))

    def _write_debug(self) -> None:
        if "debug" not in self._outputs:
            return
        for path in sorted(self._folder.path.glob("debug-*.jsonl")):
            tail = self._debug.setdefault(path.name, Tail(path))
            for entry in tail.entries():
                self._outputs["debug"].write(self._lines.debug(entry))

    def _write_program(self) -> None:
        if "program" not in self._outputs:
            return
        for entry in self._log.entries():
            if LEVELS.get(str(entry.get("level", "info")), 3) <= self._level:
                self._outputs["program"].write(self._lines.program(entry))
