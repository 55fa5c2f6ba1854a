"""First look over a run's spool: its names, how many rows of each kind, users over time; and when its requests were in flight."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from maid_lab.model.ahead import ahead
from maid_lab.model.plan import Label, plan_to_json
from maid_lab.model.rows import EXTENSION_MARK, FLAG_OUTCOME, USERS_LABEL, Outcome
from maid_lab.store.concurrency import Flights, UsersTimeline
from maid_lab.store.row_schema import KINDS
from maid_lab.store.spool import Names, SpoolFile, ends_of

if TYPE_CHECKING:
    from maid_lab.store.folders import RunFolder

__all__ = ["Survey"]

log = logging.getLogger(__name__)

_OTHER: Final = 3
_UNKNOWN: Final = 4
_NUMBERS: Final = 65_536

Ints = np.ndarray[Any, Any]


class _Look(NamedTuple):
    """What one chunk of records has."""

    counts: Ints
    errors: Ints
    users: Ints
    levels: Ints


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
        self._label_maps = {id(file): self._labels_of(self._names[id(file)]) for file in self.files}
        self._kind_of = {key: np.append(self._kinds_of_labels(), np.uint8(_UNKNOWN))[numbers] for key, numbers in self._label_maps.items()}
        self.errors: list[str] = []
        self._error_ids: dict[str, int] = {}
        self._error_maps: dict[int, Ints] = {}
        self.users = UsersTimeline()
        counts = np.zeros(_UNKNOWN + 1, np.int64)
        for file in self.files:
            counts += self._look(file)
        self.counts = {kind: int(counts[place]) for place, kind in enumerate(KINDS)}
        self.unknown = int(counts[_UNKNOWN])
        if self.unknown:
            log.warning("run %s: %d records have no known label or outcome and are left out", folder.run_id, self.unknown)
        self.users.at(np.zeros(0, np.int64))

    def label_map(self, file: SpoolFile) -> Ints:
        """Return the number in `labels` for each label number of this file, −1 for what nobody knows; shape (65536,)."""
        return self._label_maps[id(file)]

    def error_map(self, file: SpoolFile) -> Ints:
        """Return the number in `errors` for each error number of this file, −1 for none; shape (65536,)."""
        return self._error_maps[id(file)]

    def names_json(self) -> dict[str, Any]:
        """Return what `names.json` holds."""
        return {"labels": [plan_to_json(label) for label in self.labels], "errors": self.errors}

    def rows(self, file: SpoolFile, records: Ints, kind: str) -> Ints:
        """Return the places of the rows of one kind among records."""
        return np.flatnonzero(self._kinds(file, records) == KINDS.index(kind))

    def flights(self, worker: int) -> Flights:
        """Return when the requests of a worker began and ended; dropped and unsent ones never did."""
        files = [file for file in self.files if file.worker == worker]
        # Made as large as may be needed and filled: pages that nobody writes to take no memory.
        starts, ends = (np.empty(sum(file.records for file in files), np.int64) for _ in range(2))
        filled = 0
        for file in files:
            for begins, stops in ahead(partial(self._flown, file), file.chunks()):
                starts[filled : filled + len(begins)] = begins
                ends[filled : filled + len(begins)] = stops
                filled += len(begins)
        return Flights(starts[:filled], ends[:filled], in_place=True)

    def _flown(self, file: SpoolFile, records: Ints) -> tuple[Ints, Ints]:
        rows = self.rows(file, records, "requests")
        outcome = records["flags"][rows] & FLAG_OUTCOME
        starts, ends = records["start"][rows], ends_of(records, rows)
        flown = (ends > starts) & (outcome != Outcome.DROPPED) & (outcome != Outcome.UNSENT)
        return (starts, ends) if flown.all() else (starts[flown], ends[flown])

    def _look(self, file: SpoolFile) -> Ints:
        """Take the users and errors of a file; returns how many of its records are of each kind."""
        counts, errors = np.zeros(_UNKNOWN + 1, np.int64), np.zeros(_NUMBERS, np.bool_)
        times: list[Ints] = []
        levels: list[Ints] = []
        for look in ahead(partial(self._look_at, file), file.chunks()):
            counts += look.counts
            errors[look.errors] = True
            times.append(look.users)
            levels.append(look.levels)
        names, numbers = self._names[id(file)], np.full(_NUMBERS, -1, dtype=np.int32)
        for number in np.flatnonzero(errors).tolist():
            numbers[number] = self._error_id(names.error(number) or "")
        self._error_maps[id(file)] = numbers
        if times:
            self.users.add(file.worker, np.concatenate(times), np.concatenate(levels))
        return counts

    def _look_at(self, file: SpoolFile, records: Ints) -> _Look:
        own = np.flatnonzero(records["label"] == USERS_LABEL)
        own = own[records["flags"][own] & FLAG_OUTCOME != EXTENSION_MARK]
        failed = np.flatnonzero(records["error"])
        failed = failed[records["flags"][failed] & FLAG_OUTCOME != EXTENSION_MARK]
        counts = np.bincount(self._kinds(file, records), minlength=_UNKNOWN + 1)
        return _Look(counts, np.unique(records["error"][failed]), records["start"][own], records["user"][own])

    def _kinds(self, file: SpoolFile, records: Ints) -> Ints:
        """Return for each record the index into `KINDS` of its row, `_OTHER` for what is no row, `_UNKNOWN` for what nobody can name."""
        kind: Ints = self._kind_of[id(file)][records["label"]]
        outcome = records["flags"] & FLAG_OUTCOME
        strange = np.flatnonzero(outcome > max(Outcome))
        if len(strange):
            kind[strange[kind[strange] != _OTHER]] = _UNKNOWN
            kind[strange[outcome[strange] == EXTENSION_MARK]] = _OTHER
        return kind

    def _kinds_of_labels(self) -> Ints:
        """Return the index into `KINDS` of each label; `_OTHER` for the engine's own."""
        places = {"transaction": 1, "iteration": 2, "users": _OTHER}
        return np.array([places.get(label.kind, 0) for label in self.labels], dtype=np.uint8)

    def _labels_of(self, names: Names) -> Ints:
        labels = np.full(_NUMBERS, -1, dtype=np.int32)
        labels[: len(names.labels)] = np.arange(len(names.labels))
        for number, label in names.made.items():
            labels[number] = self._label_id(label)
        return labels

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
