"""What a search for capacity found: the level that held, and each probe with figures from its own rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from maid_lab.analysis.outcomes import is_failure, is_ok, is_sent
from maid_lab.analysis.quantiles import quantiles, required_samples
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, time_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from maid_lab.model.plan import Plan

__all__ = ["Capacity", "Probe", "capacity_of"]

_POINTS: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One stretch of the run at one level.

    `judged` is pass, fail or unknown by the live counts, which have an error of below 0.4 %; the times are exact, from the rows that
    started between `from_s` and `to_s`, null for too few samples.
    """

    number: int
    level: float
    from_s: float
    to_s: float
    judged: str
    generator_bound: bool
    requests: int
    rate: float
    error_rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Result of a search.

    `level` in `unit` (`users` or `starts/s`) is the highest that held, None when none did; `next_bad` the lowest above it that did not.
    `reason` says why the search ended, `limited_by_generator` whether a probe that failed was the generator's own limit.
    """

    level: float | None
    unit: str
    next_bad: float | None
    reason: str
    limited_by_generator: bool
    objectives: tuple[str, ...]
    probes: tuple[Probe, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


def capacity_of(requests: pl.LazyFrame, log: Iterable[Mapping[str, Any]], *, plan: Plan) -> Capacity | None:
    """Return what a search found, None for a plan without one.

    Parameters
    ----------
    requests : LazyFrame
        Rows of the run.
    log : iterable of mapping
        Entries of its log; those with `event` `probe` are the probes.
    """
    load = next((load for load in plan.loads if load.search is not None), None)
    if load is None or load.search is None:
        return None
    events = [entry for entry in log if entry.get("event") in ("probe", "capacity")]
    probes = tuple(_probe(entry, requests, plan) for entry in events if entry["event"] == "probe")
    best = next((entry["best"] for entry in events if entry["event"] == "capacity"), None)
    reason = next((str(entry["reason"]) for entry in events if entry["event"] == "capacity"), "the run ended before the search did")
    level = best["level"] if best else max((probe.level for probe in probes if probe.judged == "pass"), default=None)
    bad = [probe for probe in probes if probe.judged != "pass" and (level is None or probe.level > level)]
    return Capacity(
        level=level,
        unit="users" if load.search.whole else "starts/s",
        next_bad=min((probe.level for probe in bad), default=None),
        reason=reason,
        limited_by_generator=any(probe.generator_bound for probe in bad),
        objectives=load.search.slo,
        probes=probes,
    )


def _probe(entry: Mapping[str, Any], requests: pl.LazyFrame, plan: Plan) -> Probe:
    begin, end = (round(entry[key] * NS_PER_S) for key in ("from_s", "to_s"))
    inside = requests.filter((pl.col("section") == "scenario") & (pl.col("start") >= begin) & (pl.col("start") < end) & is_sent())
    counted = inside.select(requests=pl.len(), failures=is_failure().sum()).collect().row(0, named=True)
    times = inside.filter(is_ok()).select(time_named("latency", plan=plan).alias("latency")).collect()["latency"].to_numpy()
    figures: dict[str, Any] = {
        key: quantiles(times, [point])[0] / NS_PER_MS if len(times) >= required_samples(point) else None for key, point in _POINTS.items()
    }
    sent, span_s = int(counted["requests"]), max(entry["to_s"] - entry["from_s"], 1e-9)
    known: dict[str, Any] = {key: entry[key] for key in ("number", "level", "from_s", "to_s", "judged", "generator_bound")}
    return Probe(**known, requests=sent, rate=sent / span_s, error_rate=int(counted["failures"] or 0) / sent if sent else 0.0, **figures)
