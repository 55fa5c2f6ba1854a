"""The record of a run: what the catalogue, `run.json` and all faces say of it."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from maid_lab.model.states import RunStatus

__all__ = ["ANNOTATIONS", "RunRecord", "new_run_id"]

#: What people may say of a run, at any time.
ANNOTATIONS: Final = ("name", "tags", "notes", "pinned")
_TIMES: Final = ("start_time", "end_time", "created_at", "updated_at")
_lock = threading.Lock()
_last_stamp = 0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run; the fields are the columns of `maid_runs`.

    Attributes
    ----------
    config_json : dict
        The plan.
    metrics_json : dict
        The summary, computed from the rows.
    verdict : str or None
        pass, fail, unknown; None without thresholds.
    rows_count : int
        Rows of `requests.parquet`.
    """

    id: str
    user_id: str = "local"
    api_key_id: str | None = None
    recipe_id: str = ""
    recipe_version: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    config_json: dict[str, Any] = field(default_factory=dict)
    plan_hash: str = ""
    metrics_json: dict[str, Any] = field(default_factory=dict)
    verdict: str | None = None
    status: str = RunStatus.PENDING
    reason: str = ""
    generator_bound: bool = False
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration_seconds: float | None = None
    total_requests: int = 0
    failed_requests: int = 0
    avg_response_time_ms: float | None = None
    p50_response_time_ms: float | None = None
    p95_response_time_ms: float | None = None
    p99_response_time_ms: float | None = None
    throughput_rps: float | None = None
    rows_count: int = 0
    notes: str = ""
    parent_run_id: str | None = None
    pinned: bool = False
    created_at: datetime = field(default_factory=_now)
    updated_at: datetime = field(default_factory=_now)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; times as ISO texts in UTC."""
        data = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        for name in _TIMES:
            moment = data[name]
            data[name] = moment.astimezone(UTC).isoformat() if moment is not None else None
        return {**data, "tags": list(self.tags), "status": str(self.status), "verdict": None if self.verdict is None else str(self.verdict)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunRecord:
        """Return the record that `to_json` wrote; fields that this version does not know are left out."""
        known = {spec.name for spec in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        for name in _TIMES:
            if isinstance(values.get(name), str):
                values[name] = datetime.fromisoformat(values[name])
        values["tags"] = tuple(values.get("tags") or ())
        return cls(**values)

    def changed(self, **changes: Any) -> RunRecord:
        """Return the record with changes and a new `updated_at`."""
        return replace(self, **{"updated_at": _now(), **changes})


def new_run_id() -> str:
    """Return a UUID of version 7 as text: ids sort by time, also those of one millisecond in one process (RFC 9562, method 3)."""
    global _last_stamp
    with _lock:
        # 48 bits of milliseconds and 12 bits below them.
        stamp = max((time.time_ns() << 12) // 1_000_000, _last_stamp + 1)
        _last_stamp = stamp
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | int.from_bytes(os.urandom(8), "big") >> 2
    return str(uuid.UUID(int=value))
