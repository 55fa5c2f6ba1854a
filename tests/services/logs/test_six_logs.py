"""Six logs in four formats, field by field (goose-parity, part 9)."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from maid_lab.services.logs.fields import FIELDS, FORMATS, LOGS
from maid_lab.services.logs.lines import rfc3339, template_id
from maid_lab.store.parquet import finalise, read_counts
from tests.services.logs.parsing import entries
from tests.services.logs.stored import REQUEST, WALL_NS, logs_of, stored_run
from tests.store.spools import RUN

RAW = {name: REQUEST[name] for name in ("method", "url", "headers", "body")}
TEMPLATE = hashlib.sha256(b'error_status\nHTTP 503 for order <n>, "cart"\n503\n').hexdigest()[:12]


def when(at_ms: float) -> dict[str, Any]:
    return {"run_id": RUN, "time": f"2026-11-23T12:00:00.{round(at_ms * 1000):06d}Z", "elapsed": at_ms}


def known(path: str, method: str = "GET") -> dict[str, Any]:
    return {"method": method, "url": f"http://shop.test{path}", "headers": None, "body": None}


GOOSE = {"update": False, "coordinated_omission_elapsed": 0, "user_cadence": 0, "synthetic": False}
CART = {
    "worker": 0, "user": 1, "iteration": 0, "scenario_index": 0, "scenario_name": "buy", "transaction_index": 0, "transaction_name": "pay",
    "name": "GET /cart", "final_url": "http://shop.test/cart", "redirected": False, "status_code": 200, "success": True, "error": "",
    "outcome": "ok", "attempt": 0, "connected_ns": None, "bytes_out": 80, "bytes_in": 400, "tags": {"team": "a", "tier": "1"},
}  # fmt: skip
BUSY = 'HTTP 503 for order 12, "cart"'
EXPECTED: dict[str, list[dict[str, Any]]] = {
    "program": [
        {**when(0), "time": "2026-11-23T12:00:00.000100Z", "level": "info", "logger": "supervisor", "message": "load starts"},
        {**when(5), "level": "warning", "logger": "worker 0", "message": 'slow, "very"'},
        {**when(6), "level": "debug", "logger": "worker 0", "message": "cart has 2 lines"},
    ],
    "request": [
        {
            **when(0), **CART, **GOOSE, "user": None, "transaction_index": None, "transaction_name": "", "raw": known("/search", "POST"),
            "name": "POST /search", "final_url": "http://shop.test/search", "response_time": 1, "phase": "increase", "intended_ns": 0,
            "start_ns": 0, "first_byte_ns": 1_000_000, "end_ns": 1_000_000, "tags": {},
        },
        {
            **when(1), **CART, **GOOSE, "raw": known("/cart"), "response_time": 1, "phase": "increase", "intended_ns": 900_000,
            "start_ns": 1_000_000, "connected_ns": 1_200_000, "first_byte_ns": 1_800_000, "end_ns": 2_000_000,
        },
        {
            **when(3), **CART, **GOOSE, "iteration": 1, "raw": RAW, "final_url": RAW["url"], "response_time": 2, "status_code": 503,
            "success": False, "error": BUSY, "outcome": "error_status", "phase": "maintain", "attempt": 1, "intended_ns": 3_000_000,
            "start_ns": 3_000_000, "first_byte_ns": 4_000_000, "end_ns": 5_000_000,
        },
        {
            **when(6), **CART, **GOOSE, "iteration": 1, "raw": RAW, "final_url": RAW["url"], "redirected": True, "response_time": 1,
            "phase": "maintain", "intended_ns": 6_000_000, "start_ns": 6_000_000, "first_byte_ns": 7_000_000, "end_ns": 7_000_000,
        },
        {
            **when(7), **CART, **GOOSE, "user": 2, "raw": known("/cart"), "response_time": 0, "status_code": 0, "success": False,
            "error": "dropped", "outcome": "dropped", "phase": "decrease", "intended_ns": 7_000_000, "start_ns": 7_000_000,
            "first_byte_ns": None, "end_ns": 7_000_000,
        },
    ],
    "transaction": [{
        **when(1), "worker": 0, "user": 1, "iteration": 0, "scenario_index": 0, "transaction_index": 0, "name": "pay", "run_time": 4,
        "success": False, "phase": "maintain",
    }],
    "scenario": [{**when(1), "worker": 0, "user": 1, "iteration": 0, "name": "buy", "index": 0, "run_time": 6, "outcome": "ok"}],
    "error": [{
        **when(3), "raw": RAW, "name": "GET /cart", "final_url": RAW["url"], "redirected": False, "response_time": 2, "status_code": 503,
        "user": 1, "error": BUSY, "outcome": "error_status", "error_template_id": TEMPLATE, "sample_id": "0-0-1",
    }],
    "debug": [{
        **when(5), "worker": 0, "user": 1, "iteration": 1, "scenario_name": "buy", "name": "GET /cart", "tag": BUSY, "request": RAW,
        "header": "HTTP 503\nretry-after: 1", "body": "busy,\ntry again", "truncated": False, "status_code": 503, "outcome": "error_status",
        "error": BUSY,
    }],
}  # fmt: skip


@pytest.mark.parametrize("from_parquet", [False, True], ids=["spool", "parquet"])
@pytest.mark.parametrize("format", FORMATS)
def test_every_field_of_every_log_in_every_format(format: str, from_parquet: bool, tmp_path: Path) -> None:
    folder = stored_run(tmp_path)
    if from_parquet:
        finalise(folder)
    for kind, text in logs_of(folder, tmp_path, format=format, from_parquet=from_parquet).items():
        found = entries(kind, format, text)
        # csv has no word for none: an empty cell is an empty text too.
        if format == "csv":
            expected = [
                {key: "" if value is None and key == "final_url" else value for key, value in entry.items()} for entry in EXPECTED[kind]
            ]
        else:
            expected = EXPECTED[kind]
        assert found == expected, kind
        assert [list(entry) for entry in found] == [list(FIELDS[kind])] * len(found)


def test_lines_are_rows(tmp_path: Path) -> None:
    folder = stored_run(tmp_path)
    texts = logs_of(folder, tmp_path)
    finalise(folder)
    counts = read_counts(folder)
    assert counts is not None
    lines = {kind: text.count("\n") for kind, text in texts.items()}
    assert (lines["request"], lines["transaction"], lines["scenario"]) == (counts.requests, counts.transactions, counts.iterations)
    assert lines["error"] == counts.failed == 1


@pytest.mark.parametrize(("level", "told"), [(0, ["warning"]), (1, ["info", "warning"]), (2, ["info", "warning", "debug"])])
def test_the_level_of_the_program_log(level: int, told: list[str], tmp_path: Path) -> None:
    text = logs_of(stored_run(tmp_path), tmp_path, level=level)["program"]
    assert [entry["level"] for entry in entries("program", "json", text)] == told


def test_bodies_are_left_out_of_the_request_log_unless_asked_for(tmp_path: Path) -> None:
    text = logs_of(stored_run(tmp_path), tmp_path, request_body=False)["request"]
    assert [entry["raw"]["body"] for entry in entries("request", "json", text)] == [None] * 5
    assert entries("request", "json", text)[3]["raw"]["headers"] == RAW["headers"]


def test_a_redirected_request_of_which_nothing_was_kept_has_no_url(tmp_path: Path) -> None:
    folder = stored_run(tmp_path)
    (folder.path / "captured-0-0.jsonl").unlink()
    (entry,) = (entry for entry in entries("request", "json", logs_of(folder, tmp_path)["request"]) if entry["redirected"])
    assert entry["final_url"] is None
    assert entry["raw"] == known("/cart")


def test_errors_that_differ_in_numbers_share_their_template() -> None:
    ids = {template_id("timeout", f"no answer from 10.0.0.{n}:80 after {n} s", -1) for n in range(1, 50)}
    assert len(ids) == 1
    assert ids != {template_id("reset", "no answer from 10.0.0.1:80 after 1 s", -1)}


def test_times_are_rfc_3339() -> None:
    assert rfc3339(WALL_NS + 1_500) == "2026-11-23T12:00:00.000001Z"
    assert rfc3339(WALL_NS - 1_000_000) == "2026-11-23T11:59:59.999000Z"


def test_there_are_six_logs_and_four_formats() -> None:
    assert len(LOGS) == len(FIELDS) == 6
    assert len(FORMATS) == 4
