"""Messages of streams, from the workers' files: one row each, with the names of their request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maid_lab.model.rows import EVENT_FIELDS, EVENT_SIZE
from maid_lab.store.frames import by_flags, by_label
from maid_lab.store.row_schema import schema_of

if TYPE_CHECKING:
    import polars as pl

    from maid_lab.store.survey import Survey

__all__ = ["EventFrames", "event_schema"]

#: Records read at once, 6 MB.
_CHUNK: Final = 131_072
_TYPE: Final = np.dtype(list(EVENT_FIELDS))
_COLUMNS: Final = (
    "worker", "user", "iteration", "scenario", "transaction", "name", "kind", "method", "url", "section", "start", "end", "outcome", "phase",
    "tags",
)  # fmt: skip


def event_schema(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of the messages with their types, from those of the run's requests.

    `start` is the arrival of the message before, of the first the begin of the request, so that `end - start` is the gap; `request` is the
    begin of the request, `number` counts from 0 within a stream, `size` is the bytes of the message's data.
    """
    import polars as pl

    return {name: rows[name] for name in _COLUMNS} | {"request": pl.Int64, "number": pl.UInt32, "size": pl.UInt32}


class EventFrames:
    """The messages of a run.

    Parameters
    ----------
    survey : Survey
        The run's names.

    Attributes
    ----------
    schema : mapping
        Columns with their types.
    count : int
        Messages in the files at the moment of the first look.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        rows = schema_of(survey.labels, survey.errors)
        self.schema = event_schema(rows)
        self._by_label, self._by_flags = by_label(survey, rows), by_flags(rows)
        self._files = [(file, path) for file in survey.files if (path := survey.folder.events_path(file.worker, file.epoch)).is_file()]
        self._sizes = {path: path.stat().st_size // EVENT_SIZE for _, path in self._files}
        self.count = 0
        for file, path in self._files:
            known = survey.label_map(file) >= 0
            self.count += sum(int(known[records["label"]].sum()) for records in self._chunks(path))

    @property
    def has_grown(self) -> bool:
        """Whether messages were appended since."""
        return any(path.stat().st_size // EVENT_SIZE > size for path, size in self._sizes.items())

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the messages, worker by worker in the order in which their streams ended."""
        for file, path in self._files:
            for records in self._chunks(path):
                yield self._frame(records, self._survey.label_map(file), file.worker)

    def _chunks(self, path: Path) -> Iterator[np.ndarray[Any, Any]]:
        left = self._sizes[path]
        with path.open("rb") as file:
            while left > 0:
                raw = file.read(min(left, _CHUNK) * EVENT_SIZE)
                count = len(raw) // EVENT_SIZE
                if not count:
                    return
                left -= count
                yield np.frombuffer(raw, dtype=_TYPE, count=count)

    def _frame(self, records: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], worker: int) -> pl.DataFrame:
        import polars as pl

        label = labels[records["label"]]
        records, label = records[label >= 0], label[label >= 0]
        words = (*self._by_label[pl.Series(label, dtype=pl.UInt32)], *self._by_flags[pl.Series(records["flags"], dtype=pl.UInt32)])
        found = {series.name: series for series in words}
        found["worker"] = pl.Series("worker", np.full(len(records), worker, dtype=np.uint16))
        return pl.DataFrame(
            [
                found[name] if name in found else pl.Series(name, np.ascontiguousarray(records[name]), dtype=kind)
                for name, kind in self.schema.items()
            ]
        )
