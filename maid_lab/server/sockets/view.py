"""What status and metrics frames hold, made from the live status of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["idle_data", "metrics_data", "resident_bytes", "status_data"]

_FIGURES: Final = ("requests", "failures", "dropped", "rows", "rate_per_s", "bytes_in_per_s", "latency", "p50_ms", "p95_ms", "p99_ms")


def idle_data(*, slot: str = "idle", title: str = "", thresholds: Sequence[str] = ()) -> dict[str, Any]:
    """Return the status while no run is under way: `idle`, or `pending` when a test waits to be started."""
    return {"slot": slot, "title": title, "thresholds": list(thresholds)}


def status_data(live: Mapping[str, Any], *, thresholds: Sequence[str] = ()) -> dict[str, Any]:
    """Return the status of a run: where it is, how much is left, its figures so far, its workers and whether they keep up."""
    elapsed, duration = float(live.get("elapsed_s") or 0), float(live.get("duration_s") or 0)
    requests, failures = int(live.get("requests") or 0), int(live.get("failures") or 0)
    workers: list[Mapping[str, Any]] = list(live.get("workers") or ())
    return {
        "slot": live.get("status", "running"),
        "title": live.get("title", ""),
        "phase": live.get("phase", ""),
        "reason": live.get("reason", ""),
        "elapsed_s": elapsed,
        "remaining_s": round(max(0.0, duration - elapsed), 3),
        "progress": round(min(1.0, elapsed / duration), 4) if duration > 0 else 0.0,
        "users": live.get("users", 0),
        "planned_level": live.get("planned_level"),
        "planned_unit": live.get("planned_unit", "users"),
        "in_flight": live.get("in_flight", 0),
        **{name: live.get(name) for name in _FIGURES},
        "error_rate": round(failures / requests, 6) if requests else 0.0,
        "thresholds": list(thresholds),
        "errors": list(live.get("errors") or ()),
        "workers": workers,
        "generator": {**_generator(workers), "bound_s": live.get("generator_bound_s", 0)},
    }


def metrics_data(live: Mapping[str, Any], memory: Mapping[int, int]) -> dict[str, Any]:
    """Return the figures of one second, for each request name and in total.

    Parameters
    ----------
    memory : mapping of int to int
        Resident bytes by process.
    """
    workers: list[Mapping[str, Any]] = list(live.get("workers") or ())
    names: list[Mapping[str, Any]] = list(live.get("names") or ())
    highest = [name["max_ms"] for name in names if name.get("max_ms") is not None]
    return {
        "elapsed_s": live.get("elapsed_s", 0.0),
        "users": live.get("users", 0),
        "in_flight": live.get("in_flight", 0),
        "latency": live.get("latency", ""),
        "total": {
            "count": live.get("requests", 0),
            "failures": live.get("failures", 0),
            "rate_per_s": live.get("rate_per_s", 0.0),
            "p50_ms": live.get("p50_ms"),
            "p95_ms": live.get("p95_ms"),
            "p99_ms": live.get("p99_ms"),
            "max_ms": max(highest, default=None),
            "bytes_in_per_s": live.get("bytes_in_per_s", 0.0),
        },
        "names": names,
        "generator": {
            **_generator(workers),
            "cpu": round(sum(float(worker.get("cpu") or 0) for worker in workers), 3),
            "memory_bytes": sum(memory.values()),
        },
    }


def resident_bytes(pids: Iterable[int]) -> dict[int, int]:
    """Return the resident memory of processes, those left out that are gone or that this system tells nothing of."""
    found = {}
    for pid in pids:
        try:
            status = Path(f"/proc/{int(pid)}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), None)
        if line is not None:
            found[int(pid)] = int(line.split()[1]) * 1024
    return found


def _generator(workers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    known = list(workers)
    return {
        "workers": len(known),
        "alive": sum(1 for worker in known if worker.get("alive")),
        "loop_lag_ms": max((float(worker.get("loop_lag_ms") or 0) for worker in known), default=0.0),
        "schedule_lag_ms": max((float(worker.get("schedule_lag_ms") or 0) for worker in known), default=0.0),
    }
