"""Answers that are computed from the rows of a run, as JSON data with units in their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput
from maid_lab.services.results.sources import named

if TYPE_CHECKING:
    import polars as pl

    from maid_lab.services.results.sources import RunSource

__all__ = ["MAX_POINTS", "MAX_SLOWEST", "distribution_of", "errors_of", "slowest_of", "summary_of", "timeline_of"]

#: Most points of a timeline.
MAX_POINTS: Final = 600
#: Most rows of the slowest requests.
MAX_SLOWEST: Final = 500

_POINT: Final = {"second": "start_s", "rate": "rate_per_s", "goodput": "goodput_per_s", "warmup": "is_warmup"}


def summary_of(source: RunSource) -> dict[str, Any]:
    """Return the summary, of a finished run from its record, of one under way from its rows; null for a run without any."""
    plan, record = source.plan, source.record
    begin = {**source.told(plan), "verdict": record.verdict, "reason": record.reason, "generator_bound": record.generator_bound}
    if source.is_final:
        return {**begin, "summary": record.metrics_json or None}
    from maid_lab.services.reports.content import gather
    from maid_lab.services.reports.run_files import RunFiles

    files = RunFiles(
        requests=source.rows(),
        transactions=source.rows("transactions"),
        iterations=source.rows("iterations"),
        events=source.rows("events"),
        series=tuple(source.folder.read_series()),
        log=tuple(source.folder.read_log()),
    )
    content = gather(record, files, plan)
    return {**begin, "summary": {**content.summary_json(), "thresholds": content.judgement.to_json()["thresholds"]}}


def timeline_of(source: RunSource, *, width_s: float | None = None, points: int = MAX_POINTS, name: str | None = None) -> dict[str, Any]:
    """Return the run over time, one point for each stretch of `width_s` seconds, or wider so that there are at most `points`."""
    import polars as pl

    from maid_lab.analysis.timeline import bin_width_s, timeline
    from maid_lab.analysis.times import NS_PER_S

    if not 1 <= points <= MAX_POINTS:
        raise InvalidInput(f"points is {points}, a timeline has 1 to {MAX_POINTS}.", hint="Leave it out for the most.")
    if width_s is not None and not 0.05 <= width_s <= 86_400:
        raise InvalidInput(f"width_s is {width_s:g}, a point stands for 0.05 to 86400 seconds.", hint="Leave it out for a fitting one.")
    plan, rows = source.plan, named(source.rows(), name, run_id=source.record.id)
    scenario = rows.filter(pl.col("section") == "scenario")
    last, count = scenario.select(pl.max_horizontal("start", "end").max(), pl.len()).collect().row(0)
    length_s = (last or 0) / NS_PER_S
    # One stamp on the last edge would begin one more point.
    least = length_s / points * 1.000_001 if points > 1 else length_s + 1
    width = max(width_s or bin_width_s(length_s, rows=count), least)
    frame = timeline(rows, plan=plan, width_s=width).rename(_POINT).drop("width_s")
    return {**source.told(plan), "name": name, "width_s": width, "points": _plain(frame)}


def errors_of(source: RunSource, *, name: str | None = None) -> dict[str, Any]:
    """Return the failures of measured requests, clustered by their texts, the most frequent first, with one kept exchange of each."""
    from maid_lab.analysis.error_clusters import cluster
    from maid_lab.analysis.outcomes import comparable
    from maid_lab.analysis.scan import scan
    from maid_lab.analysis.tallies import ErrorTally
    from maid_lab.services.reports.run_files import failure_samples

    plan, rows = source.plan, named(source.rows(), name, run_id=source.record.id)
    tally = ErrorTally(plan)
    scan(comparable(rows), [tally])
    samples = failure_samples(source.folder.path)
    items = []
    for found in cluster(tally.rows):
        like = (s for s in samples if s["outcome"] == found.outcome and s["name"] in found.names and _status(s) == found.status)
        items.append({**found.to_json(), "sample": next(like, None)})
    return {**source.told(plan), "name": name, "count": sum(item["count"] for item in items), "items": items}


def slowest_of(source: RunSource, *, number: int = 20, name: str | None = None) -> dict[str, Any]:
    """Return the slowest measured requests with their stamps, the slowest first."""
    import polars as pl

    from maid_lab.analysis.outcomes import comparable
    from maid_lab.analysis.scan import scan
    from maid_lab.analysis.tallies import SlowestTally
    from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, response, service, ttfb

    if not 1 <= number <= MAX_SLOWEST:
        raise InvalidInput(f"number is {number}, 1 to {MAX_SLOWEST} of the slowest are told.", hint="Ask for rows to see more.")
    plan, rows = source.plan, named(source.rows(), name, run_id=source.record.id)
    tally = SlowestTally(plan, number)
    scan(comparable(rows), [tally])
    items: list[dict[str, Any]] = []
    if len(tally.rows):
        stamps = {f"{stamp}_s": pl.col(stamp) / NS_PER_S for stamp in ("intended", "start", "first_byte", "end")}
        times = {"service_ms": service(), "response_ms": response(), "ttfb_ms": ttfb()}
        words = [pl.col(word).cast(pl.String).fill_null("") for word in ("name", "scenario", "outcome", "error")]
        items = _plain(
            tally.rows.select(
                *words, "worker", "user", "iteration", "status", **stamps, **{key: time / NS_PER_MS for key, time in times.items()}
            )
        )
    return {**source.told(plan), "name": name, "items": items}


def distribution_of(source: RunSource, *, name: str | None = None, metric: str = "latency") -> dict[str, Any]:
    """Return how a time of the good measured requests is spread: percentiles, a histogram with logarithmic bins, and the names there are."""
    import polars as pl

    from maid_lab.analysis.distribution import histogram
    from maid_lab.analysis.measured import is_measured
    from maid_lab.analysis.outcomes import comparable, is_ok
    from maid_lab.analysis.quantiles import TimeStats
    from maid_lab.analysis.times import default_latency, time_named

    plan, run_rows = source.plan, comparable(source.rows())
    time = time_named(metric, plan=plan)
    rows = named(run_rows, name, run_id=source.record.id)
    samples = rows.filter(is_measured(plan=plan) & is_ok()).select(ns=time).drop_nulls().collect()["ns"].to_numpy(writable=True)
    names = run_rows.group_by("name").agg(count=pl.len()).collect().with_columns(pl.col("name").cast(pl.String)).sort("name")
    return {
        **source.told(plan),
        "name": name,
        "metric": default_latency(plan) if metric == "latency" else metric,
        "percentiles": TimeStats.of(samples, in_place=True).to_json(),
        "bins": _plain(histogram(rows, plan=plan, metric=metric)),
        "names": _plain(names),
    }


def _status(sample: dict[str, Any]) -> int:
    answer = sample.get("response")
    return int(answer["status"]) if answer else -1


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON data: JSON knows no NaN."""
    import polars.selectors as cs

    return frame.with_columns(cs.float().fill_nan(None)).to_dicts()
