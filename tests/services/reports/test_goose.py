"""The report under Goose's keys: figures are those of the summary, and the file is a baseline as well."""

from __future__ import annotations

import json
from pathlib import Path

from maid_lab.services.reports.content import gather
from maid_lab.services.reports.exports import json_report
from maid_lab.services.reports.run_files import RunFiles
from maid_lab.services.reports.shown import Shown
from maid_lab.services.reports.views import ViewChoice
from tests.analysis.rows import a_plan, frame, row
from tests.services.reports.runs import Record, realistic_run


def test_the_keys_are_those_of_goose_and_the_figures_those_of_the_summary(tmp_path: Path) -> None:
    folder, plan = realistic_run(tmp_path)
    content = gather(Record(), RunFiles.in_folder(folder), plan, choice=ViewChoice(co_mitigation="average"))
    goose = json.loads(json_report(content))["goose"]
    assert set(goose) == {
        "raw_metrics", "raw_request_metrics", "raw_response_metrics", "co_request_metrics", "co_response_metrics", "scenario_metrics",
        "transaction_metrics", "status_code_metrics", "errors", "coordinated_omission_metrics",
    }  # fmt: skip
    assert {"hash", "duration", "maximum_users", "total_users", "requests", "transactions", "scenarios", "errors", "hosts"} <= set(
        goose["raw_metrics"]
    )
    *requests, overall = goose["raw_request_metrics"]
    assert {(item["name"], item["number_of_requests"], item["number_of_failures"]) for item in requests} == {
        (each.name, each.count, each.failures) for each in content.summary.requests
    }
    assert (overall["name"], overall["number_of_requests"]) == ("Aggregated", content.summary.totals.sent)
    assert sum(item["requests_per_second"] for item in requests) - overall["requests_per_second"] < 1e-6
    assert goose["raw_response_metrics"][-1]["percentile_95"] == content.summary.overall.service.p95
    counted = sum(sum(item["status_code_counts"].values()) for item in goose["raw_metrics"]["requests"].values())
    assert counted == sum(code.count for code in content.summary.status_codes if code.status > 0)
    assert sum(item["occurrences"] for item in goose["errors"]) == content.summary.totals.failures


def test_status_codes_are_written_as_goose_writes_them() -> None:
    rows = [row(start_s=at, name="page", method="GET", status=404 if at == 3 else 200) for at in range(1, 6)]
    content = gather(Record(), RunFiles(requests=frame(rows)), a_plan())
    goose = json.loads(json_report(content))["goose"]
    assert goose["status_code_metrics"] == [{"method": "GET", "name": "page", "status_codes": "4 [200], 1 [404]"}]


def test_what_is_not_shown_is_not_there_either(tmp_path: Path) -> None:
    folder, plan = realistic_run(tmp_path)
    shown = Shown(transactions=False, scenarios=False, status_codes=False)
    content = gather(Record(), RunFiles.in_folder(folder), plan, choice=ViewChoice(shown=shown))
    goose = json.loads(json_report(content))["goose"]
    assert not {"transaction_metrics", "scenario_metrics", "status_code_metrics", "co_request_metrics"} & set(goose)
