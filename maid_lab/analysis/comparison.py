"""A run against a baseline: signed differences, their intervals, and whether it became better or worse.

A delta is better or worse when two things hold: its simultaneous interval excludes zero, and it is at least 5 % of the baseline (0.1 percentage
points for shares of errors). Otherwise it is the same, as far as these runs can tell: the 95 % interval says what they could have told.
Simultaneous means that each of k judged deltas has an interval of confidence 1 − 0.05 / k (Bonferroni), so that two equal runs with many
request names are called different at most once in twenty times. The least change is there because two runs on real machines are never
quite equal, and nobody acts on one per cent. Times that changed by less than the median lateness of the generator are the same too: what it
cannot keep it cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from maid_lab.analysis.comparison_values import METRICS, VERDICTS, ComparedRow, Comparison, Delta
from maid_lab.analysis.intervals import Spread, mean_spread, newcombe, quantile_spread, rate_spread
from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import comparable, is_answered, is_ok, is_sent
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, time_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from maid_lab.model.plan import Plan

__all__ = ["LEAST_CHANGE", "LEAST_ERRORS", "Side", "compare"]

_ALPHA: Final = 0.05
#: Changes below these are never called better or worse: a share of the baseline, and for `error_rate` a difference of shares.
LEAST_CHANGE: Final = 0.05
LEAST_ERRORS: Final = 0.001

_QUANTILES: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
#: Table in words → key in the summary, and the column that holds the name.
_TABLES: Final = {"request": ("requests", "name"), "transaction": ("transactions", "transaction"), "scenario": ("scenarios", "scenario")}
_ALL: Final = ("all", "all requests")

Key = tuple[str, str]
Spreads = dict[str, Spread]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs.

    Attributes
    ----------
    label : str
        What it is called.
    summary : mapping
        Its summary as JSON data.
    plan : Plan or None
        Its plan; None when only a report is there.
    frames : mapping
        Its rows by table (`request`, `transaction`, `scenario`); empty when only a report is there.
    generator_bound : bool
        Whether the generator was the limit.
    """

    label: str
    summary: Mapping[str, Any]
    plan: Plan | None = None
    frames: Mapping[str, pl.LazyFrame] = field(default_factory=dict)
    generator_bound: bool = False


def compare(baseline: Side, candidate: Side) -> Comparison:
    """Return what changed from the baseline to the candidate, for all requests and each request name, transaction and scenario."""
    times = {side.summary["latency"] for side in (baseline, candidate)}
    latency = times.pop() if len(times) == 1 else "service"
    has_rows = bool(baseline.frames) and bool(candidate.frames)
    spreads = _spreads(baseline, candidate, latency) if has_rows else {}
    lag_ms = max(float(side.summary.get("generator", {}).get("lag_p50_ms") or 0.0) for side in (baseline, candidate))
    tables = [dict(_lines(side.summary)) for side in (baseline, candidate)]
    keys = [*tables[1], *(key for key in tables[0] if key not in tables[1])]
    lines = {key: _Line(tables[0].get(key), tables[1].get(key), spreads.get(key, {}), latency, has_rows, lag_ms) for key in keys}
    judged = sum(line.is_judged(metric) for line in lines.values() for metric in METRICS)
    rows = tuple(_row(key, line, judged=judged) for key, line in lines.items())
    return Comparison(
        baseline=baseline.label,
        candidate=candidate.label,
        latency=latency,
        intervals=has_rows,
        verdict=_heaviest(row.verdict for row in rows),
        judged=judged,
        notes=_notes(baseline, candidate, has_rows=has_rows, mixed=bool(times)),
        rows=rows,
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """One name: its lines of both summaries, None where a run has none, and the spreads of its differences."""

    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    spreads: Spreads
    latency: str
    has_rows: bool
    lag_ms: float

    def values(self, metric: str) -> tuple[float | None, float | None]:
        return self._value(self.before, metric), self._value(self.after, metric)

    def is_judged(self, metric: str) -> bool:
        return (
            None not in self.values(metric)
            and METRICS[metric][0] != 0
            and (metric in self.spreads or (metric == "error_rate" and self.has_rows))
        )

    def interval(self, metric: str, delta: float, *, alpha: float) -> tuple[float, float]:
        if metric in self.spreads:
            return self.spreads[metric].around(delta, alpha=alpha)
        one, other = ((int(row["failures"]), int(row["count"])) for row in (self.before, self.after) if row is not None)
        return newcombe(one, other, alpha=alpha)

    def _value(self, row: Mapping[str, Any] | None, metric: str) -> float | None:
        if row is None:
            return None
        found = row[self.latency].get(metric) if metric.endswith("_ms") else row.get(metric)
        return None if found is None else float(found)


def _lines(summary: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    yield _ALL, summary["overall"]
    for table, (key, _) in _TABLES.items():
        for row in summary.get(key) or ():
            yield (table, row["name"]), row


def _row(key: Key, line: _Line, *, judged: int) -> ComparedRow:
    deltas = tuple(_delta(metric, line, judged=judged) for metric in METRICS)
    note = "only in the baseline" if line.after is None else "not in the baseline" if line.before is None else ""
    verdict = _heaviest(delta.verdict for delta in deltas)
    if verdict == "same" and {delta.metric for delta in deltas if delta.verdict} == {"error_rate"}:
        # Of times and rate nothing is known: that as few fail as before does not make it the same.
        verdict = ""
    return ComparedRow(table=key[0], name=key[1], deltas=deltas, verdict=verdict, note=note)


def _delta(metric: str, line: _Line, *, judged: int) -> Delta:
    before, after = line.values(metric)
    if before is None or after is None:
        return Delta(metric=metric, baseline=before, candidate=after, reason="too few samples" if line.before and line.after else "")
    delta = after - before
    known = Delta(metric=metric, baseline=before, candidate=after, delta=delta, change=delta / before if before else None)
    if not METRICS[metric][0]:
        return known
    if not line.is_judged(metric):
        return replace(known, reason="too few samples" if line.has_rows else "no rows")
    low, high = line.interval(metric, delta, alpha=_ALPHA)
    sure = line.interval(metric, delta, alpha=_ALPHA / judged)
    enough = LEAST_ERRORS if metric == "error_rate" else max(LEAST_CHANGE * before, line.lag_ms if metric.endswith("_ms") else 0.0)
    if abs(delta) < enough or delta == 0 or sure[0] <= 0 <= sure[1]:
        return replace(known, low=low, high=high, verdict="same")
    return replace(known, low=low, high=high, verdict="better" if delta * METRICS[metric][0] > 0 else "worse")


def _heaviest(verdicts: Iterator[str]) -> str:
    return min(verdicts, key=VERDICTS.index, default="")


def _spreads(baseline: Side, candidate: Side, latency: str) -> dict[Key, Spreads]:
    one, other = (_samples(side, latency) for side in (baseline, candidate))
    spans = _span(baseline), _span(candidate)
    return {key: _spreads_of(one[key], other[key], spans) for key in one.keys() & other.keys()}


def _span(side: Side) -> tuple[float, float]:
    return float(side.summary["measured"]["start_s"]), float(side.summary["measured"]["end_s"])


def _samples(side: Side, latency: str) -> dict[Key, pl.DataFrame]:
    """Return the rows of each name in order of time."""
    found: dict[Key, pl.DataFrame] = {}
    for table, frame in side.frames.items():
        rows = _rows(frame, side, by=_TABLES[table][1], latency=latency)
        found |= {(table, str(name)): part for (name,), part in rows.partition_by("key", as_dict=True).items()}
        if table == "request":
            found[_ALL] = rows
    return found


def _rows(frame: pl.LazyFrame, side: Side, *, by: str, latency: str) -> pl.DataFrame:
    """Return key, start (ns), `took` of good rows (ns) and whether the row was answered, in order of time."""
    assert side.plan is not None
    key, name = pl.col(by).cast(pl.String).fill_null(""), pl.col("name").cast(pl.String)
    return (
        comparable(frame)
        .filter(is_measured(plan=side.plan) & is_sent())
        .select(
            "start",
            key=pl.when(key == "").then(name).otherwise(key) if by == "transaction" else key,
            took=pl.when(is_ok()).then(time_named(latency, plan=side.plan)),
            answered=is_answered(),
        )
        .sort("start")
        .collect()
    )


def _spreads_of(baseline: pl.DataFrame, candidate: pl.DataFrame, spans: tuple[tuple[float, float], tuple[float, float]]) -> Spreads:
    took = [rows["took"].drop_nulls().to_numpy() / NS_PER_MS for rows in (baseline, candidate)]
    starts = [rows.filter("answered")["start"].to_numpy() / NS_PER_S for rows in (baseline, candidate)]
    found = {metric: quantile_spread(took[0], took[1], quantile) for metric, quantile in _QUANTILES.items()}
    found |= {"avg_ms": mean_spread(took[0], took[1]), "rate": rate_spread(starts[0], starts[1], spans=spans)}
    return {metric: spread for metric, spread in found.items() if spread is not None}


def _notes(baseline: Side, candidate: Side, *, has_rows: bool, mixed: bool) -> tuple[str, ...]:
    found = []
    if not has_rows:
        without = " and ".join(name for name, side in (("baseline", baseline), ("candidate", candidate)) if not side.frames)
        found.append(f"Of the {without} only a summary is there, no rows: the deltas have no intervals and no verdicts.")
    if mixed:
        found.append("One run has an open load, the other none: service times are compared.")
    for name, side in (("baseline", baseline), ("candidate", candidate)):
        if side.generator_bound:
            found.append(f"In the {name} the generator was the limit: its times and rates say little about the target.")
    if baseline.plan and candidate.plan and _kernel(baseline.plan) != _kernel(candidate.plan):
        found.append("The recipes, their parameters or their loads differ: part of a change may come from that.")
    return tuple(found)


def _kernel(plan: Plan) -> object:
    """Return what two runs of the same test share, whatever their seeds."""
    return plan.content_hash, plan.parameters, [(load.name, load.profile, load.segments, load.iterations) for load in plan.loads]
