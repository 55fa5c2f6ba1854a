"""The live view of a run: what the supervisor publishes ten times a second and writes to `status.json`."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["ErrorCount", "LiveStatus", "NameStats", "WorkerStats"]


class NameStats(TypedDict):
    """Counters of one request name since the start of the run; percentiles from histograms (relative error below 1 %)."""

    name: str
    scenario: str
    transaction: str
    kind: str
    count: int
    failures: int
    rate_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class ErrorCount(TypedDict):
    """One error text with its number of rows so far."""

    text: str
    outcome: str
    name: str
    count: int


class WorkerStats(TypedDict):
    """Health of one worker process."""

    worker: int
    pid: int
    users: int
    rows: int
    cpu: float
    loop_lag_ms: float
    schedule_lag_ms: float
    alive: bool


class LiveStatus(TypedDict):
    """The merged state of a run at one moment. `latency` is response time for open loads and service time for closed ones."""

    run_id: str
    title: str
    status: str
    phase: str
    reason: str
    elapsed_s: float
    duration_s: float
    users: int
    planned_level: float
    planned_unit: str
    in_flight: int
    requests: int
    failures: int
    dropped: int
    rows: int
    rate_per_s: float
    bytes_in_per_s: float
    latency: str
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    names: list[NameStats]
    errors: list[ErrorCount]
    workers: list[WorkerStats]
    generator_bound_s: int
