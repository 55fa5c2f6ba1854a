from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from maid_lab.services.reports.content import ReportContent, gather
from maid_lab.services.reports.exports import CSV_COLUMNS, csv_report, json_report, junit_report, markdown_report
from maid_lab.services.reports.run_files import RunFiles
from tests.analysis.rows import a_plan, frame, row, steady
from tests.services.reports.runs import Record, realistic_run

HOSTILE = '=cmd|"x"</script><b>| _*a*_ [l](javascript:x)\x01'


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> ReportContent:
    folder, plan = realistic_run(tmp_path_factory.mktemp("run"))
    return gather(Record(), RunFiles.in_folder(folder), plan)


def _hostile() -> ReportContent:
    rows = [*steady(250, name=HOSTILE), row(start_s=1, outcome="timeout", error=HOSTILE, name=HOSTILE)]
    plan = a_plan(title=HOSTILE, recipe_id=HOSTILE, thresholds=("p99 < 1s",))
    return gather(Record(), RunFiles(requests=frame(rows)), plan)


def test_json_has_run_verdict_summary_and_what_repeats_the_run(content: ReportContent) -> None:
    data = json.loads(json_report(content))
    assert list(data) == ["schema", "run", "title", "plan_hash", "seed", "command", "verdict", "summary", "goose"]
    assert data["verdict"] == "fail"
    assert data["command"] == "maid run shop --param users=50 --seed 7"
    assert [item["status"] for item in data["summary"]["thresholds"]] == ["fail", "pass", "unknown", "pass", "fail"]
    assert {item["name"] for item in data["summary"]["requests"]} == {"add to cart", "checkout", "product list", "product page", "search"}


def test_csv_has_one_row_for_each_line_of_the_tables(content: ReportContent) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_report(content))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(item["table"], item["name"]) for item in rows] == [
        ("all", "all requests"),
        *(("request", name) for name in ("add to cart", "checkout", "product list", "product page", "search")),
        ("transaction", "fill cart"),
        ("transaction", "pay"),
        *(("scenario", name) for name in ("browse", "buy", "search")),
    ]
    assert float(rows[0]["p95_ms"]) == content.summary.overall.service.p95


def test_markdown_names_verdict_thresholds_and_requests(content: ReportContent) -> None:
    text = markdown_report(content)
    assert text.startswith("## ❌ Shop through one day: fail\n")
    assert "| ❔ | p99.9(request:checkout) &lt; 2s | – | needs 10,000 samples" in text
    assert "| checkout |" in text


def test_junit_counts_failures_errors_and_warnings_apart(content: ReportContent) -> None:
    suite = ElementTree.fromstring(junit_report(content).encode())
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    assert suite.find("testcase/failure") is not None


@pytest.mark.parametrize("write", [json_report, csv_report, markdown_report, junit_report])
def test_reports_of_a_run_without_rows_are_written_too(write: Callable[[ReportContent], str]) -> None:
    assert write(gather(Record(), RunFiles(requests=frame([])), a_plan(thresholds=("p95 < 1s",))))


def test_hostile_names_stay_text_in_every_format() -> None:
    hostile = _hostile()
    rows = list(csv.DictReader(io.StringIO(csv_report(hostile))))
    assert rows[1]["name"] == f"'{HOSTILE}"
    assert json.loads(json_report(hostile))["summary"]["requests"][0]["name"] == HOSTILE
    assert ElementTree.fromstring(junit_report(hostile).encode()).get("name") == HOSTILE.replace("\x01", "")
    markdown = markdown_report(hostile)
    assert "<b>" not in markdown
    assert "\\[l\\]" in markdown


def test_secrets_are_named_and_never_shown(tmp_path: Path) -> None:
    plan = a_plan(parameters=(("users", 2), ("password", "{{ secrets.password }}")), secrets=("password",))
    data = gather(Record(), RunFiles(requests=frame(steady(20))), plan).to_json()
    assert data["command"] == "maid run shop --param users=2 --seed 7"
