"""Rows made up for tests: exact small ones, and a realistic large run with a ramp, a stall and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from maid_lab.model.plan import Label, Load, Plan, Segment, Target

Floats = NDArray[np.float64]

#: Columns of a request row with their type and a value for rows that do not name another.
COLUMNS: dict[str, tuple[Any, Any]] = {
    "worker": (pl.UInt16, 0),
    "user": (pl.UInt32, 0),
    "iteration": (pl.UInt32, 0),
    "scenario": (pl.Categorical, "browse"),
    "transaction": (pl.Categorical, ""),
    "name": (pl.Categorical, "GET /"),
    "kind": (pl.Categorical, "http"),
    "method": (pl.Categorical, "GET"),
    "url": (pl.Categorical, "/"),
    "intended": (pl.Int64, None),
    "start": (pl.Int64, None),
    "connected": (pl.Int64, None),
    "first_byte": (pl.Int64, None),
    "end": (pl.Int64, None),
    "status": (pl.Int16, 200),
    "outcome": (pl.Categorical, "ok"),
    "error": (pl.Categorical, None),
    "bytes_out": (pl.UInt32, 100),
    "bytes_in": (pl.UInt32, 1000),
    "attempt": (pl.UInt8, 0),
    "redirected": (pl.Boolean, False),
    "reused": (pl.Boolean, True),
    "phase": (pl.Categorical, "maintain"),
    "users": (pl.UInt32, 1),
    "in_flight": (pl.UInt32, 0),
    "lag": (pl.UInt32, 0),
    "trace_id": (pl.UInt64, None),
    "tags": (pl.String, None),
    "section": (pl.Categorical, "scenario"),
}
SCHEMA = {name: kind for name, (kind, _) in COLUMNS.items()}
DEFAULTS = {name: value for name, (_, value) in COLUMNS.items()}

MS = 1_000_000
S = 1_000_000_000


def near(value: float, *, rel: float = 1e-9, abs: float = 1e-9) -> Any:
    """Return something equal to numbers near `value`, typed so that it fits into frozen records."""
    return pytest.approx(value, rel=rel, abs=abs)


def row(*, start_s: float, ms: float = 10.0, blocked_ms: float = 0.0, **values: Any) -> dict[str, Any]:
    start = round(start_s * S)
    stamps = {"start": start, "end": start + round(ms * MS), "intended": start - round(blocked_ms * MS)}
    return {**DEFAULTS, **stamps, **values}


def frame(rows: list[dict[str, Any]]) -> pl.LazyFrame:
    return pl.DataFrame(rows, schema=SCHEMA).lazy()


def steady(n: int, *, over_s: float = 10.0, **values: Any) -> list[dict[str, Any]]:
    """Return n rows at even distances whose service times are 1, 2, … n ms."""
    return [row(start_s=over_s * at / n, ms=at + 1, user=at % 10, **values) for at in range(n)]


def a_plan(
    *,
    model: str = "users",
    warmup_s: float = 0.0,
    duration_s: float = 10.0,
    level: float = 10.0,
    thresholds: tuple[str, ...] = (),
    **values: Any,
) -> Plan:
    ramp = (Segment(start_s=0, end_s=warmup_s, level_from=0, level_to=level),) if warmup_s else ()
    hold = Segment(start_s=warmup_s, end_s=duration_s, level_from=level, level_to=level)
    load = Load(name="main", profile="constant-users", model=model, segments=(*ramp, hold), order=(0,), max_users=50)  # type: ignore[arg-type]
    given: dict[str, Any] = {
        "recipe_id": "shop", "recipe_version": "1.0.0", "title": "Shop through one day", "content_hash": "c" * 64, "seed": 7,
        "targets": (Target(base_url="http://127.0.0.1:8090"),), "loads": (load,), "scenarios": (),
        "labels": (Label(scenario="", transaction="", name="", kind="users"),), "thresholds": thresholds,
        "warmup_end_s": warmup_s, "duration_s": duration_s, "plan_hash": "9f" * 32,
    }  # fmt: skip
    return Plan(**{**given, **values})


#: scenario, transaction, name, share, median service time in ms
_NAMES = (
    ("browse", "", "product list", 0.35, 4.0),
    ("browse", "", "product page", 0.25, 6.0),
    ("search", "", "search", 0.2, 11.0),
    ("buy", "fill cart", "add to cart", 0.12, 8.0),
    ("buy", "pay", "checkout", 0.08, 22.0),
)


def realistic(n: int = 200_000, *, duration_s: float = 120.0, ramp_s: float = 20.0, users: int = 50, seed: int = 7) -> pl.LazyFrame:
    """Return a run with a ramp, a stall of 2.5 s at 60 % of its time, a burst of 503s, timeouts, and a slower last quarter."""
    rng = np.random.default_rng(seed)
    ramped = rng.random(n) < ramp_s / 2 / (duration_s - ramp_s / 2)
    start = np.sort(np.where(ramped, ramp_s * np.sqrt(rng.random(n)), ramp_s + (duration_s - ramp_s) * rng.random(n)))
    which = rng.choice(len(_NAMES), n, p=[item[3] for item in _NAMES])
    ms = _durations_ms(start, np.array([item[4] for item in _NAMES])[which], duration_s=duration_s, rng=rng)
    ends = _ends(start, duration_s=duration_s, rng=rng)
    ms = np.where(np.array(ends["outcome"]) == "timeout", 10_000.0, ms)
    start_ns, service_ns = (start * S).astype(np.int64), (ms * MS).astype(np.int64)
    level = np.minimum(users, np.ceil(users * start / ramp_s)).astype(int)
    lag_us = rng.exponential(60, n).astype(int)
    scenario, transaction, name = ([_NAMES[at][part] for at in which] for part in (0, 1, 2))
    varied: dict[str, Any] = {
        "worker": rng.integers(0, 2, n),
        "user": rng.integers(0, np.maximum(level, 1)),
        "iteration": np.arange(n) // users,
        "scenario": scenario,
        "transaction": transaction,
        "name": name,
        "method": ["POST" if text else "GET" for text in transaction],
        "intended": start_ns - lag_us * 1000,
        "start": start_ns,
        "first_byte": start_ns + service_ns // 2,
        "end": start_ns + service_ns,
        "bytes_out": rng.integers(180, 420, n),
        "bytes_in": rng.integers(400, 9000, n),
        "phase": ["increase" if at < ramp_s else "maintain" for at in start],
        "users": level,
        "in_flight": rng.poisson(np.maximum(level * 0.2, 0.1)),
        "lag": lag_us,
        **ends,
    }
    data = {key: varied.get(key, [value] * n) for key, value in DEFAULTS.items()}
    return pl.DataFrame(data, schema=SCHEMA, strict=False).lazy()


def _durations_ms(start: Floats, median: Floats, *, duration_s: float, rng: np.random.Generator) -> Floats:
    n, stall = len(start), 0.6 * duration_s
    ms = median * rng.lognormal(0, 0.45, n) * np.where(start > 0.75 * duration_s, 1.6, 1.0)
    ms = np.where(rng.random(n) < 0.003, ms + rng.exponential(120, n), ms)
    stalled = (start > stall) & (start < stall + 2.5) & (rng.random(n) < 0.3)
    return np.where(stalled, (stall + 2.5 - start) * 1000 + ms, ms)


def _ends(start: Floats, *, duration_s: float, rng: np.random.Generator) -> dict[str, list[Any]]:
    n = len(start)
    burst = (start > 0.4 * duration_s) & (start < 0.45 * duration_s) & (rng.random(n) < 0.25)
    kinds = (
        (burst, "error_status", 503, "HTTP 503 Service Unavailable"),
        (rng.random(n) < 0.0012, "check_failed", 200, "$.sku: expected SKU-{a}, found SKU-{b}"),
        (rng.random(n) < 0.0006, "timeout", -1, "no answer from 127.0.0.1:8090 within 10 s"),
        (rng.random(n) < 0.0004, "reset", -1, "connection to 127.0.0.1:4{c:04d} was reset by the peer"),
    )
    result: dict[str, list[Any]] = {"outcome": ["ok"] * n, "status": [200] * n, "error": [None] * n}
    for mask, outcome, status, text in kinds:
        for at in np.flatnonzero(mask):
            result["outcome"][at], result["status"][at] = outcome, status
            result["error"][at] = text.format(a=at % 40, b=at % 31, c=at % 50)
    return result


def transactions_of(requests: pl.LazyFrame) -> pl.LazyFrame:
    """Return transaction rows as if each request with a transaction were one."""
    return requests.filter(pl.col("transaction").cast(pl.String) != "").with_columns(kind=pl.lit("transaction"), name="transaction")


def iterations_of(requests: pl.LazyFrame) -> pl.LazyFrame:
    """Return iteration rows: every third request as one."""
    return requests.gather_every(3).with_columns(kind=pl.lit("iteration"), name="scenario", transaction=pl.lit(""))


def series_of(duration_s: int, *, bound: frozenset[int] = frozenset()) -> list[dict[str, Any]]:
    workers = [{"worker": n, "cpu": 0.62, "loop_lag_ms": 0.8, "schedule_lag_ms": 0.2, "users": 25} for n in range(2)]
    return [
        {"second": at, "elapsed_s": at + 1.0, "users": 50, "in_flight": 9, "generator_bound": at in bound, "workers": workers}
        for at in range(duration_s)
    ]
