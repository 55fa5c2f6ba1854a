"""Thresholds with `abort`, watched while the run goes on.

The guard sees the merged histograms of each second, so its percentiles carry their error of below 0.4 %; the final verdict is computed
from the rows. A condition with `over D` is judged over each full window of D; one without is judged over everything measured so far,
once there are enough samples and ten seconds have been measured. What comes before the end of the warm-up, and before `after`, is not
looked at.
"""

from __future__ import annotations

import fnmatch
import operator
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.recording.histogram import bucket_value_ns, quantile_ns
from maid_lab.model.rows import Outcome
from maid_lab.model.thresholds import minimum_samples, parse_threshold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maid_lab.model.capacity import Judged
    from maid_lab.model.plan import Label, Plan
    from maid_lab.model.thresholds import Threshold

__all__ = ["Guard", "SecondOfLabel", "Watched"]

_CUMULATIVE_FROM_S: Final = 10.0
_COMPARE: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


@dataclass(slots=True)
class SecondOfLabel:
    """Counts of one label in one second: by outcome, and latencies of good rows by bucket."""

    outcomes: Counter[int] = field(default_factory=Counter)
    histogram: Counter[int] = field(default_factory=Counter)

    def add(self, other: SecondOfLabel) -> None:
        """Add another's counts."""
        self.outcomes.update(other.outcomes)
        self.histogram.update(other.histogram)

    @property
    def sent(self) -> int:
        """Rows that count as sent."""
        return sum(count for outcome, count in self.outcomes.items() if outcome < Outcome.DROPPED)


class Guard:
    """Watches the abort thresholds of a plan.

    Parameters
    ----------
    plan : Plan
        Its thresholds, labels and warm-up.
    """

    def __init__(self, plan: Plan) -> None:
        thresholds = [parse_threshold(text) for text in plan.thresholds]
        self._watches = [_Watch(threshold, plan) for threshold in thresholds if threshold.abort]

    def learn(self, number: int, label: Label) -> None:
        """Take a label that was made while running."""
        for watch in self._watches:
            watch.learn(number, label)

    def second(self, elapsed_s: float, seconds: Mapping[int, SecondOfLabel]) -> str:
        """Take the counts of one more second; returns what failed as a sentence, empty when nothing did."""
        for watch in self._watches:
            failed = watch.second(elapsed_s, seconds)
            if failed:
                return failed
        return ""


class _Watch:
    def __init__(self, threshold: Threshold, plan: Plan) -> None:
        self._threshold = threshold
        self._labels = [number for number, label in enumerate(plan.labels) if _selects(threshold, label)]
        self._from_s = max(plan.warmup_end_s, threshold.after_s)
        self._window: deque[SecondOfLabel] = deque(maxlen=max(1, round(threshold.over_s)) if threshold.over_s else None)
        self._total = SecondOfLabel()
        self._seconds = 0

    def learn(self, number: int, label: Label) -> None:
        """Take a label that was made while running."""
        if _selects(self._threshold, label):
            self._labels.append(number)

    def second(self, elapsed_s: float, seconds: Mapping[int, SecondOfLabel]) -> str:
        # The second that is over began one second ago: it counts when it lies wholly behind the warm-up.
        if elapsed_s - 1.0 < self._from_s:
            return ""
        self._seconds += 1
        now = SecondOfLabel()
        for number in self._labels:
            if number in seconds:
                now.add(seconds[number])
        over_s = self._threshold.over_s
        if over_s:
            self._window.append(now)
            if len(self._window) < (self._window.maxlen or 1):
                return ""
            counts = SecondOfLabel()
            for part in self._window:
                counts.add(part)
            return self._judge(counts, len(self._window))
        self._total.add(now)
        return self._judge(self._total, self._seconds) if self._seconds >= _CUMULATIVE_FROM_S else ""

    def _judge(self, counts: SecondOfLabel, span_s: float) -> str:
        threshold = self._threshold
        if _samples(threshold, counts) < minimum_samples(threshold):
            return ""
        value = _value(threshold, _outcome_filter(threshold, counts), span_s)
        if value is None or _COMPARE[threshold.op](value, threshold.value):
            return ""
        return f"threshold {threshold} failed with {value:.6g} and says abort"


class Watched:
    """A threshold over one stretch of a run.

    Parameters
    ----------
    threshold : Threshold
        One that can be watched (see `model.thresholds.unwatchable`).
    plan : Plan
        For its labels.
    """

    def __init__(self, threshold: Threshold, plan: Plan) -> None:
        self._threshold = threshold
        self._labels = [number for number, label in enumerate(plan.labels) if _selects(threshold, label)]

    def __str__(self) -> str:
        return str(self._threshold)

    def learn(self, number: int, label: Label) -> None:
        """Take a label that was made while running."""
        if _selects(self._threshold, label):
            self._labels.append(number)

    def judge(self, counts: Mapping[int, SecondOfLabel], span_s: float) -> tuple[Judged, float | None]:
        """Judge the counts by label of `span_s` seconds; returns pass, fail or unknown, and the value in seconds, per second or as a share."""
        threshold, total = self._threshold, SecondOfLabel()
        for number in self._labels:
            if number in counts:
                total.add(counts[number])
        value = _value(threshold, _outcome_filter(threshold, total), span_s)
        if value is None or _samples(threshold, total) < minimum_samples(threshold):
            return "unknown", value
        return "pass" if _COMPARE[threshold.op](value, threshold.value) else "fail", value


def _selects(threshold: Threshold, label: Label) -> bool:
    """Whether rows of this label belong to the selector; requests by default, transactions where one is named."""
    kind, name = threshold.selector_kind, threshold.selector
    is_request = label.kind not in ("users", "transaction", "iteration")
    if label.section != "scenario" or label.kind == "users":
        return False
    if threshold.stat == "dropped":
        return label.kind == "iteration" and (kind != "scenario" or fnmatch.fnmatchcase(label.scenario, name))
    if kind == "transaction":
        return label.kind == "transaction" and fnmatch.fnmatchcase(label.name, name)
    if not is_request:
        return False
    if kind == "scenario":
        return fnmatch.fnmatchcase(label.scenario, name)
    if kind == "request":
        return fnmatch.fnmatchcase(label.name, name)
    return label.kind == name if kind == "kind" else True


def _outcome_filter(threshold: Threshold, counts: SecondOfLabel) -> SecondOfLabel:
    if threshold.selector_kind != "outcome":
        return counts
    wanted = {int(outcome): n for outcome, n in counts.outcomes.items() if Outcome(outcome).word == threshold.selector}
    return SecondOfLabel(outcomes=Counter(wanted), histogram=counts.histogram if Outcome.OK in wanted else Counter())


def _samples(threshold: Threshold, counts: SecondOfLabel) -> int:
    if threshold.stat in ("avg", "min", "max", "med", "p"):
        return counts.outcomes[Outcome.OK]
    return sum(counts.outcomes.values()) if threshold.stat == "dropped" else counts.sent


def _value(threshold: Threshold, counts: SecondOfLabel, span_s: float) -> float | None:
    stat, good, sent = threshold.stat, counts.outcomes[Outcome.OK], counts.sent
    simple: dict[str, Any] = {
        "count": lambda: sum(counts.outcomes.values()),
        "rate": lambda: sent / span_s,
        "goodput": lambda: good / span_s,
        "error_rate": lambda: (sent - good) / sent if sent else None,
        "check_rate": lambda: (sent - counts.outcomes[Outcome.CHECK_FAILED]) / sent if sent else None,
        "dropped": lambda: _dropped(threshold, counts),
        "apdex": lambda: _apdex(threshold, counts, sent),
    }
    if stat in simple:
        value: float | None = simple[stat]()
        return value
    return _time_value(threshold, counts.histogram)


def _dropped(threshold: Threshold, counts: SecondOfLabel) -> float:
    dropped = counts.outcomes[Outcome.DROPPED]
    return dropped / max(1, sum(counts.outcomes.values())) if threshold.percent else float(dropped)


def _apdex(threshold: Threshold, counts: SecondOfLabel, sent: int) -> float | None:
    limit_ns = (threshold.arg_s or 0.0) * 1e9
    satisfied = sum(n for bucket, n in counts.histogram.items() if bucket_value_ns(bucket) <= limit_ns)
    tolerating = sum(n for bucket, n in counts.histogram.items() if limit_ns < bucket_value_ns(bucket) <= 4 * limit_ns)
    return (satisfied + tolerating / 2) / sent if sent else None


def _time_value(threshold: Threshold, histogram: Counter[int]) -> float | None:
    if threshold.stat == "avg":
        total = sum(histogram.values())
        return sum(bucket_value_ns(bucket) * n for bucket, n in histogram.items()) / total / 1e9 if total else None
    q = {"min": 0.0, "max": 1.0, "med": 0.5}.get(threshold.stat, threshold.quantile or 0.0)
    found = quantile_ns(histogram, q)
    return None if found is None else found / 1e9
