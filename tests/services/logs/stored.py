"""A stored run of known rows, and its logs as text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from maid_lab.model.plan import Scenario, Target
from maid_lab.model.rows import SETUP_USER, Outcome, Phase
from maid_lab.services.logs.choice import LogChoice, LogFile
from maid_lab.services.logs.fields import LOGS
from maid_lab.services.logs.scribe import Scribe
from maid_lab.store.folders import RunFolder
from tests.store.spools import CART, ITERATION, SEARCH, TRANSACTION, plan, record, run_folder, write_names, write_spool

__all__ = ["WALL_NS", "logs_of", "records", "stored_run"]

#: 2026-11-23T12:00:00Z, the wall clock at the run's zero.
WALL_NS: Final = 1_795_435_200_000_000_000
REQUEST: Final = {
    "method": "GET", "url": "http://shop.test/cart?page=2", "headers": [["Host", "shop.test"], ["Authorization", "***"]], "body": "",
    "truncated": False,
}  # fmt: skip
_MS: Final = 1_000_000


def records() -> list[bytes]:
    """A request whose connection was opened, a failed one, a dropped one, one of setup, and what is around them."""
    opened = (2 * _MS, 1_800_000, 900_000, 1_200_000, 0)
    return [
        record(0, label=SEARCH, service=_MS, user=SETUP_USER, ttfb=_MS, phase=Phase.INCREASE),
        record(_MS, label=CART, service=_MS, blocked=100_000, ttfb=800_000, extension=opened, phase=Phase.INCREASE),
        record(3 * _MS, label=CART, service=2 * _MS, ttfb=_MS, iteration=1, status=503, outcome=Outcome.ERROR_STATUS, error=1, attempt=1),
        record(6 * _MS, label=CART, service=_MS, ttfb=_MS, iteration=1, redirected=True, reused=True),
        record(7 * _MS, label=CART, service=0, user=2, status=-1, outcome=Outcome.DROPPED, phase=Phase.DECREASE),
        record(_MS, label=TRANSACTION, service=4 * _MS, outcome=Outcome.ERROR_STATUS, error=1),
        record(_MS, label=ITERATION, service=6 * _MS),
    ]


def stored_run(home: Path, rows: Iterable[bytes] | None = None) -> RunFolder:
    """Write the folder of a run that one worker has written so far."""
    folder = run_folder(home)
    whole = replace(
        plan(), targets=(Target(base_url="http://shop.test"),), scenarios=(Scenario(name="buy", label=ITERATION, weight=1, steps=()),)
    )
    folder.write_plan(whole.hashed())
    write_spool(folder, records() if rows is None else rows)
    write_names(folder, [{"kind": "error", "id": 1, "text": 'HTTP 503 for order 12, "cart"'}])
    (folder.path / "clock-0-0.json").write_text(json.dumps({"worker": 0, "epoch": 0, "pid": 1, "wall_ns_at_zero": WALL_NS}))
    _write_lines(folder, "log.jsonl", [
        {"time": "2026-11-23T12:00:00.000100Z", "t_s": 0.0, "level": "info", "source": "supervisor", "message": "load starts"},
        {"time": "2026-11-23T12:00:00.005000Z", "t_s": 0.005, "level": "warning", "source": "worker 0", "message": "slow, \"very\""},
        {"time": "2026-11-23T12:00:00.006000Z", "t_s": 0.006, "level": "debug", "source": "worker 0", "message": "cart has 2 lines"},
    ])  # fmt: skip
    _write_lines(folder, "captured-0-0.jsonl", [{"start": 6 * _MS, "user": 1, "label": CART, "request": REQUEST}])
    failed = {
        "worker": 0, "epoch": 0, "user": 1, "iteration": 1, "label": CART, "scenario": "buy", "transaction": "pay", "name": "GET /cart",
        "start": 3 * _MS, "end": 5 * _MS, "outcome": "error_status", "error": "HTTP 503 for order 12, \"cart\"", "status": 503,
    }  # fmt: skip
    answer = {"status": 503, "headers": [["retry-after", "1"]], "body": "busy,\ntry again", "truncated": False}
    _write_lines(folder, "samples.jsonl", [{"id": "0-0-1", **failed, "request": REQUEST, "response": answer}])
    raw = {key: value for key, value in REQUEST.items() if key != "truncated"}
    debug = {"tag": failed["error"], "at": 5 * _MS, **failed, "request": raw, "header": "HTTP 503\nretry-after: 1", "body": answer["body"]}
    _write_lines(folder, "debug-0-0.jsonl", [{**debug, "truncated": False}])
    return folder


def logs_of(folder: RunFolder, into: Path, *, format: str = "json", from_parquet: bool = False, **options: Any) -> dict[str, str]:
    """Write all six logs of a run and return their texts."""
    files = tuple(LogFile(kind=kind, path=str(into / f"{kind}.{format}"), format=format) for kind in LOGS)
    warnings: list[str] = []
    scribe = Scribe(
        folder, LogChoice(files=files, **{"level": 3, "request_body": True} | options), warnings.append, from_parquet=from_parquet
    )
    scribe.step(final=True)
    scribe.close()
    assert not warnings
    return {file.kind: Path(file.path).read_text(encoding="utf-8") for file in files}


def _write_lines(folder: RunFolder, name: str, entries: Iterable[dict[str, Any]]) -> None:
    (folder.path / name).write_text("".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries), encoding="utf-8")
