"""Thresholds judged from the rows, and the verdict of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from maid_lab.analysis.drops import due_starts
from maid_lab.analysis.generator import BOUND_SHARE_LIMIT, generator_bound_share
from maid_lab.analysis.measured import is_measured, measured_window
from maid_lab.analysis.outcomes import comparable, is_sent
from maid_lab.analysis.selectors import selected
from maid_lab.analysis.threshold_rows import threshold_rows
from maid_lab.analysis.times import TIMES, event_gap, time_named
from maid_lab.model.states import Verdict
from maid_lab.model.thresholds import minimum_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from maid_lab.analysis.measured import MeasuredWindow
    from maid_lab.analysis.threshold_rows import Slice, ThresholdRows
    from maid_lab.model.plan import Plan
    from maid_lab.model.thresholds import Threshold

__all__ = ["Judgement", "ThresholdResult", "judge", "verdict_of"]

_GAP: Final = "event_gap"
_TIME_METRICS: Final = frozenset({"latency", _GAP, *TIMES})
_BYTE_METRICS: Final = frozenset({"bytes_in", "bytes_out"})
_COUNT_METRICS: Final = frozenset({"messages_in"})

#: Statistics that are taken over samples of a metric.
_SAMPLED: Final = frozenset({"p", "med", "avg", "min", "max", "stdev"})
_SHARES: Final = frozenset({"error_rate", "check_rate", "apdex"})

#: Without a matching row these are 0, all others are unknown.
_ZERO_WITHOUT_ROWS: Final = frozenset({"count", "rate", "goodput"})

_HOLDS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}

_BREACH: Final = {
    "<": "is not below its limit",
    "<=": "is above its limit",
    ">": "is not above its limit",
    ">=": "is below its limit",
    "==": "differs from its limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """One threshold, judged.

    Attributes
    ----------
    text : str
        The threshold as the plan has it.
    observed : float or None
        Its statistic, in `unit`; with `over`, that of the worst window. None when there is none.
    unit : str
        `s`, `B`, `/s`, `share` or empty for a plain number.
    samples : int
        Rows that the statistic was taken over.
    reason : str
        Why it failed or is unknown; empty for a pass.
    windows, windows_skipped, windows_failed : int
        With `over`: full windows, those with too few samples, and those that failed.
    worst_at_s : float or None
        With `over`: begin of the worst window, seconds since the start of the run.
    """

    text: str
    status: Verdict
    observed: float | None
    limit: float
    unit: str
    samples: int
    reason: str = ""
    warn: bool = False
    windows: int = 0
    windows_skipped: int = 0
    windows_failed: int = 0
    worst_at_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self) | {"status": str(self.status)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All thresholds of a run, in the plan's order, and the verdict; None without thresholds."""

    results: tuple[ThresholdResult, ...]
    verdict: Verdict | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"verdict": None if self.verdict is None else str(self.verdict), "thresholds": [result.to_json() for result in self.results]}


def judge(
    thresholds: Sequence[Threshold],
    requests: pl.LazyFrame,
    *,
    plan: Plan,
    transactions: pl.LazyFrame | None = None,
    iterations: pl.LazyFrame | None = None,
    events: pl.LazyFrame | None = None,
    series: Sequence[Mapping[str, Any]] | None = None,
) -> Judgement:
    """Judge thresholds over the measured rows, as recipe.md, section 10, defines them.

    A selector `transaction:` looks at the rows of the transactions themselves where they are given, unless the metric is one that only
    requests have (`ttfb`, `connect`, `blocked`, bytes); every other selector looks at requests. The metric `event_gap` looks at
    `events`, the messages of streams; each gap is a sample.
    """
    loops, groups, messages = (None if frame is None else comparable(frame) for frame in (iterations, transactions, events))
    judge_one = _Judge(comparable(requests), plan=plan, transactions=groups, iterations=loops, events=messages, series=series)
    results = tuple(judge_one(threshold) for threshold in thresholds)
    return Judgement(results=results, verdict=verdict_of(results))


def verdict_of(results: Sequence[ThresholdResult]) -> Verdict | None:
    """Return fail if any failed, else unknown if any is unknown, else pass; None without any. Those that only warn have no part in it."""
    statuses = {result.status for result in results if not result.warn}
    if not statuses:
        return None
    return next((word for word in (Verdict.FAIL, Verdict.UNKNOWN) if word in statuses), Verdict.PASS)


class _Judge:
    def __init__(
        self,
        requests: pl.LazyFrame,
        *,
        plan: Plan,
        transactions: pl.LazyFrame | None,
        iterations: pl.LazyFrame | None,
        events: pl.LazyFrame | None,
        series: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        self._requests = requests
        self._plan = plan
        self._transactions = transactions
        self._iterations = iterations
        self._events = events
        self._series = series
        self._windows: dict[float, MeasuredWindow] = {}

    def __call__(self, threshold: Threshold) -> ThresholdResult:
        if threshold.stat == "dropped":
            return self._dropped(threshold)
        if not _is_recorded(threshold.metric):
            return _unknown(threshold, f"rows hold no {threshold.metric}")
        if threshold.metric == _GAP and self._events is None:
            return _unknown(threshold, "no stream has a message")
        rows = self._rows(threshold)
        window = self._window(threshold)
        if not len(rows) and threshold.stat not in _ZERO_WITHOUT_ROWS:
            return _unknown(threshold, "no measured row matches")
        bound = generator_bound_share(self._series, window=window)
        if bound is not None and bound > BOUND_SHARE_LIMIT and _depends_on_generator(threshold):
            return _unknown(threshold, f"the generator was the limit in {bound:.0%} of the measured seconds", samples=len(rows))
        if threshold.over_s:
            return _over_windows(threshold, rows, window=window)
        return _over_all(threshold, rows.whole(duration_s=window.duration_s))

    def _window(self, threshold: Threshold) -> MeasuredWindow:
        after_s = threshold.after_s
        if after_s not in self._windows:
            self._windows[after_s] = measured_window(self._requests, plan=self._plan, after_s=after_s)
        return self._windows[after_s]

    def _rows(self, threshold: Threshold) -> ThresholdRows:
        timed = threshold.metric in _TIME_METRICS
        frame = self._frame(threshold)
        value = self._value(threshold, timed=timed)
        present = frame.collect_schema().names()
        if not set(value.meta.root_names()) <= set(present):
            value = pl.lit(None)
        return threshold_rows(self._matching(frame, threshold), value=value, in_ns=timed)

    def _value(self, threshold: Threshold, *, timed: bool) -> pl.Expr:
        if threshold.metric == _GAP:
            return event_gap()
        return time_named(threshold.metric, plan=self._plan) if timed else pl.col(threshold.metric)

    def _frame(self, threshold: Threshold) -> pl.LazyFrame:
        if threshold.metric == _GAP and self._events is not None:
            return self._events
        whole_times = threshold.metric in ("latency", "service", "response")
        is_transaction = threshold.selector_kind == "transaction" and whole_times
        return self._transactions if is_transaction and self._transactions is not None else self._requests

    def _matching(self, frame: pl.LazyFrame, threshold: Threshold) -> pl.LazyFrame:
        is_tag = threshold.selector_kind == "tag"
        texts = frame.select(pl.col("tags").cast(pl.String).unique()).collect()["tags"].to_list() if is_tag else []
        wanted = selected(threshold.selector_kind, threshold.selector, tag_texts=texts)
        # Work that was never sent has no place in a statistic, unless it is asked for by name.
        sent = pl.lit(value=True) if threshold.selector_kind == "outcome" else is_sent()
        return frame.filter(is_measured(plan=self._plan, after_s=threshold.after_s) & sent & wanted)

    def _dropped(self, threshold: Threshold) -> ThresholdResult:
        starts = due_starts(
            self._requests,
            self._iterations,
            plan=self._plan,
            after_s=threshold.after_s,
            wanted=selected(threshold.selector_kind, threshold.selector) if threshold.selector_kind == "scenario" else pl.lit(value=True),
        )
        window = self._window(threshold)
        if not threshold.over_s:
            return _judged(threshold, starts.value(window.start_s, float("inf"), percent=threshold.percent), samples=starts.due)
        spans = _spans(window, threshold.over_s)
        values = [(at, starts.value(at, at + threshold.over_s, percent=threshold.percent)) for at in spans]
        return _from_windows(threshold, [(at, value, 1) for at, value in values], samples=starts.due)


def _is_recorded(metric: str) -> bool:
    return metric in _TIME_METRICS | _BYTE_METRICS | _COUNT_METRICS


def _depends_on_generator(threshold: Threshold) -> bool:
    timed = threshold.metric in _TIME_METRICS and threshold.stat in _SAMPLED | {"apdex"}
    return timed or threshold.stat in ("rate", "goodput")


def _over_all(threshold: Threshold, rows: Slice) -> ThresholdResult:
    samples, needed = _samples(threshold, rows), _needed(threshold)
    if samples < needed:
        return _unknown(threshold, f"needs {needed:,} samples, has {samples:,}", samples=samples)
    return _judged(threshold, _value(threshold, rows), samples=samples)


def _over_windows(threshold: Threshold, rows: ThresholdRows, *, window: MeasuredWindow) -> ThresholdResult:
    needed = _needed(threshold)
    found: list[tuple[float, float | None, int]] = []
    for at in _spans(window, threshold.over_s):
        part = rows.window(at, at + (threshold.over_s))
        enough = _samples(threshold, part) >= needed
        found.append((at, _value(threshold, part) if enough else None, needed))
    return _from_windows(threshold, found, samples=len(rows))


def _from_windows(threshold: Threshold, found: list[tuple[float, float | None, int]], *, samples: int) -> ThresholdResult:
    """Return the result of windows as (begin, value or None when skipped, samples needed)."""
    judged = [(at, value) for at, value, _ in found if value is not None]
    skipped = len(found) - len(judged)
    counts = {"windows": len(found), "windows_skipped": skipped}
    if not found:
        return _unknown(threshold, f"the measured time holds no full window of {threshold.over_s:g} s", samples=samples)
    if not judged:
        return _unknown(threshold, f"each of {len(found):,} windows has fewer than {found[0][2]:,} samples", samples=samples, **counts)
    failed = [(at, value) for at, value in judged if not _HOLDS[threshold.op](value, threshold.value)]
    worst_at, worst = (max if threshold.op in ("<", "<=") else min)(failed or judged, key=lambda item: item[1])
    reason = f"failed in {len(failed):,} of {len(judged):,} windows, first at {failed[0][0]:g} s" if failed else ""
    return ThresholdResult(
        text=str(threshold),
        status=Verdict.FAIL if failed else Verdict.PASS,
        observed=worst,
        limit=threshold.value,
        unit=_unit(threshold),
        samples=samples,
        reason=reason,
        warn=threshold.warn,
        windows_failed=len(failed),
        worst_at_s=worst_at,
        **counts,
    )


def _spans(window: MeasuredWindow, length_s: float) -> list[float]:
    """Return the begins of all full windows, one each second."""
    last = int(window.duration_s - length_s + 1e-9)
    return [window.start_s + step for step in range(last + 1)] if window.duration_s + 1e-9 >= length_s else []


def _judged(threshold: Threshold, value: float | None, *, samples: int) -> ThresholdResult:
    if value is None:
        return _unknown(threshold, "no measured row has this value", samples=samples)
    holds = _HOLDS[threshold.op](value, threshold.value)
    return ThresholdResult(
        text=str(threshold),
        status=Verdict.PASS if holds else Verdict.FAIL,
        observed=value,
        limit=threshold.value,
        unit=_unit(threshold),
        samples=samples,
        reason="" if holds else _BREACH[threshold.op],
        warn=threshold.warn,
    )


def _unknown(threshold: Threshold, reason: str, *, samples: int = 0, windows: int = 0, windows_skipped: int = 0) -> ThresholdResult:
    return ThresholdResult(
        text=str(threshold),
        status=Verdict.UNKNOWN,
        observed=None,
        limit=threshold.value,
        unit=_unit(threshold),
        samples=samples,
        reason=reason,
        warn=threshold.warn,
        windows=windows,
        windows_skipped=windows_skipped,
    )


def _value(threshold: Threshold, rows: Slice) -> float | None:
    return rows.statistic(threshold.stat, quantile=0.5 if threshold.stat == "med" else threshold.quantile, apdex_t_s=threshold.arg_s or 0.5)


def _samples(threshold: Threshold, rows: Slice) -> int:
    if threshold.stat in _SAMPLED:
        return len(rows.values)
    if threshold.stat == "check_rate":
        return rows.answered
    return rows.sent if threshold.stat in _SHARES else rows.rows


def _needed(threshold: Threshold) -> int:
    return 0 if threshold.stat in _ZERO_WITHOUT_ROWS else minimum_samples(threshold)


def _unit(threshold: Threshold) -> str:
    if threshold.stat in _SAMPLED:
        if threshold.metric in _COUNT_METRICS:
            return ""
        return "s" if threshold.metric in _TIME_METRICS else "B"
    if threshold.stat in ("rate", "goodput"):
        return "/s"
    return "share" if threshold.stat in ("error_rate", "check_rate") or (threshold.stat == "dropped" and threshold.percent) else ""
