"""Frames of rows from spool files: names put in, users and requests in flight computed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maid_lab.model.plan import Label, plan_to_json
from maid_lab.model.rows import EXTENSION_MARK, FLAG_OUTCOME, NONE_U32, USERS_LABEL, Outcome, Phase
from maid_lab.store.concurrency import Flights, UsersTimeline
from maid_lab.store.spool import Columns, Names, SpoolFile, columns_of, ends_of, rows_of

if TYPE_CHECKING:
    import polars as pl

    from maid_lab.store.folders import RunFolder

__all__ = ["FROM_LABEL", "KINDS", "FrameMaker", "Survey", "codes_of", "schema_of"]

log = logging.getLogger(__name__)

KINDS: Final = ("requests", "transactions", "iterations")
_OTHER: Final = 3
_UNKNOWN: Final = 4
_NEVER_SENT: Final = (Outcome.DROPPED, Outcome.UNSENT)
#: Chunks made ahead of the one that is being written: frames are made on two threads, for numpy and polars let go of the interpreter.
_AHEAD: Final = 3

Ints = np.ndarray[Any, Any]


class Survey:
    """First look over a run's spool: its names, how many rows of each kind, users over time.

    Parameters
    ----------
    folder : RunFolder
        A run with its `plan.json`.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.files = [SpoolFile(path) for path in folder.spool_paths()]
        labels = folder.read_plan().labels
        self._names = {id(file): Names.read(folder.path, file.worker, file.epoch, labels) for file in self.files}
        self.labels = [*labels]
        self._label_ids: dict[Label, int] = {label: number for number, label in reversed(list(enumerate(labels)))}
        self.errors: list[str] = []
        self._error_ids: dict[str, int] = {}
        self.users = UsersTimeline()
        self.unknown = 0
        self.counts = dict.fromkeys(KINDS, 0)
        self._maps: dict[int, tuple[Ints, Ints]] = {}
        for file in self.files:
            self._look(file)
        if self.unknown:
            log.warning("run %s: %d records have no known label or outcome and are left out", folder.run_id, self.unknown)
        self.users.at(np.zeros(0, np.int64))

    def label_map(self, file: SpoolFile) -> Ints:
        """Return the number in `labels` for each label number of this file, −1 for what nobody knows; shape (65536,)."""
        return self._maps[id(file)][0]

    def error_map(self, file: SpoolFile) -> Ints:
        """Return the number in `errors` for each error number of this file, −1 for none; shape (65536,)."""
        return self._maps[id(file)][1]

    @property
    def kinds(self) -> Ints:
        """Index into `KINDS` of each label; `_OTHER` for the engine's own."""
        places = {"transaction": 1, "iteration": 2, "users": _OTHER}
        return np.array([places.get(label.kind, 0) for label in self.labels], dtype=np.uint8)

    def names_json(self) -> dict[str, Any]:
        """Return what `names.json` holds."""
        return {"labels": [plan_to_json(label) for label in self.labels], "errors": self.errors}

    def _look(self, file: SpoolFile) -> None:
        names = self._names[id(file)]
        labels = np.full(65536, -1, dtype=np.int32)
        labels[: len(names.labels)] = np.arange(len(names.labels))
        for number, label in names.made.items():
            labels[number] = self._label_id(label)
        errors = np.full(65536, -1, dtype=np.int32)
        self._maps[id(file)] = (labels, errors)
        times: list[Ints] = []
        levels: list[Ints] = []
        seen_errors: set[int] = set()
        for records in file.chunks():
            own = rows_of(records)
            own = own[records["label"][own] == USERS_LABEL]
            times.append(records["start"][own])
            levels.append(records["user"][own])
            counts = np.bincount(self._kinds(records, labels), minlength=_UNKNOWN + 1)
            for place, name in enumerate(KINDS):
                self.counts[name] += int(counts[place])
            self.unknown += int(counts[_UNKNOWN])
            failed = records["error"] != 0
            if failed.any():
                seen_errors.update(np.unique(records["error"][rows_of(records)]).tolist())
        for number in sorted(seen_errors - {0}):
            errors[number] = self._error_id(names.error(number) or "")
        if times:
            self.users.add(file.worker, np.concatenate(times), np.concatenate(levels))

    def _kinds(self, records: Ints, labels: Ints) -> Ints:
        """Return for each record the index into `KINDS` of its row, `_OTHER` for what is no row, `_UNKNOWN` for what nobody can name."""
        kind: Ints = np.append(self.kinds, np.uint8(_UNKNOWN))[labels][records["label"]]
        outcome = records["flags"] & FLAG_OUTCOME
        kind[(outcome > max(Outcome)) & (kind != _OTHER)] = _UNKNOWN
        kind[outcome == EXTENSION_MARK] = _OTHER
        return kind

    def rows(self, file: SpoolFile, records: Ints, kind: str) -> Ints:
        """Return the places of the rows of one kind among records."""
        return np.flatnonzero(self._kinds(records, self.label_map(file)) == KINDS.index(kind))

    def flights(self, worker: int) -> Flights:
        """Return when the requests of a worker began and ended; dropped and unsent ones never did."""
        starts, ends = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for file in self.files:
            for records in file.chunks() if file.worker == worker else ():
                rows = self.rows(file, records, "requests")
                begun = ~np.isin(records["flags"][rows] & FLAG_OUTCOME, _NEVER_SENT)
                starts.append(records["start"][rows][begun])
                ends.append(ends_of(records, rows)[begun])
        return Flights(np.concatenate(starts), np.concatenate(ends))

    def _label_id(self, label: Label) -> int:
        if label not in self._label_ids:
            self._label_ids[label] = len(self.labels)
            self.labels.append(label)
        return self._label_ids[label]

    def _error_id(self, text: str) -> int:
        if text not in self._error_ids:
            self._error_ids[text] = len(self.errors)
            self.errors.append(text)
        return self._error_ids[text]


#: How the columns that hold words of a label read it.
FROM_LABEL: Final[dict[str, Callable[[Label], str]]] = {
    "scenario": lambda label: label.scenario,
    "transaction": lambda label: label.transaction,
    "name": lambda label: label.name,
    "kind": lambda label: label.kind,
    "method": lambda label: label.method,
    "url": lambda label: label.url,
    "section": lambda label: label.section,
    "tags": lambda label: ",".join(f"{key}={value}" for key, value in label.tags),
}


def schema_of(survey: Survey) -> dict[str, Any]:
    """Return the columns of a rows file with their types; dictionary columns hold the words of this run."""
    import polars as pl

    words = {name: pl.Enum(_unique(map(read, survey.labels))) for name, read in FROM_LABEL.items()}
    return {
        "worker": pl.UInt16,
        "user": pl.UInt32,
        "iteration": pl.UInt32,
        "scenario": words["scenario"],
        "transaction": words["transaction"],
        "name": words["name"],
        "kind": words["kind"],
        "method": words["method"],
        "url": words["url"],
        "section": words["section"],
        "intended": pl.Int64,
        "start": pl.Int64,
        "connected": pl.Int64,
        "first_byte": pl.Int64,
        "end": pl.Int64,
        "status": pl.Int16,
        "outcome": pl.Enum([outcome.word for outcome in Outcome]),
        "error": pl.Enum(survey.errors),
        "bytes_out": pl.UInt32,
        "bytes_in": pl.UInt32,
        "attempt": pl.UInt8,
        "redirected": pl.Boolean,
        "reused": pl.Boolean,
        "phase": pl.Enum([phase.word for phase in Phase]),
        "users": pl.UInt32,
        "in_flight": pl.UInt32,
        "lag": pl.UInt32,
        "trace_id": pl.UInt64,
        "messages_in": pl.UInt32,
        "tags": words["tags"],
    }


class FrameMaker:
    """Makes frames with all columns of the row.

    Parameters
    ----------
    survey : Survey
        The run's names and counts.
    """

    def __init__(self, survey: Survey) -> None:
        import polars as pl

        self.survey = survey
        self._schema = schema_of(survey)
        self._words = {
            name: pl.Series(name, kind.categories, dtype=kind) for name, kind in self._schema.items() if isinstance(kind, pl.Enum)
        }
        self._codes = {name: codes_of(list(map(read, survey.labels))) for name, read in FROM_LABEL.items()}

    def frames(self, kind: str) -> Iterator[pl.DataFrame]:
        """Yield the rows of one kind, worker by worker in the order in which they were written."""
        if not self.survey.counts[kind]:
            return
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="rows") as pool:
            begun: deque[Future[pl.DataFrame]] = deque()
            try:
                for file, flights, records in self._chunks():
                    begun.append(pool.submit(self._frame, file, flights, records, kind))
                    if len(begun) > _AHEAD:
                        yield begun.popleft().result()
                while begun:
                    yield begun.popleft().result()
            finally:
                for future in begun:
                    future.cancel()

    def _chunks(self) -> Iterator[tuple[SpoolFile, Flights, Ints]]:
        """Yield the chunks of all files; only one worker's flights are held at a time."""
        for worker, files in groupby(self.survey.files, key=lambda file: file.worker):
            flights = self.survey.flights(worker)
            for file in files:
                for records in file.chunks():
                    yield file, flights, records

    def _frame(self, file: SpoolFile, flights: Flights, records: Ints, kind: str) -> pl.DataFrame:
        import polars as pl

        survey = self.survey
        columns = columns_of(records, survey.rows(file, records, kind))
        label = survey.label_map(file)[columns["label"]]
        data: Columns = columns | {name: codes[label] for name, codes in self._codes.items()}
        data["error"] = survey.error_map(file)[columns["error"]]
        data["users"] = survey.users.at(columns["start"])
        data["in_flight"] = flights.at(columns["start"])
        data["worker"] = np.full(len(label), file.worker, dtype=np.uint16)
        frame = pl.DataFrame({name: data[name] for name in self._schema})
        return frame.select([self._column(name, kind_) for name, kind_ in self._schema.items()])

    def _column(self, name: str, kind: Any) -> pl.Expr:
        import polars as pl

        column = pl.col(name)
        if name in _NONE:
            column = pl.when(column != _NONE[name]).then(column)
        if isinstance(kind, pl.Enum):
            # By look-up: the cast from numbers to words changed between versions of polars.
            return pl.lit(self._words[name]).gather(column.cast(pl.UInt32)).alias(name)
        return column.cast(kind)


#: What stands for "none" in the columns that may have none.
_NONE: Final = {"connected": -1, "first_byte": -1, "error": -1, "trace_id": 0, "messages_in": NONE_U32}


def _unique(texts: Any) -> list[str]:
    return list(dict.fromkeys(texts))


def codes_of(texts: list[str]) -> Ints:
    """Return for each text its place among the different ones."""
    places = {text: number for number, text in enumerate(_unique(texts))}
    return np.array([places[text] for text in texts], dtype=np.uint32)
