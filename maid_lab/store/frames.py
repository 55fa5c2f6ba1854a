"""Frames of rows from spool files: names put in, users and requests in flight computed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maid_lab.model.plan import Label, plan_to_json
from maid_lab.model.rows import Outcome, Phase
from maid_lab.store.spool import Columns, Names, SpoolFile, UsersTimeline, columns_of

if TYPE_CHECKING:
    import polars as pl

    from maid_lab.store.folders import RunFolder

__all__ = ["KINDS", "FrameMaker", "Survey", "schema_of"]

log = logging.getLogger(__name__)

KINDS: Final = ("requests", "transactions", "iterations")
_OTHER: Final = 255

Ints = np.ndarray[Any, Any]


class Survey:
    """First look over a run's spool: its names, how many rows of each kind, users over time, starts and ends.

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
        self.counts = dict.fromkeys(KINDS, 0)
        self.flights: dict[int, tuple[Ints, Ints]] = {}
        self._maps: dict[int, tuple[Ints, Ints]] = {}
        for file in self.files:
            self._look(file)

    def label_map(self, file: SpoolFile) -> Ints:
        """Return the number in `labels` for each label number of this file, −1 for what nobody knows; shape (65536,)."""
        return self._maps[id(file)][0]

    def error_map(self, file: SpoolFile) -> Ints:
        """Return the number in `errors` for each error number of this file, −1 for none; shape (65536,)."""
        return self._maps[id(file)][1]

    @property
    def kinds(self) -> Ints:
        """Index into `KINDS` of each label; 255 for the engine's own."""
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
        starts: list[Ints] = []
        ends: list[Ints] = []
        times: list[Ints] = []
        levels: list[Ints] = []
        seen_errors: set[int] = set()
        for records in file.chunks():
            columns = columns_of(records)
            own = columns["label"] == 0
            times.append(columns["start"][own])
            levels.append(columns["user"][own])
            kind = self._kind_of(columns, labels)
            for place, name in enumerate(KINDS):
                self.counts[name] += int((kind == place).sum())
            starts.append(columns["start"][kind == 0])
            ends.append(columns["end"][kind == 0])
            seen_errors.update(np.unique(columns["error"]).tolist())
            unknown = int(((kind == _OTHER) & ~own).sum())
            if unknown:
                log.warning("%s: %d records have no known label or outcome and are left out", file.path, unknown)
        for number in seen_errors - {0}:
            errors[number] = self._error_id(names.error(number) or "")
        if times:
            self.users.add(np.concatenate(times), np.concatenate(levels))
            self.flights[id(file)] = (np.sort(np.concatenate(starts), kind="stable"), np.sort(np.concatenate(ends), kind="stable"))

    def _kind_of(self, columns: Columns, labels: Ints) -> Ints:
        number = labels[columns["label"]]
        kind = np.where(number >= 0, self.kinds[number], _OTHER)
        return np.where(columns["outcome"] <= max(Outcome), kind, _OTHER)

    def kind_of(self, file: SpoolFile, columns: Columns) -> Ints:
        """Return the index into `KINDS` of each row, 255 for rows that are left out."""
        return self._kind_of(columns, self.label_map(file))

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


_FROM_LABEL: Final[dict[str, Callable[[Label], str]]] = {
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

    words = {name: pl.Enum(_unique(map(read, survey.labels))) for name, read in _FROM_LABEL.items()}
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
        self.survey = survey
        self._schema = schema_of(survey)
        self._codes = {name: _codes(list(map(read, survey.labels))) for name, read in _FROM_LABEL.items()}

    def frames(self, kind: str) -> Iterator[pl.DataFrame]:
        """Yield the rows of one kind, worker by worker in the order in which they ended."""
        wanted = KINDS.index(kind)
        for file in self.survey.files:
            for records in file.chunks():
                columns = columns_of(records)
                mask = self.survey.kind_of(file, columns) == wanted
                if mask.any():
                    yield self._frame(file, {name: values[mask] for name, values in columns.items()})

    def _frame(self, file: SpoolFile, columns: Columns) -> pl.DataFrame:
        import polars as pl

        survey = self.survey
        label = survey.label_map(file)[columns["label"]]
        data: dict[str, Any] = {
            name: columns[name] for name in ("user", "iteration", "intended", "start", "end", "status", "bytes_out", "bytes_in")
        }
        data |= {name: columns[name] for name in ("attempt", "redirected", "reused", "lag")}
        data |= {name: codes[label] for name, codes in self._codes.items()}
        data |= {name: columns[name].astype(np.uint32) for name in ("outcome", "phase")}
        data |= {name: columns[name] for name in ("connected", "first_byte", "trace_id")}
        data["error"] = survey.error_map(file)[columns["error"]]
        data["users"] = survey.users.at(columns["start"])
        data["in_flight"] = _in_flight(survey.flights[id(file)], columns["start"])
        data["worker"] = np.full(len(label), file.worker, dtype=np.uint16)
        return pl.DataFrame([_series(name, data[name], kind) for name, kind in self._schema.items()])


#: What stands for "none" in the columns that may have none.
_NONE: Final = {"connected": -1, "first_byte": -1, "error": -1, "trace_id": 0}


def _series(name: str, values: Ints, kind: Any) -> pl.Series:
    import polars as pl

    series = pl.Series(name, values)
    if name in _NONE:
        series = series.to_frame().select(pl.when(pl.col(name) != _NONE[name]).then(pl.col(name)))[name]
    if isinstance(kind, pl.Enum):
        # By look-up: the cast from numbers to words changed between versions of polars.
        return pl.Series(name, kind.categories, dtype=kind).gather(series.cast(pl.UInt32))
    return series.cast(kind)


def _in_flight(flights: tuple[Ints, Ints], start: Ints) -> Ints:
    """Count the requests of the worker that were started before and had not ended; a row does not count itself."""
    starts, ends = flights
    open_at = np.searchsorted(starts, start, side="left") - np.searchsorted(ends, start, side="right")
    # A request that begins and ends within one nanosecond would be subtracted without having been counted.
    return np.asarray(np.maximum(open_at, 0).astype(np.uint32))


def _unique(texts: Any) -> list[str]:
    return list(dict.fromkeys(texts))


def _codes(texts: list[str]) -> Ints:
    places = {text: number for number, text in enumerate(_unique(texts))}
    return np.array([places[text] for text in texts], dtype=np.uint32)
