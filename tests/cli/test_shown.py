"""What is counted and shown: the flags that leave something out, on real runs and on stored ones."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from maid_lab.cli.entry import call
from maid_lab.demo.launch import DemoProcess
from tests.cli.recipes import write_recipe

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def recipe(tmp_path: Path, shop: DemoProcess) -> Path:
    shop.calm()
    path = write_recipe(tmp_path, shop.url, thresholds="error_rate <= 100%")
    text = path.read_text().replace(
        "      - {name: front page, get: /}", "      - {transaction: enter, steps: [{name: front page, get: /}]}"
    )
    path.write_text(text.replace("/products}", "/nothing-here}"))
    return path


def run(capsys: Capture, *words: str, code: int = 0) -> str:
    assert call(["run", *words, "--workers", "1", "-q"]) == code
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("flag", "gone", "key"),
    [
        ("--no-transaction-metrics", "\ntransactions ", "transactions"),
        ("--no-scenario-metrics", "\nscenarios ", "scenarios"),
        ("--no-status-codes", "\nstatus codes ", "status_codes"),
        ("--no-error-summary", "\nerrors", ""),
        ("--no-print-metrics", "\nrequests ", ""),
    ],
)
def test_a_family_is_left_out_of_console_and_json_and_its_rows_stay(recipe: Path, capsys: Capture, flag: str, gone: str, key: str) -> None:
    whole = run(capsys, str(recipe))
    assert gone in whole
    assert gone not in run(capsys, str(recipe), flag)
    # The stored run has everything; `show` leaves out what it is told.
    assert call(["show"]) == 0
    assert gone in capsys.readouterr().out
    assert call(["show", flag]) == 0
    assert gone not in capsys.readouterr().out
    assert call(["show", flag, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["summary"]
    assert call(["show", "--json"]) == 0
    stored = json.loads(capsys.readouterr().out)["summary"]
    assert set(stored) - set(shown) == ({key} if key else set())


def test_reports_leave_out_what_they_are_told(recipe: Path, tmp_path: Path, capsys: Capture) -> None:
    run(capsys, str(recipe))
    flags = ["--no-transaction-metrics", "--no-scenario-metrics", "--no-status-codes", "--no-granular-report"]
    texts: dict[str, tuple[str, str]] = {}
    for suffix in ("html", "md", "json", "csv"):
        whole, less = tmp_path / f"whole.{suffix}", tmp_path / f"less.{suffix}"
        assert call(["report", "-o", str(whole)]) == 0
        assert call(["report", "-o", str(less), *flags]) == 0
        texts[suffix] = whole.read_text(), less.read_text()
    for mark in ('id="transactions"', 'id="scenarios"', "<h2>Status codes</h2>", 'id="chart-granular"'):
        assert [mark in text for text in texts["html"]] == [True, False]
    for mark in ("| transaction |", "| scenario |", "Status codes:"):
        assert [mark in text for text in texts["md"]] == [True, False]
    left = [set(json.loads(text)["summary"]) for text in texts["json"]]
    assert left[0] - left[1] == {"transactions", "scenarios", "status_codes"}
    tables = [{row["table"] for row in csv.DictReader(text.splitlines())} for text in texts["csv"]]
    assert tables == [{"all", "request", "transaction", "scenario"}, {"all", "request"}]


def test_one_run_has_two_summaries_of_the_same_rows(recipe: Path, shop: DemoProcess, capsys: Capture) -> None:
    record = json.loads(run(capsys, str(recipe), "--increase-time", "600ms", "--json"))
    assert record["rows_count"] == shop.stats()["served"]["total"]

    def measured(*flags: str) -> tuple[int, int]:
        assert call(["show", "--json", *flags]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        left_out = sum(part["count"] for part in found["summary"]["unmeasured"] if part["section"] == "warm-up")
        return found["summary"]["totals"]["requests"], left_out

    without, warmup = measured()
    assert warmup > 0
    assert measured("--no-reset-metrics") == (without + warmup, 0)
    shop.calm()
    record = json.loads(run(capsys, str(recipe), "--increase-time", "600ms", "--no-reset-metrics", "--json"))
    assert record["summary"]["totals"]["requests"] == record["rows_count"] == shop.stats()["served"]["total"]


def test_a_run_that_aborted_does_not_pass_because_its_warmup_is_counted(recipe: Path, capsys: Capture) -> None:
    text = (
        recipe.read_text().replace("error_rate <= 100%", "error_rate <= 100%, error_rate < 0.001% over 100ms abort").replace("500ms", "5s")
    )
    recipe.write_text(text)
    run(capsys, str(recipe), code=1)
    recorded = [call(["show", "--json"]), json.loads(capsys.readouterr().out)]
    counted = [call(["show", "--json", "--no-reset-metrics"]), json.loads(capsys.readouterr().out)]
    assert [recorded[1]["status"], recorded[1]["verdict"]] == [counted[1]["status"], counted[1]["verdict"]] == ["stopped", "fail"]


def test_without_metrics_no_row_is_kept_and_the_counts_are_those_of_the_target(
    recipe: Path, tmp_path: Path, shop: DemoProcess, capsys: Capture
) -> None:
    record = json.loads(run(capsys, str(recipe), "--no-metrics", "--json"))
    assert record["total_requests"] == shop.stats()["served"]["total"] > 0
    assert record["failed_requests"] > 0
    assert (record["rows_count"], record["verdict"], record["status"]) == (0, None, "completed")
    assert "no rows were kept" in record["reason"]
    assert call(["show"]) == 0
    assert f"{record['total_requests']:,} requests" in capsys.readouterr().out
    assert call(["show", "--no-reset-metrics", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["verdict"], again["total_requests"]) == (None, record["total_requests"])
    assert call(["report", "-o", str(tmp_path / "r.html")]) == 0
    assert f"{record['total_requests']:,} requests were counted and no rows were kept" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    "other", ["--request-log", "--transaction-log", "--scenario-log", "--error-log", "--report-file", "--baseline-file"]
)
def test_what_is_made_of_rows_excludes_no_metrics(recipe: Path, tmp_path: Path, capsys: Capture, other: str) -> None:
    assert call(["run", str(recipe), "--no-metrics", other, str(tmp_path / "x.html")]) == 2
    assert f"--no-metrics and {other} exclude each other" in capsys.readouterr().err


def test_flags_of_controllers_lead_to_maid_control(recipe: Path, capsys: Capture) -> None:
    assert call(["run", str(recipe), "--workers", "1", "-q", "--no-telnet", "--no-websocket"]) == 0
    said = capsys.readouterr().err
    assert "--no-telnet changes nothing" in said
    assert "maid control" in said
    for flag in ("--telnet-host", "--telnet-port", "--websocket-host", "--websocket-port"):
        assert call(["run", str(recipe), flag, "1"]) == 2
        refused = capsys.readouterr().err
        assert flag in refused
        assert "maid control" in refused


def test_the_course_of_the_run_stands_in_summary_and_reports(recipe: Path, tmp_path: Path, capsys: Capture) -> None:
    out = run(capsys, str(recipe), "--increase-time", "400ms", "--decrease-time", "300ms")
    assert "\ncourse  increase 0" in out
    assert call(["report", "-o", str(tmp_path / "r.md"), "-o", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.html")]) == 0
    phases = json.loads((tmp_path / "r.json").read_text())["summary"]["phases"]
    assert [phase["what"] for phase in phases] == ["increase", "maintain", "decrease", "shutdown"]
    assert all(one["end_s"] == other["start_s"] for one, other in pairwise(phases))
    assert "| increase | 0." in (tmp_path / "r.md").read_text()
    assert 'id="course"' in (tmp_path / "r.html").read_text()
