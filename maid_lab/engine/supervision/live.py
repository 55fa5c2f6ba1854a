"""The live view: snapshots of all workers merged exactly, by adding."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.recording.histogram import bucket_value_ns, quantile_ns
from maid_lab.engine.supervision.guard import SecondOfLabel
from maid_lab.model.plan import plan_from_json
from maid_lab.model.rows import FIRST_MADE_LABEL, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maid_lab.engine.wire import Message
    from maid_lab.model.plan import Label, Plan
    from maid_lab.model.snapshot import ErrorCount, NameStats

__all__ = ["LiveCounts", "WorkerHealth", "is_generator_bound"]

_ERRORS_SHOWN: Final = 20
_RATE_WINDOW: Final = 10

#: A worker that used this share of a core, or whose loop came this much late, limited the load in that second.
CPU_BOUND: Final = 0.97
LOOP_LAG_BOUND_MS: Final = 100.0


class WorkerHealth:
    """Newest figures of one worker, and the worst since the last second."""

    __slots__ = ("cpu_s", "cpu_samples", "in_flight", "lag_us", "loop_lag_ms", "requests", "rows", "users")

    def __init__(self) -> None:
        self.users = 0
        self.in_flight = 0
        self.rows = 0
        self.requests = 0
        self.reset_second()

    def reset_second(self) -> None:
        """Begin a new second."""
        self.cpu_s = 0.0
        self.cpu_samples = 0
        self.loop_lag_ms = 0.0
        self.lag_us = 0

    def take(self, snapshot: Message) -> None:
        """Take one snapshot."""
        self.users = snapshot["users"]
        self.in_flight = snapshot["in_flight"]
        self.rows = snapshot["rows_total"]
        self.requests = snapshot["requests_total"]
        self.cpu_s += snapshot["cpu"]
        self.cpu_samples += 1
        self.loop_lag_ms = max(self.loop_lag_ms, snapshot["loop_lag_ms"])
        self.lag_us = max(self.lag_us, snapshot["lag_us"])

    @property
    def cpu(self) -> float:
        """Share of a core used in this second."""
        return self.cpu_s / self.cpu_samples if self.cpu_samples else 0.0


def is_generator_bound(health: WorkerHealth) -> bool:
    """Whether this worker, not the target, limited the load in this second."""
    return health.cpu >= CPU_BOUND or health.loop_lag_ms >= LOOP_LAG_BOUND_MS


class LiveCounts:
    """Counts of a run so far.

    Parameters
    ----------
    plan : Plan
        For its labels.
    """

    def __init__(self, plan: Plan) -> None:
        #: Labels of the plan, then those that workers made while running, merged by what they say.
        self.labels = [*plan.labels]
        self._numbers = {label: number for number, label in reversed(list(enumerate(plan.labels)))}
        self._made: dict[tuple[int, int], int] = {}
        self._is_request = [label.kind not in ("users", "transaction", "iteration") for label in plan.labels]
        #: Told of each label that is new, with its place in `labels`.
        self.learners: list[Callable[[int, Label], None]] = []
        self._outcomes: dict[int, Counter[int]] = defaultdict(Counter)
        self._histograms: dict[int, Counter[int]] = defaultdict(Counter)
        self._errors: Counter[tuple[int, int, str]] = Counter()
        self._texts: dict[tuple[int, int], str] = {}
        self._second: dict[int, SecondOfLabel] = defaultdict(SecondOfLabel)
        self._watched: dict[int, SecondOfLabel] | None = None
        self._totals: deque[tuple[float, int, int]] = deque(maxlen=_RATE_WINDOW + 1)
        self.requests = 0
        self.failures = 0
        self.dropped = 0
        self.rows = 0
        self.bytes_in = 0

    def take(self, snapshot: Message) -> None:
        """Add one snapshot."""
        worker = snapshot["worker"]
        self.rows += snapshot["rows"]
        self.bytes_in += snapshot["bytes_in"]
        for number, text in snapshot["new_errors"]:
            self._texts[worker, number] = text
        for number, text in snapshot.get("new_labels", ()):
            self._learn(worker, number, plan_from_json(text))
        made = self._made
        for number, outcome, count in snapshot["outcomes"]:
            label = number if number < FIRST_MADE_LABEL else made[worker, number]
            self._outcomes[label][outcome] += count
            self._second[label].outcomes[outcome] += count
            if self._watched is not None:
                self._watched[label].outcomes[outcome] += count
            self._count(label, outcome, count)
        for number, outcome, error, count in snapshot["errors"]:
            label = number if number < FIRST_MADE_LABEL else made[worker, number]
            self._errors[label, outcome, self._texts.get((worker, error), "")] += count
        flat = snapshot["histograms"]
        for number, bucket, count in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            label = number if number < FIRST_MADE_LABEL else made[worker, number]
            self._histograms[label][bucket] += count
            self._second[label].histogram[bucket] += count
            if self._watched is not None:
                self._watched[label].histogram[bucket] += count

    def _learn(self, worker: int, number: int, label: Label) -> None:
        """Take a label that a worker made."""
        place = self._numbers.get(label)
        if place is None:
            place = self._numbers[label] = len(self.labels)
            self.labels.append(label)
            self._is_request.append(label.kind not in ("users", "transaction", "iteration"))
            for learn in self.learners:
                learn(place, label)
        self._made[worker, number] = place

    def watch(self) -> None:
        """Begin a stretch of which `watched` gives the counts."""
        self._watched = defaultdict(SecondOfLabel)

    def watched(self) -> dict[int, SecondOfLabel]:
        """Return the counts by label since `watch`, and end the stretch."""
        counts, self._watched = self._watched, None
        return counts or {}

    def _count(self, label: int, outcome: int, count: int) -> None:
        if outcome == Outcome.DROPPED:
            self.dropped += count
        if not self._is_request[label] or outcome >= Outcome.DROPPED:
            return
        self.requests += count
        if outcome != Outcome.OK:
            self.failures += count

    def mark(self, at_s: float) -> None:
        """Note totals at a moment, for rates over the last second."""
        self._totals.append((at_s, self.requests, self.bytes_in))

    def rates(self) -> tuple[float, float]:
        """Return requests and bytes in per second over the last second."""
        if len(self._totals) < 2:
            return 0.0, 0.0
        (then, requests_then, bytes_then), (now, requests, received) = self._totals[0], self._totals[-1]
        span = max(now - then, 1e-3)
        return (requests - requests_then) / span, (received - bytes_then) / span

    def percentiles_ms(self) -> dict[str, float | None]:
        """Return p50, p95 and p99 of all requests so far in ms."""
        merged: Counter[int] = Counter()
        for label, histogram in self._histograms.items():
            if self._is_request[label]:
                merged.update(histogram)
        return _percentiles(merged)

    def take_second(self) -> tuple[dict[str, float | None], dict[int, SecondOfLabel]]:
        """Return the percentiles in ms of requests since the last call, and the counts of that time by label."""
        second, self._second = self._second, defaultdict(SecondOfLabel)
        merged: Counter[int] = Counter()
        for label, counts in second.items():
            if self._is_request[label]:
                merged.update(counts.histogram)
        return _percentiles(merged), second

    def names(self, elapsed_s: float) -> list[NameStats]:
        """Return the counters of each request and transaction name."""
        result: list[NameStats] = []
        for number, label in enumerate(self.labels):
            outcomes = self._outcomes.get(number)
            if not outcomes or label.kind in ("users", "iteration"):
                continue
            count = sum(n for outcome, n in outcomes.items() if outcome < Outcome.DROPPED)
            histogram = self._histograms[number]
            figures = _percentiles(histogram)
            result.append(
                {
                    "name": label.name,
                    "scenario": label.scenario,
                    "transaction": label.transaction,
                    "kind": label.kind,
                    "count": count,
                    "failures": count - outcomes[Outcome.OK],
                    "rate_per_s": count / elapsed_s if elapsed_s > 0 else 0.0,
                    "p50_ms": figures["p50_ms"],
                    "p95_ms": figures["p95_ms"],
                    "p99_ms": figures["p99_ms"],
                    "max_ms": bucket_value_ns(max(histogram)) / 1e6 if histogram else None,
                }
            )
        return result

    def errors(self) -> list[ErrorCount]:
        """Return the most frequent error texts."""
        labels = self.labels
        found: list[ErrorCount] = [
            {"text": text, "outcome": Outcome(outcome).word, "name": labels[label].name, "count": count}
            for (label, outcome, text), count in self._errors.most_common()
            if self._is_request[label]
        ]
        return found[:_ERRORS_SHOWN]


def _percentiles(histogram: Mapping[int, int]) -> dict[str, Any]:
    return {f"p{q}_ms": _ms(quantile_ns(histogram, q / 100)) for q in (50, 95, 99)}


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else round(value_ns / 1e6, 4)
