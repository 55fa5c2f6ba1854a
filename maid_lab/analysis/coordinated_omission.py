"""Coordinated omission as Goose sees it: loops far longer than their user's cadence, and the samples that are missing because of them.

A stalled target slows a closed generator, so the stall is sampled too seldom. Service time and response time from the intended start are in
every summary and need none of this; the view is for those who compare with Goose, and for closed loads, which have no intended start.

The duration of a loop is the time in which at least one of its requests was open, so that all waits are subtracted. The cadence of a user in
a scenario is the average, minimum or maximum duration of its earlier loops, known once there are more than three. A loop longer than twice
the cadence is an event. In a loop of duration b at cadence c the loops that would have begun at c, 2c, … are missing; the k-th would have
taken b − kc, and is filled in while that is at least c. It is the stalled loop shrunk to that length: each good request and transaction
of it once, its duration multiplied by (b − kc) / b. For loops of one request these are the values of HdrHistogram's
`recordValueWithExpectedInterval` and of Goose.

Two things differ from Goose. The loop that is judged is not part of its own cadence; in Goose it is, by which `maximum` finds nothing.
And Goose gives b − kc to every request of the loop, which counts the stall once for each of them.

References
----------
Tene, G. (2013). How NOT to Measure Latency. HdrHistogram, `AbstractHistogram.recordValueWithExpectedInterval`.
Goose, `GooseUser.update_request_cadence`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
import polars as pl

from maid_lab.analysis.coordinated_omission_values import SEVERITIES, CoEvent, CoEvents, CoordinatedOmission, CoStats, severity_of
from maid_lab.analysis.measured import is_measured, measured_window
from maid_lab.analysis.outcomes import comparable, is_ok, is_sent
from maid_lab.analysis.quantiles import TimeStats
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, service
from maid_lab.model.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maid_lab.model.plan import Plan

__all__ = ["MAX_SYNTHETIC", "MODES", "Mode", "coordinated_omission", "events_of", "loops_of", "synthetic_rows"]

Mode = Literal["average", "minimum", "maximum"]
MODES: Final[tuple[str, ...]] = get_args(Mode)

#: Rows of a view beyond which none are filled in: a loop of a minute at a cadence of a millisecond misses sixty thousand others.
MAX_SYNTHETIC: Final = 5_000_000

_KEYS: Final = ("worker", "user", "scenario", "iteration")
_USER: Final = list(_KEYS[:3])
#: A cadence counts once there are more loops than these.
_LEARNED: Final = 3
_USERS_SHOWN: Final = 100
_WORST_SHOWN: Final = 20
_NS_PER_MINUTE: Final = 60 * NS_PER_S


def loops_of(iterations: pl.LazyFrame, requests: pl.LazyFrame) -> pl.DataFrame:
    """Return one row for each loop with a request: `worker`, `user`, `scenario`, `iteration`, `start`, and `busy`, its duration without waits.

    Parameters
    ----------
    iterations, requests : LazyFrame
        Rows of the run; those of other sections than `scenario`, dropped, unsent and aborted ones are left out.

    Notes
    -----
    Times in nanoseconds. `busy` is the length of the union of the requests' spans: those of branches that run side by side count once.
    """
    sent = (pl.col("section") == "scenario") & is_sent()
    spans = _keyed(comparable(requests).filter(sent)).select(*_KEYS, "start", "end").drop_nulls().sort(*_USER, "iteration", "start")
    begin = pl.max_horizontal("start", pl.col("end").cum_max().shift(1).over(*_KEYS))
    busy = spans.with_columns(busy=(pl.col("end") - begin).clip(lower_bound=0)).group_by(*_KEYS).agg(pl.col("busy").sum())
    loops = _keyed(comparable(iterations).filter(sent)).select(*_KEYS, "start").unique(_KEYS, keep="first")
    return loops.join(busy, on=_KEYS).sort(*_USER, "start").collect()


def events_of(loops: pl.DataFrame, mode: str) -> pl.DataFrame:
    """Return the loops with `cadence` (ns; null before it is known), `multiple` and `missing`, the loops that were not made (0: no event).

    Raises
    ------
    InvalidInput
        If `mode` is not one of `MODES`.
    """
    if mode not in MODES:
        raise InvalidInput(f"there is no cadence {mode!r}.", hint=f"Use one of {', '.join(MODES)}.")
    busy, place = pl.col("busy"), pl.int_range(pl.len()).over(_USER)
    before = {
        "average": (busy.cum_sum().over(_USER) - busy) / place,
        "minimum": busy.cum_min().shift(1).over(_USER),
        "maximum": busy.cum_max().shift(1).over(_USER),
    }[mode]
    # The largest k with b − kc ≥ c is ⌊b / c⌋ − 1.
    return (
        loops.with_columns(cadence=pl.when((place > _LEARNED) & (before > 0)).then(before.cast(pl.Float64)))
        .with_columns(multiple=busy / pl.col("cadence"))
        .with_columns(missing=pl.when(pl.col("multiple") > 2).then(pl.col("multiple").floor() - 1).otherwise(0).fill_null(0).cast(pl.Int64))
    )


def synthetic_rows(rows: pl.LazyFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that are missing because of events, flagged as `synthetic`.

    Parameters
    ----------
    rows : LazyFrame
        Request or transaction rows; only good ones stand for others.
    events : DataFrame
        From `events_of`; loops without an event are passed over.

    Returns
    -------
    DataFrame
        `worker`, `user`, `scenario`, `iteration` of the stalled loop, `name`, `transaction`, `start`, `end` (ns) and `synthetic`.
    """
    hit = events.filter(pl.col("missing") > 0).select(*_KEYS, "busy", "cadence", "missing", loop_start="start").lazy()
    stalled = _good(rows).select(*_KEYS, "name", "transaction", "start", "end").join(hit, on=_KEYS)
    number = pl.int_ranges(1, pl.col("missing") + 1).alias("number")
    shrunk = 1 - pl.col("number") * pl.col("cadence") / pl.col("busy")
    start = pl.col("loop_start") + pl.col("number") * pl.col("cadence") + (pl.col("start") - pl.col("loop_start")) * shrunk
    return (
        stalled.with_columns(number)
        .explode("number")
        .with_columns(start=start.round().cast(pl.Int64), took=(service() * shrunk).round().cast(pl.Int64))
        .select(*_KEYS, "name", "transaction", "start", end=pl.col("start") + pl.col("took"), synthetic=pl.lit(value=True))
        .collect()
    )


def coordinated_omission(
    requests: pl.LazyFrame,
    iterations: pl.LazyFrame,
    *,
    plan: Plan,
    mode: str = "average",
    transactions: pl.LazyFrame | None = None,
    most: int = MAX_SYNTHETIC,
) -> CoordinatedOmission:
    """Return the view on coordinated omission of a run; nothing of it is stored with the rows.

    Parameters
    ----------
    requests, iterations, transactions : LazyFrame
        Rows of the run.
    plan : Plan
        Says what is measured. The warm-up teaches cadences, its own events are not counted.
    mode : str
        One of `MODES`.
    most : int
        Rows beyond which none are filled in.

    Raises
    ------
    InvalidInput
        If there is no such mode.
    """
    loops = events_of(loops_of(iterations, requests), mode)
    measured = loops.with_columns(section=pl.lit("scenario")).filter(is_measured(plan=plan))
    hit = measured.filter(pl.col("missing") > 0)
    wanted = sum(_missing_rows(rows, hit) for rows in (requests, transactions) if rows is not None)
    fillers = hit.clear() if wanted > most else hit
    by_name = _stats(requests, fillers, plan=plan, by="name")
    minutes = measured_window(requests, plan=plan).duration_s / 60
    severities = [severity_of(multiple) for multiple in hit["multiple"]]
    return CoordinatedOmission(
        mode=mode,
        loops=measured.height,
        judged=measured["cadence"].count(),
        events=hit.height,
        per_minute=hit.height / minutes if minutes else 0.0,
        severities={name: severities.count(name) for name in SEVERITIES},
        actual=by_name[0].actual,
        synthetic=by_name[0].synthetic,
        refused=f"{wanted:,} rows would have to be filled in, more than {most:,}" if wanted > most else "",
        warnings=_warnings(plan),
        users_hit=hit.select("worker", "user").n_unique(),
        users=_grouped(hit, pl.format("user {}", "user"))[:_USERS_SHOWN],
        scenarios=_grouped(hit, pl.col("scenario")),
        minutes=tuple(sorted(_grouped(hit, pl.format("{}", pl.col("start") // _NS_PER_MINUTE)), key=lambda item: int(item.name))),
        worst=_worst(hit),
        overall=by_name[0],
        requests=by_name[1:],
        transactions=() if transactions is None else _stats(transactions, fillers, plan=plan, by="transaction")[1:],
    )


def _keyed(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Make the keys of two files comparable: each has dictionaries of its own."""
    return rows.with_columns(pl.col("scenario").cast(pl.String))


def _good(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the good rows of scenarios with texts for names; an empty transaction has the row's name, for a label may carry either."""
    transaction, name = (pl.col(column).cast(pl.String).fill_null("") for column in ("transaction", "name"))
    good = _keyed(comparable(rows).filter((pl.col("section") == "scenario") & is_ok()))
    return good.with_columns(name=name, transaction=pl.when(transaction == "").then(name).otherwise(transaction))


def _missing_rows(rows: pl.LazyFrame, hit: pl.DataFrame) -> int:
    """Return how many rows `synthetic_rows` would make."""
    return int(
        _good(rows).select(_KEYS).join(hit.lazy().select(*_KEYS, "missing"), on=_KEYS).select(pl.col("missing").sum()).collect().item()
    )


def _stats(rows: pl.LazyFrame, hit: pl.DataFrame, *, plan: Plan, by: str) -> tuple[CoStats, ...]:
    """Return the times over all names, then by name."""
    # In a fixed order, for joins have none and sums of floats depend on theirs: the same run has the same figures each time.
    made = synthetic_rows(rows, hit).select(pl.col(by), took=service()).sort("took")
    real = _good(rows).filter(is_measured(plan=plan)).select(pl.col(by), took=service()).drop_nulls().collect()
    times = [
        {str(name): part["took"].to_numpy() for (name,), part in frame.partition_by(by, as_dict=True).items()} for frame in (real, made)
    ]
    names = sorted({*times[0], *times[1]})
    none = np.zeros(0, np.int64)
    return (
        _row("all requests", real["took"].to_numpy(), made["took"].to_numpy()),
        *(_row(name, times[0].get(name, none), times[1].get(name, none)) for name in names),
    )


def _row(name: str, real: NDArray[np.int64], made: NDArray[np.int64]) -> CoStats:
    filled = TimeStats.of(np.concatenate([real, made]))
    return CoStats(name=name, actual=len(real), synthetic=len(made), measured=TimeStats.of(real), filled=filled)


def _grouped(hit: pl.DataFrame, name: pl.Expr) -> tuple[CoEvents, ...]:
    table = hit.group_by(name=name).agg(events=pl.len(), missing=pl.col("missing").sum()).sort("events", "name", descending=[True, False])
    return tuple(CoEvents(**row) for row in table.iter_rows(named=True))


def _worst(hit: pl.DataFrame) -> tuple[CoEvent, ...]:
    found = hit.sort("multiple", "start", descending=[True, False]).head(_WORST_SHOWN)
    return tuple(
        CoEvent(
            start_s=row["start"] / NS_PER_S,
            user=row["user"],
            scenario=row["scenario"],
            loop_ms=row["busy"] / NS_PER_MS,
            cadence_ms=row["cadence"] / NS_PER_MS,
            multiple=row["multiple"],
            severity=severity_of(row["multiple"]),
            missing=row["missing"],
        )
        for row in found.iter_rows(named=True)
    )


def _warnings(plan: Plan) -> tuple[str, ...]:
    found = []
    if any(scenario.scheduler == "random" for scenario in plan.scenarios) or any(load.random_each_loop for load in plan.loads):
        found.append("The scheduler is random: loops differ by what they draw, so a long one need not be a stall.")
    if plan.is_open:
        found.append(
            "A load is of the open model, which omits nothing: its response times hold the stalls already, from the intended start."
        )
    return tuple(found)
