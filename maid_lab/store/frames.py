"""Frames of rows from spool files: names put in, users and requests in flight computed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from maid_lab.model.ahead import ahead
from maid_lab.model.rows import FLAG_ATTEMPT_SHIFT, FLAG_OUTCOME, FLAG_PHASE_SHIFT, FLAG_REDIRECTED, FLAG_REUSED, Outcome, Phase
from maid_lab.store.row_schema import FROM_LABEL, schema_of
from maid_lab.store.spool import CHUNK, values_of

if TYPE_CHECKING:
    import polars as pl

    from maid_lab.store.concurrency import Flights
    from maid_lab.store.spool import SpoolFile
    from maid_lab.store.survey import Survey

__all__ = ["FrameMaker", "by_flags", "by_label"]

#: Requests whose flights are kept for the other kinds of rows, 16 bytes each. Beyond, one worker's are held at a time and made again.
_KEPT: Final = 16_000_000
_FLAGS: Final = ("outcome", "attempt", "redirected", "reused", "phase")
#: Columns that are null in most chunks, with what stands for none.
_SELDOM: Final = {"connected": -1, "trace_id": 0, "messages_in": 0xFFFFFFFF}

Ints = np.ndarray[Any, Any]


class _Part(NamedTuple):
    """One chunk of records with what is needed to make rows of it."""

    file: SpoolFile
    flights: Flights
    records: Ints


class FrameMaker:
    """Makes frames with all columns of the row.

    Words are put in by look-up, all columns of a label at once and all of the flags at once: nothing is made of text for each row.

    Parameters
    ----------
    survey : Survey
        The run's names and counts.
    """

    def __init__(self, survey: Survey) -> None:
        import polars as pl

        self.survey = survey
        self.schema = schema_of(survey.labels, survey.errors)
        self._by_label = by_label(survey, self.schema)
        self._by_flags = by_flags(self.schema)
        self._errors = pl.Series("error", [*survey.errors, None], dtype=self.schema["error"])
        self._none = {name: pl.Series(name, [None], dtype=self.schema[name]).new_from_index(0, CHUNK + 1) for name in _SELDOM}
        self._flights: dict[int, Flights] = {}

    def frames(self, kind: str) -> Iterator[pl.DataFrame]:
        """Yield the rows of one kind, worker by worker in the order in which they were written."""
        if self.survey.counts[kind]:
            yield from ahead(partial(self._frame, kind=kind), self._parts())

    def _parts(self) -> Iterator[_Part]:
        workers = [(worker, list(files)) for worker, files in groupby(self.survey.files, key=lambda file: file.worker)]
        in_turn = map if self.survey.counts["requests"] > _KEPT else ahead
        for (_, files), flights in zip(workers, in_turn(self._flights_of, (worker for worker, _ in workers)), strict=True):
            for file in files:
                for records in file.chunks():
                    yield _Part(file, flights, records)

    def _flights_of(self, worker: int) -> Flights:
        if worker in self._flights:
            return self._flights[worker]
        if self.survey.counts["requests"] > _KEPT:
            self._flights.clear()
        self._flights[worker] = self.survey.flights(worker)
        return self._flights[worker]

    def _frame(self, part: _Part, kind: str) -> pl.DataFrame:
        import polars as pl

        file, survey = part.file, self.survey
        columns = values_of(part.records, survey.rows(file, part.records, kind))
        size = len(columns["start"])
        found = {
            series.name: series
            for series in (
                *self._by_label[pl.Series(survey.label_map(file)[columns["label"]], dtype=pl.UInt32)],
                *self._by_flags[pl.Series(columns["flags"], dtype=pl.UInt32)],
            )
        }
        error = survey.error_map(file)[columns["error"]]
        error[error < 0] = len(survey.errors)
        found["error"] = self._errors[pl.Series(error, dtype=pl.UInt32)]
        found["users"] = pl.Series("users", survey.users.at(columns["start"]))
        found["in_flight"] = pl.Series("in_flight", part.flights.at(columns["start"]))
        found["worker"] = pl.Series("worker", np.full(size, file.worker, dtype=np.uint16))
        found["first_byte"] = _nullable("first_byte", columns["first_byte"], -1)
        for name, none in _SELDOM.items():
            seldom = columns[name]
            found[name] = _nullable(name, seldom, none) if (seldom != none).any() else self._none[name][:size]
        return pl.DataFrame([found[name] if name in found else pl.Series(name, columns[name]) for name in self.schema])


def by_label(survey: Survey, schema: dict[str, Any]) -> pl.DataFrame:
    """Return the words of each label: one row for each, in the order of their numbers."""
    import polars as pl

    return pl.DataFrame([pl.Series(name, list(map(read, survey.labels)), dtype=schema[name]) for name, read in FROM_LABEL.items()])


def by_flags(schema: dict[str, Any]) -> pl.DataFrame:
    """Return what the flags say: one row for each of their 65,536 values. An outcome or phase that does not exist is null."""
    import polars as pl

    flags = np.arange(65_536, dtype=np.uint32)
    # One more word, none, for all numbers that mean nothing.
    outcome, phase = (pl.Series(name, [*schema[name].categories, None], dtype=schema[name]) for name in ("outcome", "phase"))
    return pl.DataFrame(
        {
            "outcome": outcome[pl.Series(np.minimum(flags & FLAG_OUTCOME, len(Outcome)))],
            "attempt": (flags >> FLAG_ATTEMPT_SHIFT).astype(np.uint8),
            "redirected": (flags & FLAG_REDIRECTED) != 0,
            "reused": (flags & FLAG_REUSED) != 0,
            "phase": phase[pl.Series(np.minimum(flags >> FLAG_PHASE_SHIFT & 3, len(Phase)))],
        }
    ).select(_FLAGS)


def _nullable(name: str, values: Ints, none: int) -> pl.Series:
    import polars as pl

    series = pl.Series(name, values)
    absent = values == none
    return series.set(pl.Series(absent), None) if absent.any() else series
