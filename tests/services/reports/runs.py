"""Finished runs on disk for tests of reports."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from maid_lab.model.plan import Plan
from tests.analysis.rows import a_plan, iterations_of, realistic, series_of, transactions_of

THRESHOLDS = ("error_rate < 1%", "p95 < 800ms", "p99.9(request:checkout) < 2s", "rate >= 10/s", "apdex(100ms, *) >= 0.99 warn")


@dataclass(frozen=True)
class Record:
    columns: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        given = {
            "id": "019ab5c2-7a10-7c3e-9d0e-5a1f0c7b2d11",
            "status": "completed",
            "start_time": "2026-11-23T12:04:10Z",
            "duration_seconds": 121.4,
        }
        return given | self.columns


def write_run(folder: Path, requests: pl.LazyFrame, *, duration_s: int = 120) -> Path:
    """Write the files of a run into `folder` and return it."""
    for name, rows in (("requests", requests), ("transactions", transactions_of(requests)), ("iterations", iterations_of(requests))):
        rows.collect().write_parquet(folder / f"{name}.parquet")
    (folder / "series.jsonl").write_text("\n".join(map(json.dumps, series_of(duration_s))) + '\n{"second": 1', encoding="utf-8")
    (folder / "log.jsonl").write_text(
        '{"t_s": 20.0, "level": "info", "source": "supervisor", "message": "phase maintain"}\n', encoding="utf-8"
    )
    return folder


def realistic_run(folder: Path, *, rows: int = 20_000) -> tuple[Path, Plan]:
    return write_run(folder, realistic(rows)), a_plan(
        warmup_s=20, duration_s=120, level=50, thresholds=THRESHOLDS, parameters=(("users", 50),)
    )
