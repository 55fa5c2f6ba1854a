"""What a spike or a soak was run for stands in every report and on the console; of other loads there is nothing to say."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from maid_lab.cli.summary import print_summary
from maid_lab.model import profiles
from maid_lab.model.plan import Plan, Scenario
from maid_lab.model.run_record import RunRecord
from maid_lab.services.reports.service import ReportService
from tests.services.reports.runs import Record, realistic_run

RECOVERY = "Recovery after the spike of load main: "
TREND = "Trend of p50 of latency over "


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Plan]:
    folder, plan = realistic_run(tmp_path)
    scenarios = tuple(Scenario(name=name, label=0, weight=1, steps=()) for name in ("browse", "search", "buy"))
    return folder, replace(plan, scenarios=scenarios)


def spiked(plan: Plan) -> Plan:
    load = replace(plan.loads[0], profile="spike", segments=profiles.spike(50, 90, 40, 5, 120), order=(0, 1, 2))
    return replace(plan, loads=(load,))


def soaked(plan: Plan) -> Plan:
    return replace(plan, loads=(replace(plan.loads[0], profile="soak", order=(0, 1, 2)),))


@pytest.mark.parametrize(("shape", "words"), [(spiked, RECOVERY), (soaked, TREND)])
def test_each_report_says_it(shape: Any, words: str, run: tuple[Path, Plan]) -> None:
    folder, plan = run
    html = ReportService().render(Record(), folder, shape(plan), format="html")
    assert words in html
    assert 'id="load"' in html
    assert words in ReportService().render(Record(), folder, shape(plan), format="md").replace("\\", "")
    summary = json.loads(ReportService().render(Record(), folder, shape(plan), format="json"))["summary"]
    assert summary["recoveries" if shape is spiked else "trends"]
    text = StringIO()
    print_summary(RunRecord(id="r", recipe_id="a", recipe_version="1", name="n", metrics_json=summary), text)
    assert words in " ".join(text.getvalue().split())


def test_other_loads_have_no_such_section(run: tuple[Path, Plan]) -> None:
    folder, plan = run
    assert 'id="load"' not in ReportService().render(Record(), folder, plan, format="html")
