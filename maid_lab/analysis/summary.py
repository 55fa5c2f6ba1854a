"""The summary of a run, computed from its rows in one pass over each of its files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.cells import Cell, CellGroup, CellTally, Samples, SampleTally, grouped
from maid_lab.analysis.error_clusters import cluster
from maid_lab.analysis.generator import generator_health, lag_figures
from maid_lab.analysis.measured import window_to
from maid_lab.analysis.outcomes import comparable
from maid_lab.analysis.quantiles import TimeStats
from maid_lab.analysis.recovery import recoveries
from maid_lab.analysis.scan import scan
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
from maid_lab.analysis.tallies import ErrorTally, FlightTally, LagTally, SlowestTally, UserTally, WindowTally
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, default_latency, response, service, ttfb
from maid_lab.analysis.trends import trends
from maid_lab.model.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

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
_NO_SAMPLES: Final = Samples(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


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
    Memory: 20 bytes for each measured request while it runs, for percentiles are exact.
    """
    requests = _completed(comparable(requests))
    iterations, transactions = (None if frame is None else comparable(frame) for frame in (iterations, transactions))
    cells, samples = CellTally(plan, requests.collect_schema().names()), SampleTally(plan, "name")
    ends, lag, errors = WindowTally(plan), LagTally(plan), ErrorTally(plan)
    slowest, users = SlowestTally(plan, SLOWEST), UserTally(plan)
    planned = window_to(0, round(plan.duration_s * NS_PER_S), plan=plan)
    flight = FlightTally(plan, begin_ns=round(planned.start_s * NS_PER_S), end_ns=round(planned.end_s * NS_PER_S))
    scan(requests, (cells, samples, ends, lag, errors, slowest, users, flight))
    window = ends.window
    measured = CellGroup(tuple(cell for cell in cells.cells if cell.measured))
    slowest_ns = users.slowest_ns
    everything, by_name = samples.samples()
    tables = _Tables(plan=plan, window=window)
    by_scenario, loops = tables.of_frame(iterations, by="scenario")
    by_transaction, _ = tables.of_frame(transactions, by="transaction")
    drops = loops.count(("dropped",))
    # Not at once: all of them and those of a name are the same memory, which is put into order.
    by_request = tables.rows(_joined(grouped(measured.cells, lambda cell: cell.name), by_name))
    (overall,) = tables.rows([("all requests", measured, everything)])
    return Summary(
        latency=default_latency(plan),
        measured=window,
        totals=_totals(cells.cells, measured, window=window, dropped=measured.count(("dropped",)) + drops, users=len(slowest_ns)),
        overall=overall,
        requests=by_request,
        transactions=by_transaction,
        scenarios=by_scenario,
        status_codes=_status_codes(measured),
        outcomes=_outcomes(measured, more_dropped=drops),
        errors=cluster(errors.rows),
        slowest=_slowest(slowest.rows),
        slow_users=_slow_users(slowest_ns[slowest_ns >= 0]),
        apdex=_apdex(everything, sent=measured.sent, latency=default_latency(plan), t_ms=apdex_t_ms),
        littles_law=_littles_law(flight.figures if window == planned else _flight(requests, plan=plan, window=window), window=window),
        generator=generator_health(lag_figures(lag.lag_us), series, window=window),
        unmeasured=_unmeasured(cells.cells),
        recoveries=recoveries(requests, plan=plan, window=window),
        trends=trends(requests, plan=plan, window=window),
    )


class _Tables:
    """Makes rows of tables that share the plan's latency and the measured window."""

    def __init__(self, *, plan: Plan, window: MeasuredWindow) -> None:
        self._plan = plan
        self._latency = default_latency(plan)
        self._duration_s = window.duration_s

    def rows(self, groups: Iterable[tuple[str, CellGroup, Samples]]) -> tuple[GroupStats, ...]:
        """Return a row for each group of cells and samples; puts the samples into another order."""
        groups = list(groups)
        times = list(
            ahead(partial(TimeStats.of, in_place=True), (found for *_, samples in groups for found in (samples.service, samples.response)))
        )
        return tuple(self._row(name, group, *times[2 * at : 2 * at + 2]) for at, (name, group, _) in enumerate(groups))

    def _row(self, name: str, group: CellGroup, service_times: TimeStats, response_times: TimeStats) -> GroupStats:
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
            service=service_times,
            response=response_times,
        )

    def of_frame(self, frame: pl.LazyFrame | None, *, by: str) -> tuple[tuple[GroupStats, ...], CellGroup]:
        """Return the rows of another kind by one of their columns, and all their measured cells."""
        if frame is None:
            return (), CellGroup()
        frame = _keyed(frame, by=by)
        cells, samples = CellTally(self._plan, frame.collect_schema().names()), SampleTally(self._plan, by)
        scan(frame, (cells, samples))
        measured = CellGroup(tuple(cell for cell in cells.cells if cell.measured))
        return self.rows(_joined(grouped(measured.cells, lambda cell: str(getattr(cell, by))), samples.samples()[1])), measured


def _joined(groups: Mapping[str, CellGroup], samples: Mapping[str, Samples]) -> list[tuple[str, CellGroup, Samples]]:
    return [(name, group, samples.get(name, _NO_SAMPLES)) for name, group in groups.items()]


def _keyed(frame: pl.LazyFrame, *, by: str) -> pl.LazyFrame:
    """Fill an empty transaction with the row's name: a label may carry either."""
    schema = frame.collect_schema()
    if by != "transaction" or "name" not in schema:
        return frame
    kind: Any = pl.String
    if isinstance(words := schema[by], pl.Enum) and isinstance(names := schema["name"], pl.Enum):
        # From dictionary to dictionary only numbers are changed.
        kind = pl.Enum(list(dict.fromkeys(["", *words.categories, *names.categories])))
    key, name = pl.col(by).cast(kind), pl.col("name").cast(kind)
    return frame.with_columns(pl.when(key.is_null() | (key == "")).then(name).otherwise(key).alias(by))


def _completed(requests: pl.LazyFrame) -> pl.LazyFrame:
    """Add what an older or foreign file may lack, as nulls (`lag` as 0), so that a missing stamp costs one figure and not the summary."""
    present = requests.collect_schema().names()
    missing = {name: kind for name, kind in _COLUMNS.items() if name not in present}
    return requests.with_columns(
        pl.lit(0 if name in ("lag", "worker", "user", "iteration") else None, dtype=kind).alias(name) for name, kind in missing.items()
    )


def _slowest(rows: pl.DataFrame) -> tuple[SlowRequest, ...]:
    if not len(rows):
        return ()
    found = rows.select(
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
    return tuple(SlowRequest(**row) for row in found.iter_rows(named=True))


def _flight(requests: pl.LazyFrame, *, plan: Plan, window: MeasuredWindow) -> Mapping[str, Any]:
    """Return the figures of flight of a run that ended at another moment than planned, which its rows had to tell first."""
    flight = FlightTally(plan, begin_ns=round(window.start_s * NS_PER_S), end_ns=round(window.end_s * NS_PER_S))
    scan(requests, (flight,))
    return flight.figures


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


def _slow_users(values: NDArray[Any]) -> tuple[SlowUsers, ...]:
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
