"""Spool files decoded: fixed-width records become columns."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from maid_lab.model.plan import Label, plan_from_json
from maid_lab.model.rows import (
    EXTENSION_FIELDS,
    EXTENSION_MARK,
    FLAG_ATTEMPT_SHIFT,
    FLAG_EXTENDED,
    FLAG_OUTCOME,
    FLAG_PHASE_SHIFT,
    FLAG_REDIRECTED,
    FLAG_REUSED,
    NONE_U32,
    RECORD_FIELDS,
    RECORD_SIZE,
)

__all__ = ["Names", "SpoolFile", "UsersTimeline", "columns_of"]

log = logging.getLogger(__name__)

#: Records read at once: 24 MB.
CHUNK: Final = 500_000

_ROW: Final = np.dtype(list(RECORD_FIELDS))
_EXTENSION: Final = np.dtype(list(EXTENSION_FIELDS))
_NAME: Final = re.compile(r"spool-(\d+)-(\d+)\.rows")

Columns = dict[str, np.ndarray[Any, Any]]


@dataclass(slots=True)
class Names:
    """Labels and error texts of one worker."""

    labels: tuple[Label, ...]
    errors: dict[int, str] = field(default_factory=dict)
    made: dict[int, Label] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, worker: int, epoch: int, labels: tuple[Label, ...]) -> Names:
        """Read a worker's names file; a cut last line is left out, a missing file is an empty one."""
        names = cls(labels)
        try:
            text = (folder / f"names-{worker}-{epoch}.jsonl").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return names
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                if entry["kind"] == "error":
                    names.errors[int(entry["id"])] = str(entry["text"])
                elif entry["kind"] == "label":
                    names.made[int(entry["id"])] = plan_from_json({"$": "Label", **entry["label"]})
            except (ValueError, KeyError, TypeError):
                log.warning("names of worker %d in %s: a line cannot be read", worker, folder)
        return names

    def label(self, number: int) -> Label | None:
        """Return the label of a number, None when nobody knows it."""
        if number < len(self.labels):
            return self.labels[number]
        return self.made.get(number)

    def error(self, number: int) -> str | None:
        """Return an error text, None for 0."""
        return self.errors.get(number, f"unknown error {number}") if number else None


class SpoolFile:
    """One worker's records of one epoch.

    Parameters
    ----------
    path : Path
        A file `spool-<worker>-<epoch>.rows`.
    """

    def __init__(self, path: Path) -> None:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path} is not a spool file")
        self.path = path
        self.worker, self.epoch = int(match.group(1)), int(match.group(2))

    def chunks(self) -> Iterator[np.ndarray[Any, Any]]:
        """Yield arrays of whole records; a record is never parted from its extension, a cut tail is left out."""
        with self.path.open("rb") as file:
            carried = b""
            while raw := carried + file.read(CHUNK * RECORD_SIZE):
                usable = len(raw) - len(raw) % RECORD_SIZE
                records = np.frombuffer(raw, dtype=_ROW, count=usable // RECORD_SIZE)
                is_last = len(raw) - len(carried) < CHUNK * RECORD_SIZE
                if len(records) and not is_last and _is_extended(records[-1]):
                    carried = raw[usable - RECORD_SIZE :]
                    records = records[:-1]
                else:
                    carried = raw[usable:]
                if len(records):
                    yield records
                if is_last:
                    return


def _is_extended(record: Any) -> bool:
    flags = int(record["flags"])
    return bool(flags & FLAG_EXTENDED) and flags & FLAG_OUTCOME != EXTENSION_MARK


def columns_of(records: np.ndarray[Any, Any]) -> Columns:
    """Return the columns of whole records; absolute stamps in ns, −1 for none. Shapes (n,), n = records without extensions."""
    outcome = records["flags"] & FLAG_OUTCOME
    is_extension = outcome == EXTENSION_MARK
    # An extension belongs to the record before it; without that record (a damaged file) it means nothing.
    rows = records[~is_extension]
    flags = rows["flags"].astype(np.uint16)
    start = rows["start"].astype(np.int64)
    ttfb = rows["ttfb"].astype(np.int64)
    columns: Columns = {
        "start": start,
        "end": start + rows["service"].astype(np.int64),
        "intended": start - rows["blocked"].astype(np.int64),
        "first_byte": np.where(ttfb == NONE_U32, -1, start + ttfb),
        "connected": np.full(len(rows), -1, dtype=np.int64),
        "trace_id": np.zeros(len(rows), dtype=np.uint64),
        "outcome": (flags & FLAG_OUTCOME).astype(np.uint8),
        "phase": ((flags >> FLAG_PHASE_SHIFT) & 3).astype(np.uint8),
        "reused": (flags & FLAG_REUSED) != 0,
        "redirected": (flags & FLAG_REDIRECTED) != 0,
        "attempt": (flags >> FLAG_ATTEMPT_SHIFT).astype(np.uint8),
        **{name: rows[name] for name in ("lag", "user", "iteration", "bytes_out", "bytes_in", "label", "status", "error")},
    }
    _extend(columns, records, is_extension)
    return columns


def _extend(columns: Columns, records: np.ndarray[Any, Any], is_extension: np.ndarray[Any, Any]) -> None:
    flagged = np.flatnonzero((records["flags"] & FLAG_EXTENDED).astype(bool) & ~is_extension)
    flagged = flagged[flagged + 1 < len(records)]
    flagged = flagged[is_extension[flagged + 1]]
    if not len(flagged):
        return
    target = flagged - np.cumsum(is_extension)[flagged]
    extensions = records[flagged + 1].view(_EXTENSION)
    for name in ("end", "first_byte", "intended", "connected", "trace_id"):
        columns[name][target] = extensions[name]


class UsersTimeline:
    """Live users of all workers over time, from the engine's own records."""

    def __init__(self) -> None:
        self._times: list[np.ndarray[Any, Any]] = []
        self._changes: list[np.ndarray[Any, Any]] = []

    def add(self, times: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> None:
        """Add one worker's counts, ascending in time."""
        self._times.append(times)
        self._changes.append(np.diff(counts.astype(np.int64), prepend=0))

    def at(self, times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the number of live users at each time."""
        if not self._times:
            return np.zeros(len(times), dtype=np.uint32)
        stamps = np.concatenate(self._times)
        order = np.argsort(stamps, kind="stable")
        levels = np.concatenate([[0], np.cumsum(np.concatenate(self._changes)[order])])
        found = levels[np.searchsorted(stamps[order], times, side="right")]
        return np.asarray(np.maximum(found, 0).astype(np.uint32))
