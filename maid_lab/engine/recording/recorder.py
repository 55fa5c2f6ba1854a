"""The recorder: one fixed-width record per row into a preallocated buffer, spooled to disk and folded into live counts.

Nothing is allocated per request: `pack` writes into `buffer` at `position`. The buffer is written to the spool file and folded into the
next snapshot when it is full and at each snapshot, so memory does not grow with the length of a run and a crash loses at most the last
tenth of a second.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maid_lab.engine.recording.events import EventSpool
from maid_lab.engine.recording.histogram import buckets_of
from maid_lab.engine.recording.writing import write_whole
from maid_lab.model.plan import plan_to_json as to_json
from maid_lab.model.rows import (
    EXTENSION,
    EXTENSION_MARK,
    FIRST_MADE_LABEL,
    FLAG_EXTENDED,
    FLAG_OUTCOME,
    NONE_U32,
    RECORD,
    RECORD_FIELDS,
    RECORD_SIZE,
    USERS_LABEL,
    Outcome,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from maid_lab.model.plan import Label

__all__ = ["Fold", "Recorder"]

#: Records in the buffer. Folding a full one takes about 0.2 ms, short enough not to show as latency.
CAPACITY: Final = 4096

#: Different error texts kept per worker; more would let a hostile target fill memory and disk.
MAX_ERRORS: Final = 1000

#: Different labels that one worker makes; names without end would make every table of a run unreadable.
MAX_MADE_LABELS: Final = 4096

_ROW_TYPE: Final = np.dtype(list(RECORD_FIELDS))
_BUCKETS: Final = 1 << 14
#: Widest range of keys that is counted in place.
_SPREAD: Final = 1 << 17


class Fold:
    """Counts since the last snapshot, by label."""

    __slots__ = ("bytes_in", "dropped", "errors", "histograms", "lag_us", "outcomes", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self.bytes_in = 0
        self.dropped = 0
        self.lag_us = 0
        self.outcomes: Counter[tuple[int, int]] = Counter()
        self.errors: Counter[tuple[int, int, int]] = Counter()
        self.histograms: Counter[int] = Counter()

    def to_message(self) -> dict[str, Any]:
        """Return the counts as JSON data; `histograms` holds flat triples label, bucket, count."""
        flat: list[int] = []
        for key, count in self.histograms.items():
            flat += (key // _BUCKETS, key % _BUCKETS, count)
        return {
            "rows": self.rows,
            "bytes_in": self.bytes_in,
            "lag_us": self.lag_us,
            "outcomes": [[label, outcome, n] for (label, outcome), n in self.outcomes.items()],
            "errors": [[label, outcome, error, n] for (label, outcome, error), n in self.errors.items()],
            "histograms": flat,
        }


class Recorder:
    """Rows of one worker.

    Parameters
    ----------
    folder : Path
        Run folder; the spool and names files are created in it.
    worker, epoch : int
        Which worker writes, and the generation of its shard.
    open_model : bool
        Whether live latency is response time (from the intended start) instead of service time.
    keeps : bool
        Whether rows are written; they are counted either way.

    Raises
    ------
    OSError
        From `flush` when the disk is full and nobody set `on_failure`; what was written before stays.
    """

    __slots__ = (
        "_epoch",
        "_error_ids",
        "_events",
        "_fd",
        "_folder",
        "_keeps",
        "_label_ids",
        "_names_fd",
        "_worker",
        "before_flush",
        "buffer",
        "failure",
        "fold",
        "limit",
        "new_errors",
        "new_labels",
        "on_failure",
        "open_model",
        "pack",
        "position",
        "redact",
        "rows",
        "view",
        "zero_ns",
    )  # fmt: skip

    def __init__(self, folder: Path, *, worker: int, epoch: int, open_model: bool, keeps: bool = True) -> None:
        self._folder = folder
        self._worker = worker
        self._epoch = epoch
        mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._keeps = keeps
        self._fd = os.open(folder / f"spool-{worker}-{epoch}.rows" if keeps else os.devnull, mode, 0o600)
        self._names_fd = os.open(folder / f"names-{worker}-{epoch}.jsonl", mode, 0o600)
        self._error_ids: dict[str, int] = {}
        self._events = EventSpool(folder, worker=worker, epoch=epoch)
        self.open_model = open_model
        self.buffer = bytearray(RECORD_SIZE * CAPACITY)
        self.view = memoryview(self.buffer)
        self.pack = RECORD.pack_into
        self.position = 0
        # Room for one record with its extension is kept behind the limit, so that a pair is never split over two flushes.
        self.limit = RECORD_SIZE * (CAPACITY - 2)
        self.rows = 0
        self.zero_ns = 0
        self.fold = Fold()
        self._label_ids: dict[Label, int] = {}
        self.new_errors: list[tuple[int, str]] = []
        #: Labels made while running, since the last snapshot.
        self.new_labels: list[tuple[int, Label]] = []
        #: Masks secrets in error texts; they may quote what was sent.
        self.redact: Callable[[str], str] = str
        #: Writes what belongs to the rows, before them.
        self.before_flush: Callable[[], None] | None = None
        #: Hears once that nothing more can be written. Rows are written in the midst of reading an answer, where nobody could catch an error.
        self.on_failure: Callable[[OSError], None] | None = None
        #: Why nothing is written any more.
        self.failure: OSError | None = None

    def record(  # the whole row; the connection's fast path packs the common case itself
        self,
        *,
        label: int,
        user: int,
        iteration: int,
        intended: int,
        start: int,
        end: int,
        outcome: int,
        flags: int,
        status: int = -1,
        first_byte: int = -1,
        connected: int = -1,
        bytes_out: int = 0,
        bytes_in: int = 0,
        error: str = "",
        trace_id: int = 0,
        messages: int = NONE_U32,
    ) -> None:
        """Append one row; stamps are absolute monotonic ns, −1 for none, `flags` all bits but outcome and extension."""
        zero = self.zero_ns
        service, blocked = end - start, start - intended
        ttfb = NONE_U32 if first_byte < 0 else first_byte - start
        wide = (
            connected >= 0 or trace_id or messages != NONE_U32
            or service >= NONE_U32 or blocked >= NONE_U32 or (ttfb >= NONE_U32 and first_byte >= 0)
        )  # fmt: skip
        self.pack(
            self.buffer, self.position, start - zero, min(service, NONE_U32), min(blocked, NONE_U32), min(ttfb, NONE_U32), min(blocked //
            1000, NONE_U32),
            user, iteration, min(bytes_out, NONE_U32), min(bytes_in, NONE_U32), label, status, self.error_id(error) if error else 0,
            flags | outcome | (FLAG_EXTENDED if wide else 0),
        )  # fmt: skip
        self.position += RECORD_SIZE
        if wide:
            EXTENSION.pack_into(
                self.buffer, self.position, end - zero, first_byte - zero if first_byte >= 0 else -1, intended - zero,
                connected - zero if connected >= 0 else -1, trace_id, messages, EXTENSION_MARK,
            )  # fmt: skip
            self.position += RECORD_SIZE
        if self.position >= self.limit:
            self.flush()

    def record_span(self, label: int, user: int, iteration: int, start: int, end: int, flags: int) -> None:
        """Append the row of an iteration that went well; the quick way of `record`."""
        service = end - start
        if service >= NONE_U32:
            self.record(label=label, user=user, iteration=iteration, intended=start, start=start, end=end, outcome=Outcome.OK, flags=flags)
            return
        position = self.position
        self.pack(self.buffer, position, start - self.zero_ns, service, 0, NONE_U32, 0, user, iteration, 0, 0, label, -1, 0, flags)
        self.position = position = position + RECORD_SIZE
        if position >= self.limit:
            self.flush()

    def users(self, count: int, *, now: int) -> None:
        """Record that from `now` on this worker has `count` live users."""
        self.pack(self.buffer, self.position, now - self.zero_ns, 0, 0, NONE_U32, 0, count, 0, 0, 0, USERS_LABEL, -1, 0, 0)
        self.position += RECORD_SIZE
        if self.position >= self.limit:
            self.flush()

    def record_messages(
        self, stamps: Sequence[int], sizes: Sequence[int], *, request: int, user: int, iteration: int, label: int, flags: int
    ) -> None:
        """Append the messages of a stream that has ended; stamps are absolute monotonic ns, `flags` with the outcome of its request."""
        if self._keeps and self.failure is None:
            try:
                self._events.record(
                    stamps, sizes, request=request, zero=self.zero_ns, user=user, iteration=iteration, label=label, flags=flags
                )
            except OSError as error:
                self._fail(error)

    def error_id(self, text: str) -> int:
        """Return the id of an error text, making one when it is new."""
        number = self._error_ids.get(text)
        if number is None:
            if len(self._error_ids) >= MAX_ERRORS:
                text = "more error texts than are kept apart"
                if text in self._error_ids:
                    return self._error_ids[text]
            number = self._error_ids[text] = len(self._error_ids) + 1
            text = self.redact(text)
            self._write_name({"kind": "error", "id": number, "text": text})
            self.new_errors.append((number, text))
        return number

    def label_id(self, label: Label) -> int:
        """Return the number of a label that is not in the plan, making one when it is new; what is beyond their number shares one name."""
        number = self._label_ids.get(label)
        if number is None:
            if len(self._label_ids) >= MAX_MADE_LABELS:
                label = replace(label, name="more names than are kept apart", method="", url="")
                if label in self._label_ids:
                    return self._label_ids[label]
            number = self._label_ids[label] = FIRST_MADE_LABEL + len(self._label_ids)
            made = {name: value for name, value in to_json(label).items() if name != "$"}
            self._write_name({"kind": "label", "id": number, "label": made})
            self.new_labels.append((number, label))
        return number

    def flush(self) -> None:
        """Write the buffer to the spool file and fold it into the counts of the next snapshot."""
        position = self.position
        if not position:
            return
        self.position = 0
        if self.failure is not None:
            return
        try:
            if self.before_flush is not None:
                self.before_flush()
            if self._keeps:
                write_whole(self._fd, self.view[:position])
        except OSError as error:
            self._fail(error)
            return
        self._fold(np.frombuffer(self.buffer, dtype=_ROW_TYPE, count=position // RECORD_SIZE))

    def take(self) -> Fold:
        """Flush and return the counts since the last call."""
        self.flush()
        fold, self.fold = self.fold, Fold()
        return fold

    def close(self) -> None:
        """Flush and close the files."""
        try:
            self.flush()
        finally:
            os.close(self._fd)
            os.close(self._names_fd)
            self._events.close()

    def _write_name(self, name: dict[str, Any]) -> None:
        if self.failure is None:
            try:
                write_whole(self._names_fd, json.dumps(name).encode() + b"\n")
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        if self.on_failure is None:
            raise error
        self.failure = error
        self.on_failure(error)

    def _fold(self, rows: np.ndarray[Any, Any]) -> None:
        outcome, label = rows["flags"] & FLAG_OUTCOME, rows["label"]
        if outcome.any() or not label.all():
            rows = rows[(outcome != EXTENSION_MARK) & (label != USERS_LABEL)]
            if not len(rows):
                return
            outcome, label = rows["flags"] & FLAG_OUTCOME, rows["label"]
        fold = self.fold
        fold.rows += len(rows)
        self.rows += len(rows)
        fold.bytes_in += int(rows["bytes_in"].sum(dtype=np.int64))
        fold.lag_us = max(fold.lag_us, int(rows["lag"].max()))
        label = label.astype(np.int64)
        for key, count in _counted(label * 16 + outcome):
            fold.outcomes[key // 16, key % 16] += count
        durations = rows["service"].astype(np.int64)
        if self.open_model:
            durations += rows["blocked"]
        keys = label * _BUCKETS + buckets_of(durations)
        if outcome.any():
            good = outcome == Outcome.OK
            keys, bad = keys[good], ~good
            for key, count in _counted((label[bad] * 16 + outcome[bad]) * 65536 + rows["error"][bad]):
                fold.errors[key // 65536 // 16, key // 65536 % 16, key % 65536] += count
        histograms = fold.histograms
        for key, count in _counted(keys):
            histograms[key] += count


def _counted(keys: np.ndarray[Any, Any]) -> Iterable[tuple[int, int]]:
    """Return how often each key occurs."""
    if not len(keys):
        return ()
    least = int(keys.min())
    if int(keys.max()) - least < _SPREAD:
        # Counting in place is four times as fast as sorting, as long as the keys lie together.
        counts = np.bincount(keys - least)
        places = np.flatnonzero(counts)
        return zip((places + least).tolist(), counts[places].tolist(), strict=True)
    values, counts = np.unique(keys, return_counts=True)
    return zip(values.tolist(), counts.tolist(), strict=True)
