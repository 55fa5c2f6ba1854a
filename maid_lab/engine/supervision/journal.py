"""What a supervisor writes into the run's folder while it runs: the log, a series by second, and the newest status."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Journal"]

_log = logging.getLogger(__name__)


class Journal:
    """Append-only files of a run; a full disk stops the journal, not the run.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._status = folder / "status.json"
        self._log = (folder / "log.jsonl").open("a", encoding="utf-8", buffering=1)
        self._series = (folder / "series.jsonl").open("a", encoding="utf-8", buffering=1)

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append one line to the log, with the time of day in UTC."""
        time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self._append(self._log, {"time": time, **entry})

    def second(self, figures: Mapping[str, Any]) -> None:
        """Append the figures of one second."""
        self._append(self._series, figures)

    def status(self, status: Mapping[str, Any]) -> None:
        """Replace the status file; a reader sees the old one or the new one, never half."""
        temporary = self._status.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(status), encoding="utf-8")
            temporary.replace(self._status)
        except OSError as error:
            _log.warning("status of the run cannot be written: %s", error)

    def close(self) -> None:
        """Close the files."""
        for file in (self._log, self._series):
            try:
                file.close()
            except OSError as error:
                _log.warning("journal of the run cannot be closed: %s", error)

    @staticmethod
    def _append(file: Any, entry: Mapping[str, Any]) -> None:
        try:
            if not file.closed:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            _log.warning("journal of the run cannot be written: %s", error)
