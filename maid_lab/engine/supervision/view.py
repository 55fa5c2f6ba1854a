"""What is said of a run while it goes on: the live status, and the figures of each second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from maid_lab.engine.supervision.live import LiveCounts, WorkerHealth, is_generator_bound

if TYPE_CHECKING:
    from maid_lab.engine.supervision.course import Course
    from maid_lab.engine.supervision.guard import SecondOfLabel
    from maid_lab.engine.supervision.pool import WorkerHandle
    from maid_lab.model.plan import Plan
    from maid_lab.model.snapshot import LiveStatus, WorkerStats

__all__ = ["RunView"]

#: Share of generator-bound seconds above which the whole run is called so.
_BOUND_SHARE: Final = 0.05


class RunView:
    """Views of one run.

    Parameters
    ----------
    run_id : str
        Identity of the run.
    plan : Plan
        What was planned.
    course : Course
        Where its loads stand.
    counts : LiveCounts
        Merged counts of all workers, kept up to date by the supervisor.
    health : mapping of int to WorkerHealth
        Figures of each worker, likewise.
    workers : sequence of WorkerHandle
        The processes.
    """

    def __init__(
        self,
        run_id: str,
        plan: Plan,
        *,
        course: Course,
        counts: LiveCounts,
        health: Mapping[int, WorkerHealth],
        workers: Sequence[WorkerHandle],
    ) -> None:
        self._run_id = run_id
        self._plan = plan
        self._course = course
        self._counts = counts
        self._health = health
        self._workers = workers
        self._seconds = 0
        self._bound_seconds = 0

    @property
    def is_generator_bound(self) -> bool:
        """Whether the generator, not the target, limited more than one second in twenty."""
        return self._bound_seconds > _BOUND_SHARE * max(1, self._seconds)

    @property
    def bound_seconds(self) -> int:
        """Generator-bound seconds so far."""
        return self._bound_seconds

    def second(self, elapsed_s: float) -> tuple[dict[str, Any], dict[int, SecondOfLabel]]:
        """Close a second: return its figures for the series, and its counts by label."""
        bound = any(map(is_generator_bound, self._health.values()))
        self._seconds += 1
        self._bound_seconds += bound
        rate, bytes_per_s = self._counts.rates()
        percentiles, counts = self._counts.take_second()
        workers = [
            {"worker": n, "cpu": round(h.cpu, 3), "loop_lag_ms": h.loop_lag_ms, "schedule_lag_ms": h.lag_us / 1000, "users": h.users}
            for n, h in self._health.items()
        ]
        figures = {
            "second": self._seconds - 1,
            "elapsed_s": round(elapsed_s, 3),
            "users": self._users(),
            "planned_level": round(self._course.level(elapsed_s), 3),
            "in_flight": self._in_flight(),
            "rows": self._counts.rows,
            "requests": self._counts.requests,
            "failures": self._counts.failures,
            "dropped": self._counts.dropped,
            "rate_per_s": round(rate, 3),
            "bytes_in_per_s": round(bytes_per_s, 1),
            **percentiles,
            "generator_bound": bound,
            "workers": workers,
        }
        return figures, counts

    def begin_second(self) -> None:
        """Forget the worst figures of the second that is over."""
        for health in self._health.values():
            health.reset_second()

    def status(self, *, state: str, phase: str, reason: str, elapsed_s: float) -> LiveStatus:
        """Return the live status at a moment."""
        rate, bytes_per_s = self._counts.rates()
        figures = self._counts.percentiles_ms()
        return {
            "run_id": self._run_id,
            "title": self._plan.title,
            "status": str(state),
            "phase": phase,
            "reason": reason,
            "elapsed_s": round(elapsed_s, 3),
            "duration_s": round(self._course.duration_s, 3),
            "users": self._users(),
            "planned_level": round(self._course.level(elapsed_s), 3),
            "planned_unit": "starts/s" if self._plan.is_open else "users",
            "in_flight": self._in_flight(),
            "requests": self._counts.requests,
            "failures": self._counts.failures,
            "dropped": self._counts.dropped,
            "rows": self._counts.rows,
            "rate_per_s": rate,
            "bytes_in_per_s": bytes_per_s,
            "latency": "response time" if self._plan.is_open else "service time",
            "p50_ms": figures["p50_ms"],
            "p95_ms": figures["p95_ms"],
            "p99_ms": figures["p99_ms"],
            "names": self._counts.names(elapsed_s),
            "errors": self._counts.errors(),
            "workers": [self._worker(handle) for handle in self._workers],
            "generator_bound_s": self._bound_seconds,
        }

    def _worker(self, handle: WorkerHandle) -> WorkerStats:
        health = self._health[handle.number]
        return {
            "worker": handle.number,
            "pid": handle.pid,
            "users": health.users,
            "rows": health.rows,
            "cpu": round(health.cpu, 3),
            "loop_lag_ms": health.loop_lag_ms,
            "schedule_lag_ms": health.lag_us / 1000,
            "alive": handle.process.poll() is None,
        }

    def _users(self) -> int:
        return sum(health.users for health in self._health.values())

    def _in_flight(self) -> int:
        return sum(health.in_flight for health in self._health.values())
