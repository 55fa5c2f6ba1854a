"""The values of a summary: plain frozen records with their JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maid_lab.analysis.error_clusters import ErrorCluster
    from maid_lab.analysis.generator import GeneratorHealth
    from maid_lab.analysis.measured import MeasuredWindow
    from maid_lab.analysis.quantiles import TimeStats
    from maid_lab.analysis.recovery import Recovery
    from maid_lab.analysis.trends import Trend

__all__ = [
    "Apdex",
    "CodeCount",
    "GroupStats",
    "LittlesLaw",
    "OutcomeCount",
    "SectionCount",
    "SlowRequest",
    "SlowUsers",
    "Summary",
    "Totals",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStats:
    """One row of a table: a request name, a transaction or a scenario.

    `count` is the number of rows sent, `rate` answered rows per second, `goodput` those with outcome ok. `latency` names which of the two
    times stands in the flat keys of the JSON (`p95_ms`).
    """

    name: str
    kind: str
    method: str
    scenarios: tuple[str, ...]
    count: int
    failures: int
    rate: float
    goodput: float
    bytes_in: int
    bytes_out: int
    latency: str
    service: TimeStats
    response: TimeStats

    @property
    def error_rate(self) -> float | None:
        """Failures divided by rows sent; None when nothing was sent."""
        return self.failures / self.count if self.count else None

    @property
    def times(self) -> TimeStats:
        """The time that is this run's latency."""
        return self.response if self.latency == "response" else self.service

    def to_json(self) -> dict[str, Any]:
        """Return JSON data: latency in flat keys, both times below."""
        return {
            "name": self.name,
            "kind": self.kind,
            "method": self.method,
            "scenarios": list(self.scenarios),
            "count": self.count,
            "failures": self.failures,
            "error_rate": self.error_rate,
            "rate": self.rate,
            "goodput": self.goodput,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "latency": self.latency,
            **self.times.to_json(),
            "service": self.service.to_json(),
            "response": self.response.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts over all measured requests; `rows` counts every request row of the run, measured or not. Seconds, and rates per second."""

    rows: int
    requests: int
    sent: int
    answered: int
    ok: int
    failures: int
    dropped: int
    unsent: int
    aborted: int
    duration_s: float
    throughput: float
    goodput: float
    bytes_in: int
    bytes_out: int
    users: int

    @property
    def error_rate(self) -> float | None:
        """Failures divided by rows sent; None when nothing was sent."""
        return self.failures / self.sent if self.sent else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {**asdict(self), "error_rate": self.error_rate}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCount:
    """Measured rows by status code; −1 = no status."""

    status: int
    kind: str
    count: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """Measured rows by outcome."""

    outcome: str
    count: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionCount:
    """Rows that are kept but not measured: `warm-up`, `setup`, `teardown`, `on_start` or `on_stop`."""

    section: str
    count: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRequest:
    """One of the slowest measured requests; stamps in seconds since the start of the run, times in milliseconds."""

    start_s: float
    name: str
    scenario: str
    worker: int
    user: int
    iteration: int
    outcome: str
    status: int
    service_ms: float
    response_ms: float
    ttfb_ms: float | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowUsers:
    """How many of the users saw at least one request slower than a limit."""

    limit_ms: float
    users: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Apdex:
    """(satisfied + tolerating / 2) / sent: ok rows up to T, and ok rows above T up to 4 T. None when nothing was sent."""

    t_ms: float
    satisfied: int
    tolerating: int
    frustrated: int
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LittlesLaw:
    """Mean requests in flight, observed against throughput × mean service time.

    `in_flight` is the time integral of open requests over the measured window, `predicted` sent rows per second times their mean service
    time. Both agree within a few per cent in a steady state; a larger `deviation` means that the load was not steady or rows are missing.
    """

    in_flight: float
    predicted: float
    deviation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run's rows say, computed exactly. Only measured rows enter, unless a field says otherwise."""

    latency: str
    measured: MeasuredWindow
    totals: Totals
    overall: GroupStats
    requests: tuple[GroupStats, ...]
    transactions: tuple[GroupStats, ...]
    scenarios: tuple[GroupStats, ...]
    status_codes: tuple[CodeCount, ...]
    outcomes: tuple[OutcomeCount, ...]
    errors: tuple[ErrorCluster, ...]
    slowest: tuple[SlowRequest, ...]
    slow_users: tuple[SlowUsers, ...]
    apdex: Apdex
    littles_law: LittlesLaw
    generator: GeneratorHealth
    unmeasured: tuple[SectionCount, ...]
    recoveries: tuple[Recovery, ...] = ()
    trends: tuple[Trend, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON data; columns are described in `docs/analysis.md`."""
        return {
            "latency": self.latency,
            "measured": {**asdict(self.measured), "duration_s": self.measured.duration_s},
            "totals": self.totals.to_json(),
            "overall": self.overall.to_json(),
            "requests": [row.to_json() for row in self.requests],
            "transactions": [row.to_json() for row in self.transactions],
            "scenarios": [row.to_json() for row in self.scenarios],
            "status_codes": [asdict(row) for row in self.status_codes],
            "outcomes": [asdict(row) for row in self.outcomes],
            "errors": [row.to_json() for row in self.errors],
            "slowest": [asdict(row) for row in self.slowest],
            "slow_users": [asdict(row) for row in self.slow_users],
            "apdex": asdict(self.apdex),
            "littles_law": asdict(self.littles_law),
            "generator": self.generator.to_json(),
            "unmeasured": [asdict(row) for row in self.unmeasured],
            "recoveries": [row.to_json() for row in self.recoveries],
            "trends": [row.to_json() for row in self.trends],
        }
