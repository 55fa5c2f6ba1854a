"""Requests and samples that workers kept, found by the row they belong to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from maid_lab.services.logs.tail import Tail, parsed

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.services.logs.rows import LogRow

__all__ = ["Captured"]

_FILE: Final = re.compile(r"captured-(\d+)-(\d+)\.jsonl")
_KEY: Final = re.compile(rb'\{"start":(-?\d+),"user":(\d+),')

Key = tuple[int, int, int]


class Captured:
    """Looks requests up by worker, start and user of their row.

    Only the places of the requests are held in memory, not the requests.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tails: dict[str, tuple[int, Tail]] = {}
        self._places: dict[Key, tuple[Tail, int, int]] = {}
        self._samples = Tail(folder / "samples.jsonl")
        self._sampled: dict[Key, dict[str, Any]] = {}

    def look(self) -> None:
        """Take notice of what is new."""
        for path in sorted(self._folder.glob("captured-*.jsonl")):
            match = _FILE.fullmatch(path.name)
            if match is not None and path.name not in self._tails:
                self._tails[path.name] = (int(match.group(1)), Tail(path))
        for worker, tail in self._tails.values():
            for offset, line in tail.lines():
                key = _KEY.match(line)
                if key is not None:
                    self._places[worker, int(key.group(1)), int(key.group(2))] = (tail, offset, len(line))
        for entry in self._samples.entries():
            self._sampled[entry.get("worker", -1), entry.get("start", -1), entry.get("user", -1)] = entry

    def request(self, row: LogRow) -> dict[str, Any] | None:
        """Return method, url, headers and body of a row's request, None when it was not kept."""
        key = (row.worker, row.start, row.user)
        place = self._places.get(key)
        if place is not None:
            tail, offset, length = place
            entry = parsed(tail.at(offset, length))
            return entry["request"] if entry is not None else None
        sample = self._sampled.get(key)
        return sample["request"] if sample is not None else None

    def sample_id(self, row: LogRow) -> str | None:
        """Return the id of the sample of this very request, None when none was kept."""
        sample = self._sampled.get((row.worker, row.start, row.user))
        return str(sample["id"]) if sample is not None else None

    def close(self) -> None:
        """Close the files."""
        self._samples.close()
        for _, tail in self._tails.values():
            tail.close()
