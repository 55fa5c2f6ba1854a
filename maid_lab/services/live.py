"""The state of the run slot as every face shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maid_lab.model.snapshot import LiveStatus

__all__ = ["slot_state"]


def slot_state(status: LiveStatus | None) -> dict[str, Any]:
    """Return what there is to say of the slot.

    Parameters
    ----------
    status : LiveStatus or None
        The newest status of the run that holds it; None when it is free. Before its first one a status has id, title and `pending` alone.

    Returns
    -------
    dict
        `state` (idle, or the status of the run), and of a run its figures: times in seconds or as the suffix says, `progress` and `error_rate` from
        0 to 1; `remaining_s` and `progress` are None when the plan has no end.
    """
    if status is None:
        return {"state": "idle", "run_id": None}
    requests, failures = status.get("requests", 0), status.get("failures", 0)
    elapsed, duration = status.get("elapsed_s", 0.0), status.get("duration_s", 0.0)
    return {
        "state": str(status["status"]),
        "run_id": status["run_id"],
        "title": status.get("title", ""),
        "phase": str(status.get("phase", "idle")),
        "reason": status.get("reason", ""),
        "elapsed_s": elapsed,
        "remaining_s": max(0.0, duration - elapsed) if duration else None,
        "progress": min(1.0, elapsed / duration) if duration else None,
        "users": status.get("users", 0),
        "planned_level": status.get("planned_level", 0.0),
        "planned_unit": status.get("planned_unit", ""),
        "in_flight": status.get("in_flight", 0),
        "requests": requests,
        "failures": failures,
        "dropped": status.get("dropped", 0),
        "error_rate": failures / requests if requests else 0.0,
        "rate_per_s": status.get("rate_per_s", 0.0),
        "latency": status.get("latency", ""),
        **{name: status.get(name) for name in ("p50_ms", "p95_ms", "p99_ms")},
        "names": status.get("names", []),
        "errors": status.get("errors", []),
        "workers": status.get("workers", []),
        "generator_bound_s": status.get("generator_bound_s", 0),
    }
