"""The summary of a run, computed from its rows by a handful of queries, each of which reads only the columns it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.cells import Cell, CellGroup, Samples, cells_of, cells_query, grouped, samples_of, samples_query
from maid_lab.analysis.error_clusters import cluster
from maid_lab.analysis.generator import generator_health, lag_query
from maid_lab.analysis.measured import is_measured, measured_window
from maid_lab.analysis.outcomes import comparable, is_failure, is_sent
from maid_lab.analysis.quantiles import TimeStats
from maid_lab.analysis.recovery import recoveries
from maid_lab.analysis.summary_values import (
    Apdex,
    CodeCount,
    GroupStats,
    LittlesLaw,
    OutcomeCount,
    SectionCount,
    SlowRequest,
    SlowUsers,
    Summary,
    Totals,
)
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, default_latency, response, service, time_named, ttfb
from maid_lab.analysis.trends import trends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from maid_lab.analysis.measured import MeasuredWindow
    from maid_lab.model.plan import Plan

__all__ = ["APDEX_T_MS", "SLOWEST", "SLOW_USER_LIMITS_MS", "Summary", "summarise"]

#: Rows in the list of the slowest requests.
SLOWEST: Final = 20

#: Limits for "users that saw a request slower than", in milliseconds.
SLOW_USER_LIMITS_MS: Final = (100.0, 300.0, 1000.0, 3000.0, 10000.0)

#: T of the Apdex when the caller names none, in milliseconds.
APDEX_T_MS: Final = 500.0

_COLUMNS: Final = {
    "worker": pl.UInt16,
    "user": pl.UInt32,
    "iteration": pl.UInt32,
    "first_byte": pl.Int64,
    "lag": pl.UInt32,
    "error": pl.String,
}


def summarise(
    requests: pl.LazyFrame,
    *,
    plan: Plan,
    transactions: pl.LazyFrame | None = None,
    iterations: pl.LazyFrame | None = None,
    series: Sequence[Mapping[str, Any]] | None = None,
    apdex_t_ms: float = APDEX_T_MS,
) -> Summary:
    """Return the summary of a run.

    Parameters
    ----------
    requests, transactions, iterations : LazyFrame
        Rows as data.md, "The request row", has them, with the column `section`. Dictionary columns may be String, Categorical or Enum.
    plan : Plan
        Gives the warm-up, the planned duration and which time is the latency.
    series : sequence of mapping, optional
        Lines of `series.jsonl`; without them the generator-bound seconds are unknown.
    apdex_t_ms : float
        T of the Apdex, in milliseconds.

    Notes
    -----
    Memory: 16 bytes for each measured request while it runs.
    """
    requests = _completed(comparable(requests))
    iterations, transactions = (None if frame is None else comparable(frame) for frame in (iterations, transactions))
    window = measured_window(requests, plan=plan)
    # One after the other: collected together they were slower and held all columns in memory at once.
    queries = (
        cells_query(requests, plan=plan),
        samples_query(requests, plan=plan, by="name"),
        lag_query(requests, plan=plan),
        _errors_query(requests, plan=plan),
        _slowest_query(requests, plan=plan),
        _users_query(requests, plan=plan),
        _flight_query(requests, plan=plan, window=window),
    )
    tables = [query.collect() for query in queries]
    cells, samples = cells_of(tables[0]), samples_of(tables[1])
    measured = CellGroup(tuple(cell for cell in cells if cell.measured))
    tables_of = _Tables(plan=plan, window=window)
    everything = Samples.joined(samples.values())
    loops = _rows(iterations, plan=plan)
    drops = loops.count(("dropped",)) if loops else 0
    return Summary(
        latency=default_latency(plan),
        measured=window,
        totals=_totals(cells, measured, window=window, dropped=measured.count(("dropped",)) + drops, users=tables[5].height),
        overall=tables_of.row("all requests", measured, everything),
        requests=tables_of.rows(grouped(measured.cells, lambda cell: cell.name), samples),
        transactions=tables_of.of_frame(transactions, by="transaction"),
        scenarios=tables_of.of_frame(iterations, by="scenario"),
        status_codes=_status_codes(measured),
        outcomes=_outcomes(measured, more_dropped=drops),
        errors=cluster(tables[3].iter_rows(named=True)),
        slowest=tuple(SlowRequest(**row) for row in tables[4].iter_rows(named=True)),
        slow_users=_slow_users(tables[5]["slowest_ns"]),
        apdex=_apdex(everything, sent=measured.sent, latency=default_latency(plan), t_ms=apdex_t_ms),
        littles_law=_littles_law(tables[6].row(0, named=True), window=window),
        generator=generator_health(tables[2].row(0, named=True), series, window=window),
        unmeasured=_unmeasured(cells),
        recoveries=recoveries(requests, plan=plan, window=window),
        trends=trends(requests, plan=plan, window=window),
    )


class _Tables:
    """Makes rows of tables that share the plan's latency and the measured window."""

    def __init__(self, *, plan: Plan, window: MeasuredWindow) -> None:
        self._plan = plan
        self._latency = default_latency(plan)
        self._duration_s = window.duration_s

    def rows(self, groups: Mapping[str, CellGroup], samples: Mapping[str, Samples]) -> tuple[GroupStats, ...]:
        return tuple(self.row(name, group, samples.get(name, Samples.joined(()))) for name, group in groups.items())

    def row(self, name: str, group: CellGroup, samples: Samples) -> GroupStats:
        return GroupStats(
            name=name,
            kind=", ".join(group.words("kind")),
            method=", ".join(group.words("method")),
            scenarios=group.words("scenario"),
            count=group.sent,
            failures=group.failures,
            rate=_per_second(group.answered, self._duration_s),
            goodput=_per_second(group.ok, self._duration_s),
            bytes_in=group.bytes_in,
            bytes_out=group.bytes_out,
            latency=self._latency,
            service=TimeStats.of(samples.service),
            response=TimeStats.of(samples.response),
        )

    def of_frame(self, frame: pl.LazyFrame | None, *, by: str) -> tuple[GroupStats, ...]:
        if frame is None:
            return ()
        frame = _keyed(frame, by=by)
        table = cells_query(frame, plan=self._plan).collect()
        samples = samples_query(frame, plan=self._plan, by=by).collect()
        cells = [cell for cell in cells_of(table) if cell.measured]
        return self.rows(grouped(cells, lambda cell: str(getattr(cell, by))), samples_of(samples))


def _keyed(frame: pl.LazyFrame, *, by: str) -> pl.LazyFrame:
    """Fill an empty transaction with the row's name: a label may carry either."""
    if by != "transaction" or "name" not in frame.collect_schema().names():
        return frame
    key, name = pl.col(by).cast(pl.String), pl.col("name").cast(pl.String)
    return frame.with_columns(pl.when(key.fill_null("") == "").then(name).otherwise(key).alias(by))


def _completed(requests: pl.LazyFrame) -> pl.LazyFrame:
    """Add what an older or foreign file may lack, as nulls (`lag` as 0), so that a missing stamp costs one figure and not the summary."""
    present = requests.collect_schema().names()
    missing = {name: kind for name, kind in _COLUMNS.items() if name not in present}
    return requests.with_columns(
        pl.lit(0 if name in ("lag", "worker", "user", "iteration") else None, dtype=kind).alias(name) for name, kind in missing.items()
    )


def _rows(frame: pl.LazyFrame | None, *, plan: Plan) -> CellGroup | None:
    if frame is None:
        return None
    return CellGroup(tuple(cell for cell in cells_of(cells_query(frame, plan=plan).collect()) if cell.measured))


def _errors_query(requests: pl.LazyFrame, *, plan: Plan) -> pl.LazyFrame:
    start_s = pl.col("start") / NS_PER_S
    return (
        requests.filter(is_measured(plan=plan) & is_failure())
        .group_by("outcome", "error", "name", "status")
        .agg(count=pl.len(), first_s=start_s.min(), last_s=start_s.max())
        .with_columns(pl.col("outcome", "error", "name").cast(pl.String), pl.col("status").fill_null(-1))
        .sort("first_s", "name")
    )


def _slowest_query(requests: pl.LazyFrame, *, plan: Plan) -> pl.LazyFrame:
    slow = (
        requests.filter(is_measured(plan=plan) & is_sent())
        .with_columns(latency=time_named("latency", plan=plan))
        .top_k(SLOWEST, by="latency")
    )
    return slow.sort("latency", "start", descending=[True, False]).select(
        start_s=pl.col("start") / NS_PER_S,
        name=pl.col("name").cast(pl.String),
        scenario=pl.col("scenario").cast(pl.String),
        worker="worker",
        user="user",
        iteration="iteration",
        outcome=pl.col("outcome").cast(pl.String),
        status=pl.col("status").fill_null(-1),
        service_ms=service() / NS_PER_MS,
        response_ms=response() / NS_PER_MS,
        ttfb_ms=ttfb() / NS_PER_MS,
        error=pl.col("error").cast(pl.String).fill_null(""),
    )


def _users_query(requests: pl.LazyFrame, *, plan: Plan) -> pl.LazyFrame:
    sent = requests.filter(is_measured(plan=plan) & is_sent())
    return sent.group_by("user").agg(slowest_ns=time_named("latency", plan=plan).max())


def _flight_query(requests: pl.LazyFrame, *, plan: Plan, window: MeasuredWindow) -> pl.LazyFrame:
    begin, end = round(window.start_s * NS_PER_S), round(window.end_s * NS_PER_S)
    sections = pl.col("section") == "scenario"
    open_ns = (pl.min_horizontal("end", pl.lit(end)) - pl.max_horizontal("start", pl.lit(begin))).clip(lower_bound=0)
    measured = is_measured(plan=plan)
    return requests.filter(sections & is_sent()).select(
        open_ns=open_ns.sum(), starts=measured.sum(), service_ns=service().filter(measured).mean()
    )  # fmt: skip


def _totals(cells: Sequence[Cell], measured: CellGroup, *, window: MeasuredWindow, dropped: int, users: int) -> Totals:
    return Totals(
        rows=CellGroup(tuple(cells)).count(),
        requests=measured.count(),
        sent=measured.sent,
        answered=measured.answered,
        ok=measured.ok,
        failures=measured.failures,
        dropped=dropped,
        unsent=measured.count(("unsent",)),
        aborted=measured.count(("aborted",)),
        duration_s=window.duration_s,
        throughput=_per_second(measured.answered, window.duration_s),
        goodput=_per_second(measured.ok, window.duration_s),
        bytes_in=measured.bytes_in,
        bytes_out=measured.bytes_out,
        users=users,
    )


def _status_codes(measured: CellGroup) -> tuple[CodeCount, ...]:
    found: dict[tuple[int, str], int] = {}
    for cell in measured.cells:
        found[cell.status, cell.kind] = found.get((cell.status, cell.kind), 0) + cell.count
    total = measured.count()
    return tuple(
        CodeCount(status=status, kind=kind, count=found[status, kind], share=found[status, kind] / total) for status, kind in sorted(found)
    )


def _outcomes(measured: CellGroup, *, more_dropped: int) -> tuple[OutcomeCount, ...]:
    found = {"dropped": more_dropped} if more_dropped else {}
    for cell in measured.cells:
        found[cell.outcome] = found.get(cell.outcome, 0) + cell.count
    total = sum(found.values())
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(OutcomeCount(outcome=outcome, count=count, share=count / total) for outcome, count in ordered)


def _slow_users(slowest_ns: pl.Series) -> tuple[SlowUsers, ...]:
    values = slowest_ns.drop_nulls().to_numpy()
    counts = {limit: int((values > limit * NS_PER_MS).sum()) for limit in SLOW_USER_LIMITS_MS}
    return tuple(
        SlowUsers(limit_ms=limit, users=count, share=count / len(values) if len(values) else 0.0) for limit, count in counts.items()
    )


def _apdex(samples: Samples, *, sent: int, latency: str, t_ms: float) -> Apdex:
    values = samples.response if latency == "response" else samples.service
    satisfied = int(np.count_nonzero(values <= t_ms * NS_PER_MS))
    tolerating = int(np.count_nonzero(values <= 4 * t_ms * NS_PER_MS)) - satisfied
    score = (satisfied + tolerating / 2) / sent if sent else None
    return Apdex(t_ms=t_ms, satisfied=satisfied, tolerating=tolerating, frustrated=sent - satisfied - tolerating, score=score)


def _littles_law(flight: Mapping[str, Any], *, window: MeasuredWindow) -> LittlesLaw:
    observed = _per_second((flight["open_ns"] or 0) / NS_PER_S, window.duration_s)
    predicted = _per_second((flight["starts"] or 0) * (flight["service_ns"] or 0) / NS_PER_S, window.duration_s)
    return LittlesLaw(in_flight=observed, predicted=predicted, deviation=observed / predicted - 1 if predicted else None)


def _unmeasured(cells: Iterable[Cell]) -> tuple[SectionCount, ...]:
    groups = grouped(
        (cell for cell in cells if not cell.measured), lambda cell: "warm-up" if cell.section == "scenario" else cell.section or "unknown"
    )
    return tuple(SectionCount(section=section, count=group.count(), failures=group.failures) for section, group in groups.items())


def _per_second(amount: float, duration_s: float) -> float:
    return amount / duration_s if duration_s > 0 else 0.0
