"""Rows of a run as logs see them, from the spool while it grows, or from the Parquet files afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from maid_lab.model.plan import Label
from maid_lab.model.rows import FLAG_EXTENDED, RECORD_FIELDS, RECORD_SIZE, USERS_LABEL, Outcome, Phase
from maid_lab.services.logs.tail import Tail
from maid_lab.store.spool import Names, columns_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from maid_lab.store.folders import RunFolder

__all__ = ["LogRow", "ParquetRows", "RowSource", "SpoolRows", "wall_zeros"]

_ROW: Final = np.dtype(list(RECORD_FIELDS))
#: Records taken at once: few enough that no worker waits long for its turn.
_CHUNK: Final = 16_384
_OUTCOMES: Final = [outcome.word for outcome in Outcome]
_PHASES: Final = [*(phase.word for phase in Phase), "unknown"]
_NUMBERS: Final = (
    "user", "iteration", "intended", "start", "connected", "first_byte", "end", "status", "bytes_out", "bytes_in", "attempt", "redirected",
)  # fmt: skip
_FROM_LABEL: Final = ("scenario", "transaction", "name", "kind", "method", "url", "section", "tags")


class LogRow(NamedTuple):
    """One row. Stamps are ns since the run's start, −1 for none."""

    worker: int
    user: int
    iteration: int
    intended: int
    start: int
    connected: int
    first_byte: int
    end: int
    status: int
    bytes_out: int
    bytes_in: int
    attempt: int
    redirected: bool
    outcome: str
    phase: str
    error: str | None
    label: Label


class RowSource(Protocol):
    """Where rows come from."""

    def batches(self) -> Iterator[Iterable[LogRow]]:
        """Yield the rows that are new since the last call, some at a time; those of a worker in the order in which it wrote them."""

    def close(self) -> None:
        """Close the files."""


class _SpoolFile:
    def __init__(self, path: Path, labels: tuple[Label, ...]) -> None:
        self.worker, epoch = (int(part) for part in path.stem.split("-")[1:])
        self._file = path.open("rb")
        self._tail = Tail(path.with_name(f"names-{self.worker}-{epoch}.jsonl"))
        self._names = Names(labels)
        self._rest = b""

    def chunk(self, *, final: bool) -> np.ndarray[Any, Any] | None:
        """Return whole records that are new, None without any; one whose extension is still to come waits, unless nothing more comes."""
        data = self._file.read(_CHUNK * RECORD_SIZE)
        raw = self._rest + data
        records = np.frombuffer(raw, dtype=_ROW, count=len(raw) // RECORD_SIZE)
        is_last = final and not data
        if not is_last and len(records) and rows_of(records[-1:]).size and records[-1]["flags"] & FLAG_EXTENDED:
            records = records[:-1]
        self._rest = raw[len(records) * RECORD_SIZE :]
        return records if len(records) or data else None

    def rows(self, records: np.ndarray[Any, Any]) -> Iterator[LogRow]:
        # Texts are written before the rows that name them, so they are read after these.
        for entry in self._tail.entries():
            self._names.take(entry)
        places = rows_of(records)
        columns = columns_of(records, places[records["label"][places] != USERS_LABEL])
        lists = [columns[name].tolist() for name in (*_NUMBERS, "outcome", "phase", "error", "label")]
        for *numbers, outcome, phase, error, number in zip(*lists, strict=True):
            label = self._names.label(number)
            if label is not None and outcome < len(_OUTCOMES):
                yield LogRow._make((self.worker, *numbers, _OUTCOMES[outcome], _PHASES[phase], self._names.error(error), label))

    def close(self) -> None:
        self._file.close()
        self._tail.close()


class SpoolRows:
    """Rows from the spool of a run.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    labels : tuple of Label
        The labels of its plan.
    """

    def __init__(self, folder: RunFolder, labels: tuple[Label, ...]) -> None:
        self._folder = folder
        self._labels = labels
        self._files: dict[str, _SpoolFile] = {}
        #: Nothing more comes: a record without its extension is taken as it is.
        self.is_final = False

    def batches(self) -> Iterator[Iterable[LogRow]]:
        """Yield the rows that are new since the last call."""
        for path in self._folder.spool_paths():
            if path.name not in self._files:
                self._files[path.name] = _SpoolFile(path, self._labels)
        # In turns: the file of a worker that writes faster than it is read must not keep the others waiting.
        left = list(self._files.values())
        while left:
            for file in tuple(left):
                records = file.chunk(final=self.is_final)
                if records is None:
                    left.remove(file)
                else:
                    yield file.rows(records)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


class ParquetRows:
    """Rows of a run that has ended; all of them come with the first call."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._labels: dict[tuple[str, ...], Label] = {}
        self._is_read = False

    def batches(self) -> Iterator[Iterable[LogRow]]:
        """Yield all rows, once."""
        import polars as pl

        if self._is_read:
            return
        self._is_read = True
        for kind in ("requests", "transactions", "iterations"):
            frame = pl.scan_parquet(self._folder.rows_path(kind))
            total = frame.select(pl.len()).collect().item()
            for offset in range(0, total, _CHUNK * 8):
                yield self._rows(frame.slice(offset, _CHUNK * 8).collect())

    def close(self) -> None:
        """Nothing is kept open."""

    def _rows(self, frame: Any) -> Iterator[LogRow]:
        import polars as pl

        frame = frame.with_columns(pl.col("connected", "first_byte").fill_null(-1))
        names = ("worker", *_NUMBERS, "outcome", "phase", "error")
        lists = [frame[name].to_list() for name in names]
        keys = zip(*(frame[name].to_list() for name in _FROM_LABEL), strict=True)
        for values, key in zip(zip(*lists, strict=True), keys, strict=True):
            yield LogRow._make((*values, self._label(key)))

    def _label(self, key: tuple[str, ...]) -> Label:
        found = self._labels.get(key)
        if found is None:
            values: dict[str, Any] = dict(zip(_FROM_LABEL, key, strict=True))
            pairs = (pair.partition("=") for pair in values.pop("tags").split(",") if pair)
            found = self._labels[key] = Label(**values, tags=tuple((name, value) for name, _, value in pairs))
        return found


def wall_zeros(folder: Path) -> dict[int, int]:
    """Return for each worker the wall clock at the run's zero, ns since 1970; workers that have not started yet are missing."""
    zeros = {}
    for path in sorted(folder.glob("clock-*.json")):
        try:
            clock = json.loads(path.read_text(encoding="utf-8"))
            zeros[int(clock["worker"])] = int(clock["wall_ns_at_zero"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return zeros
