"""From spool files to Parquet, and rows read back, during a run and after it.

The order of steps makes it safe to be cut anywhere and begun again: Parquet files are written beside, synced and renamed; then `rows.json` says that they
are complete and how many rows they hold; only then the spool goes. With `rows.json` there, what is left of the spool is only removed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import EngineFailure
from maid_lab.model.rows import Outcome
from maid_lab.store.events import EventFrames, event_schema
from maid_lab.store.folders import RunFolder, write_atomically
from maid_lab.store.frames import FrameMaker
from maid_lab.store.row_schema import KINDS, schema_of
from maid_lab.store.survey import Survey

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RowCounts", "finalise", "metrics_frame", "read_counts", "read_rows"]

log = logging.getLogger(__name__)

_ROW_GROUP: Final = 500_000
#: Least and largest values took a quarter of the time of writing, and no query of ours is helped by them: rows are in order of worker.
_STATISTICS: Final = {"min": False, "max": False, "null_count": True, "distinct_count": False}
_DONE: Final = "rows.json"

#: Kind of the messages of streams; a run without any has no file of them.
EVENTS: Final = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """Rows of a run by kind; `failed` are requests sent that did not end well, `dropped` starts without a free user."""

    requests: int = 0
    failed: int = 0
    transactions: int = 0
    iterations: int = 0
    dropped: int = 0


def finalise(folder: RunFolder) -> RowCounts:
    """Turn a run's spool into Parquet files; again is the same as once.

    Returns
    -------
    RowCounts
        What the files hold, verified by reading them.

    Raises
    ------
    Missing
        Without a readable plan, which names the rows.
    EngineFailure
        If the files cannot be written; the spool stays as it is.
    """
    counts = read_counts(folder)
    if counts is None:
        try:
            counts = _convert(folder)
        except OSError as error:
            raise EngineFailure(
                f"run {folder.run_id}: rows cannot be converted: {error.strerror or error}; the spool is kept in {folder.path}.",
                hint="Make room on the disk; the next command tries again.",
            ) from error
    for path in (*folder.spool_paths(), *folder.path.glob("names-*.jsonl"), *folder.path.glob("events-*.rows")):
        path.unlink(missing_ok=True)
    return counts


def read_counts(folder: RunFolder) -> RowCounts | None:
    """Return the counts of a run whose Parquet files are complete, else None."""
    try:
        counts = RowCounts(**json.loads((folder.path / _DONE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return counts if all(folder.rows_path(kind).is_file() for kind in KINDS) else None


def read_rows(folder: RunFolder, kind: str = "requests") -> pl.LazyFrame:
    """Return the rows of a run, from its Parquet file or, while it runs, from the spool as far as it is written.

    Parameters
    ----------
    kind : str
        requests, transactions, iterations, or events: the messages of streams.

    Raises
    ------
    ValueError
        For another kind.
    """
    import polars as pl

    if kind not in (*KINDS, EVENTS):
        raise ValueError(f"there are rows of {', '.join((*KINDS, EVENTS))}, not of {kind!r}")
    if read_counts(folder) is None:
        try:
            return _live_rows(folder, kind)
        except FileNotFoundError:
            # The run ended meanwhile and its spool became Parquet.
            if read_counts(folder) is None:
                raise
    path = folder.rows_path(kind)
    if kind == EVENTS and not path.is_file():
        rows = pl.scan_parquet(folder.rows_path()).collect_schema()
        return pl.DataFrame(schema=event_schema(rows)).lazy()
    return pl.scan_parquet(path)


def _live_rows(folder: RunFolder, kind: str) -> pl.LazyFrame:
    import polars as pl

    survey = Survey(folder)
    schema = schema_of(survey.labels, survey.errors)
    if kind == EVENTS:
        events = list(EventFrames(survey).frames())
        return pl.concat(events).lazy() if events else pl.DataFrame(schema=event_schema(schema)).lazy()
    frames = list(FrameMaker(survey).frames(kind))
    return pl.concat(frames).lazy() if frames else pl.DataFrame(schema=schema).lazy()


def _convert(folder: RunFolder) -> RowCounts:
    survey = Survey(folder)
    schema = schema_of(survey.labels, survey.errors)
    maker = FrameMaker(survey)
    written: dict[str, int] = {}
    for kind in KINDS:
        written[kind] = _write_kind(folder, kind, maker.frames(kind), schema, survey.counts[kind])
    events = EventFrames(survey)
    if events.count:
        _write_kind(folder, EVENTS, events.frames(), events.schema, events.count)
    if events.has_grown or any(file.has_grown for file in survey.files):
        raise OSError("a worker is still writing rows")
    _write_metrics(folder)
    write_atomically(folder.path / "names.json", json.dumps(survey.names_json(), ensure_ascii=False))
    counts = _counts(folder, written)
    write_atomically(folder.path / _DONE, json.dumps(asdict(counts)))
    return counts


def _write_kind(folder: RunFolder, kind: str, frames: Iterator[pl.DataFrame], schema: dict[str, Any], count: int) -> int:
    """Write one file beside its place, verify it and put it there; returns how many rows it holds.

    Raises
    ------
    OSError
        If it cannot be written, or holds another number of rows than were recorded.
    """
    import polars as pl

    target = folder.rows_path(kind)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        _write(frames, temporary, schema, folder.run_id)
        _sync(temporary)
        written: int = pl.scan_parquet(temporary).select(pl.len()).collect().item()
        if written != count:
            raise OSError(f"{target.name} holds {written} rows, {count} were recorded")
        temporary.replace(target)
    except pl.exceptions.PolarsError as error:
        raise OSError(str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return written


def _write(frames: Iterator[pl.DataFrame], path: Path, schema: dict[str, Any], run_id: str) -> None:
    """Stream frames into one file, so that memory does not grow with the run."""
    from polars.io.plugins import register_io_source

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for frame in frames:
            part = frame if predicate is None else frame.filter(predicate)
            part = part if with_columns is None else part.select(with_columns)
            yield part if left is None else part.head(left)

    lazy = register_io_source(source, schema=schema)
    lazy.sink_parquet(
        path,
        compression="zstd",
        compression_level=1,
        row_group_size=_ROW_GROUP,
        statistics=_STATISTICS,
        metadata={"maid.run_id": run_id},
    )


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _counts(folder: RunFolder, written: dict[str, int]) -> RowCounts:
    import polars as pl

    outcome = pl.col("outcome").cast(pl.String)
    unsent = [item.word for item in Outcome if not item.is_sent]
    failed = pl.scan_parquet(folder.rows_path()).filter((outcome != "ok") & ~outcome.is_in(unsent)).select(pl.len()).collect().item()
    dropped = pl.scan_parquet(folder.rows_path("iterations")).filter(outcome == "dropped").select(pl.len()).collect().item()
    return RowCounts(
        requests=written["requests"], failed=failed, transactions=written["transactions"], iterations=written["iterations"], dropped=dropped
    )


def metrics_frame(folder: RunFolder) -> pl.DataFrame | None:
    """Return the figures by second as columns, workers' figures as lists by worker; None when there are none."""
    import polars as pl

    series = folder.read_series()
    if not series:
        return None
    flat = []
    for second in series:
        workers = second.pop("workers", [])
        flat.append({**second, **{f"worker_{key}": [worker.get(key) for worker in workers] for key in ("cpu", "loop_lag_ms", "users")}})
    return pl.DataFrame(flat, infer_schema_length=None)


def _write_metrics(folder: RunFolder) -> None:
    frame = metrics_frame(folder)
    if frame is None:
        return
    target = folder.path / "metrics.parquet"
    temporary = target.with_name(f".{target.name}.tmp")
    frame.write_parquet(temporary, compression="zstd")
    temporary.replace(target)
