"""From rows to answers: the spool of a long run into Parquet, its summary, and percentiles by a group nobody thought of before."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import polars as pl

from maid_lab.analysis.summary import summarise
from maid_lab.model.plan import Label, Load, Plan, Segment, Target
from maid_lab.model.rows import FLAG_PHASE_SHIFT, FLAG_REUSED, RECORD_FIELDS, Outcome, Phase
from maid_lab.store.folders import RunFolder
from maid_lab.store.parquet import finalise
from tests.benchmarks.harness import Line, Table, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.harness import Context

__all__ = ["percentiles", "rows_to_parquet", "summary"]

#: Rows of the made-up run; a tenth of it where somebody only wants a look.
ROWS: Final = 10_000_000
LEAST_ROWS_PER_S: Final = 4e6
SUMMARY_LIMIT_S: Final = 1.0
PERCENTILES_LIMIT_S: Final = 0.5

_NAMES: Final = 12
_LENGTH_NS: Final = 600_000_000_000
_RUN: Final = "00000000-0000-7000-8000-00000000bead"
_LABELS: Final = (
    Label(scenario="", transaction="", name="users", kind="users"),
    Label(scenario="browse", transaction="", name="browse", kind="iteration"),
    *(Label(scenario="browse", transaction="", name=f"GET /{n}", kind="http", method="GET", url=f"/{n}") for n in range(_NAMES)),
)


def rows_to_parquet(context: Context) -> Table:
    """Return the table of how fast a spool becomes Parquet files, beside Polars that writes six columns of the same rows."""
    say("Rows to Parquet")
    rows = _rows(context)
    rates, peer = [], []
    target = context.folder / "six.parquet"
    for number in range(context.rounds):
        folder, _ = _made(context.folder / f"rows-{number}", rows)
        took = _timed(partial(finalise, folder))
        rates.append(rows / took)
        frame = pl.read_parquet(folder.rows_path(), columns=["name", "start", "end", "status", "bytes_in", "user"])
        peer.append(len(frame) / _timed(partial(frame.write_parquet, target, compression="zstd", compression_level=1)))
        shutil.rmtree(folder.path.parent.parent)
    rate, six = statistics.median(rates), statistics.median(peer)
    return Table(
        title=f"Rows to Parquet, {rows:,} records of a spool, all columns",
        lines=(
            Line(name="Polars, six columns that are there", value=f"{six / 1e6:.1f} M/s", ratio="1.00"),
            Line(
                name="MAID, from the spool, 29 columns",
                value=f"{rate / 1e6:.1f} M/s",
                ratio=f"{rate / six:.2f}",
                figure=f"≥ {LEAST_ROWS_PER_S / 1e6:g} M rows/s",
                met=rate >= LEAST_ROWS_PER_S,
                values=tuple(rates),
            ),
        ),
    )


def summary(context: Context) -> Table:
    """Return the table of how long the summary of a long run takes, beside DuckDB's percentiles by name of the same file."""
    say("Summary of a long run")
    rows = _rows(context)
    folder, plan = _made(context.folder / "summary", rows)
    finalise(folder)
    requests, iterations = pl.scan_parquet(folder.rows_path()), pl.scan_parquet(folder.rows_path("iterations"))
    mine = _median(context, lambda: summarise(requests, plan=plan, iterations=iterations))
    peer = _median(context, lambda: _by_duckdb(folder.rows_path(), "name"))
    shutil.rmtree(folder.path.parent.parent)
    limit = SUMMARY_LIMIT_S * rows / ROWS
    return Table(
        title=f"Summary of {rows:,} rows",
        lines=(
            Line(name="DuckDB, p50, p95, p99 by name alone", value=f"{peer:.2f} s", ratio="1.00"),
            Line(name="MAID, whole summary", value=f"{mine:.2f} s", ratio=f"{mine / peer:.2f}", figure=f"≤ {limit:g} s", met=mine <= limit),
        ),
    )


def percentiles(context: Context) -> Table:
    """Return the table of how long percentiles by any column take."""
    say("Percentiles by any group")
    rows = _rows(context)
    folder, _ = _made(context.folder / "percentiles", rows)
    finalise(folder)
    limit = PERCENTILES_LIMIT_S * rows / ROWS
    lines = []
    for by in ("name", "status", "start // 1000000000"):
        took = _median(context, partial(_by_duckdb, folder.rows_path(), by))
        lines.append(Line(name=f"p50, p95, p99 by {by}", value=f"{took:.2f} s", figure=f"≤ {limit:g} s", met=took <= limit))
    shutil.rmtree(folder.path.parent.parent)
    return Table(title=f"Percentiles of {rows:,} rows by DuckDB from the run's Parquet file", lines=tuple(lines))


def _rows(context: Context) -> int:
    return ROWS if context.seconds > 1 else ROWS // 10


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _median(context: Context, work: Callable[[], Any]) -> float:
    return statistics.median(_timed(work) for _ in range(context.rounds))


def _by_duckdb(path: Path, by: str) -> list[Any]:
    query = f"select {by}, quantile_cont(\"end\" - start, [0.5, 0.95, 0.99]) from read_parquet(?) where outcome = 'ok' group by all"
    with duckdb.connect() as connection:
        return connection.execute(query, [str(path)]).fetchall()


def _made(home: Path, rows: int) -> tuple[RunFolder, Plan]:
    """Make the folder of a run of two workers whose rows are still in the spool; one row in five is an iteration."""
    segment = Segment(start_s=0, end_s=_LENGTH_NS / 1e9, level_from=100, level_to=100)
    load = Load(name="main", profile="constant-users", model="users", segments=(segment,), order=(0,))
    plan = Plan(
        recipe_id="bench", recipe_version="1.0.0", title="Bench", content_hash="", seed=1, targets=(Target(base_url="http://127.0.0.1:1"),),
        loads=(load,), scenarios=(), labels=_LABELS, duration_s=_LENGTH_NS / 1e9,
    )  # fmt: skip
    folder = RunFolder(home, _RUN).create()
    folder.write_plan(plan)
    for worker in range(2):
        records = _records(rows // 2, worker)
        (folder.path / f"spool-{worker}-0.rows").write_bytes(records.tobytes())
        named = {"kind": "error", "id": 1, "text": "HTTP 500"}
        (folder.path / f"names-{worker}-0.jsonl").write_text(json.dumps(named) + "\n", encoding="utf-8")
    return folder, plan


def _records(count: int, worker: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(worker)
    records = np.zeros(count, dtype=np.dtype(list(RECORD_FIELDS)))
    records["start"] = np.sort(rng.integers(0, _LENGTH_NS, count))
    records["service"] = rng.lognormal(15, 0.7, count).clip(1e5, 4e9)
    records["ttfb"] = records["service"] // 2
    records["blocked"] = rng.integers(0, 50_000, count)
    records["lag"] = records["blocked"] // 1000
    records["user"] = rng.integers(0, 50, count) * 2 + worker
    records["iteration"] = np.arange(count) // 250
    records["bytes_out"], records["bytes_in"] = 120, rng.integers(200, 4000, count)
    records["label"] = rng.integers(2, 2 + _NAMES, count)
    records["status"] = 200
    records["flags"] = FLAG_REUSED | Phase.MAINTAIN << FLAG_PHASE_SHIFT
    bad = rng.random(count) < 0.01
    records["status"][bad], records["error"][bad] = 500, 1
    records["flags"][bad] |= int(Outcome.ERROR_STATUS)
    loops = rng.random(count) < 0.2
    records["label"][loops], records["status"][loops], records["bytes_in"][loops] = 1, -1, 0
    return records
