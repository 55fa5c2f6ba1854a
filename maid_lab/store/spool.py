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

__all__ = ["CHUNK", "Columns", "Names", "SpoolFile", "columns_of", "ends_of", "rows_of", "values_of"]

log = logging.getLogger(__name__)

#: Records read at once, 6 MB: larger chunks fall out of the processor's cache and are a third slower.
CHUNK: Final = 131_072

_ROW: Final = np.dtype(list(RECORD_FIELDS))
_EXTENSION: Final = np.dtype(list(EXTENSION_FIELDS))
_NAME: Final = re.compile(r"spool-(\d+)-(\d+)\.rows")

_COPIED: Final = ("lag", "user", "iteration", "bytes_out", "bytes_in", "label", "status", "error", "flags")

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
                names.take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                log.warning("names of worker %d in %s: a line cannot be read", worker, folder)
        return names

    def take(self, entry: dict[str, Any]) -> None:
        """Take one line of the names file.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is malformed.
        """
        if entry["kind"] == "error":
            self.errors[int(entry["id"])] = str(entry["text"])
        elif entry["kind"] == "label":
            self.made[int(entry["id"])] = plan_from_json({"$": "Label", **entry["label"]})

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

    Attributes
    ----------
    size : int
        Bytes of whole records at the moment of the first look: what is appended later is not read, so that every pass sees the same rows.
    """

    def __init__(self, path: Path) -> None:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path} is not a spool file")
        self.path = path
        self.worker, self.epoch = int(match.group(1)), int(match.group(2))
        self.size = path.stat().st_size // RECORD_SIZE * RECORD_SIZE

    @property
    def records(self) -> int:
        """Records in the part that is read, extensions too."""
        return self.size // RECORD_SIZE

    @property
    def has_grown(self) -> bool:
        """Whether whole records were appended since."""
        return self.path.stat().st_size >= self.size + RECORD_SIZE

    def chunks(self) -> Iterator[np.ndarray[Any, Any]]:
        """Yield arrays of whole records; a record is never parted from its extension, a cut tail is left out."""
        with self.path.open("rb") as file:
            left, carried = self.size, b""
            while left > 0:
                fresh = file.read(min(left, CHUNK * RECORD_SIZE))
                if not fresh:
                    return
                left -= len(fresh)
                raw = carried + fresh
                records = np.frombuffer(raw, dtype=_ROW, count=len(raw) // RECORD_SIZE)
                carried = b""
                if left > 0 and _is_extended(records[-1]):
                    carried, records = raw[-RECORD_SIZE:], records[:-1]
                if len(records):
                    yield records


def _is_extended(record: Any) -> bool:
    flags = int(record["flags"])
    return bool(flags & FLAG_EXTENDED) and flags & FLAG_OUTCOME != EXTENSION_MARK


def rows_of(records: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the places of rows among records; the others are extensions. Shape (n,)."""
    # An extension belongs to the record before it; without that record (a damaged file) it means nothing.
    return np.flatnonzero((records["flags"] & FLAG_OUTCOME) != EXTENSION_MARK)


def ends_of(records: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the end of these rows, ns since the run's start. Shape (n,)."""
    ends: np.ndarray[Any, Any] = records["start"][rows] + records["service"][rows]
    target, extensions = _extensions(records, rows)
    ends[target] = extensions["end"]
    return ends


def columns_of(records: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> Columns:
    """Return the columns of these rows; absolute stamps in ns, −1 for none. Shapes (n,)."""
    columns = values_of(records, rows)
    flags = columns.pop("flags")
    return columns | {
        "outcome": flags & FLAG_OUTCOME,
        "phase": flags >> FLAG_PHASE_SHIFT & 3,
        "reused": (flags & FLAG_REUSED) != 0,
        "redirected": (flags & FLAG_REDIRECTED) != 0,
        "attempt": (flags >> FLAG_ATTEMPT_SHIFT).astype(np.uint8),
    }


def values_of(records: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> Columns:
    """Return the columns of these rows with their flags as they are; absolute stamps in ns, −1 for none. Shapes (n,)."""
    # As words: taking records of a structured type is thirty times slower.
    words = np.ascontiguousarray(records).view(np.uint64).reshape(-1, RECORD_SIZE // 8)
    chosen = np.take(words, rows, axis=0).view(_ROW).ravel()
    start = chosen["start"].copy()
    ttfb = chosen["ttfb"]
    first_byte = start + ttfb
    first_byte[ttfb == NONE_U32] = -1
    columns: Columns = {
        "start": start,
        "end": start + chosen["service"],
        "intended": start - chosen["blocked"],
        "first_byte": first_byte,
        "connected": np.full(len(chosen), -1, dtype=np.int64),
        "trace_id": np.zeros(len(chosen), dtype=np.uint64),
        "messages_in": np.full(len(chosen), NONE_U32, dtype=np.uint32),
        **{name: chosen[name].copy() for name in _COPIED},
    }
    target, extensions = _extensions(records, rows)
    for name in ("end", "first_byte", "intended", "connected", "trace_id"):
        columns[name][target] = extensions[name]
    columns["messages_in"][target] = extensions["messages"]
    return columns


def _extensions(records: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return which of the rows have an extension, as places in `rows`, and the extensions."""
    target = np.flatnonzero(records["flags"][rows] & FLAG_EXTENDED)
    after = rows[target] + 1
    target, after = target[after < len(records)], after[after < len(records)]
    whole = (records["flags"][after] & FLAG_OUTCOME) == EXTENSION_MARK
    return target[whole], records[after[whole]].view(_EXTENSION)
