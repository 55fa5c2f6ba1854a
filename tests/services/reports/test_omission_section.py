"""The view on coordinated omission stands in every report that asks for it, with the same figures, and in no other."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from maid_lab.cli.views import print_views
from maid_lab.model.plan import Plan, Scenario
from maid_lab.services.reports.content import ReportContent, gather
from maid_lab.services.reports.exports import json_report, markdown_report
from maid_lab.services.reports.html import html_report
from maid_lab.services.reports.run_files import RunFiles
from maid_lab.services.reports.service import ReportService
from maid_lab.services.reports.views import ViewChoice
from tests.analysis.rows import a_plan, frame, row
from tests.services.reports.runs import Record, realistic_run

AVERAGE = ViewChoice(co_mitigation="average")
HOSTILE = "<b>|x"


def content_of(*, name: str = "front page", scheduler: str = "", choice: ViewChoice = AVERAGE) -> ReportContent:
    """Return what a report says of five loops of 10 ms and one of 100 ms, nine of which are missing then: 90, 80 … 10 ms."""
    times = (10, 10, 10, 10, 10, 100)
    requests = [row(start_s=at, ms=ms, name=name, transaction="pay", iteration=at) for at, ms in enumerate(times)]
    others = {
        kind: frame([{**each, "kind": kind, "name": kind} for each in requests if kind == "transaction" or each])
        for kind in ("transaction", "iteration")
    }
    plan = a_plan(scenarios=(Scenario(name="browse", label=0, weight=1, steps=(), scheduler=scheduler),))
    files = RunFiles(requests=frame(requests), transactions=others["transaction"], iterations=others["iteration"])
    return gather(Record(), files, plan, choice=choice)


def test_html_markdown_and_console_say_the_same() -> None:
    content = content_of(scheduler="random")
    text = StringIO()
    print_views(content.views.to_json(), text)
    shown = {"html": html_report(content), "md": markdown_report(content).replace("\\", ""), "console": text.getvalue()}
    for face, words in shown.items():
        for sentence in (
            "1 loop took longer than twice the user",
            "Minor 0, moderate 0, severe 1, critical 0.",
            "By scenario: 1 of browse.",
            "6 samples measured, 9 filled in: 60.00% of the rows below are synthetic.",
            "The scheduler is random",
        ):
            assert sentence in words, (face, sentence)
    assert "| front page | 6 | 9 | 40.0 |" in shown["md"]
    assert "| transaction pay | 6 | 9 | 40.0 |" in shown["md"]
    assert 'href="#omission"' in shown["html"]
    assert "40 ms" in shown["console"]


def test_json_has_the_whole_view_beside_the_summary_which_stays_as_it_is() -> None:
    data, plain = (json.loads(json_report(content_of(choice=choice))) for choice in (AVERAGE, ViewChoice()))
    view = data.pop("coordinated_omission")
    assert (view["events"], view["actual"], view["synthetic"]) == (1, 6, 9)
    assert [(item["name"], item["avg_ms"], item["max_ms"]) for item in view["transactions"]] == [("pay", 40.0, 100.0)]
    assert "co_request_metrics" in data.pop("goose")
    assert "co_request_metrics" not in plain.pop("goose")
    assert data == plain


def test_a_report_that_does_not_ask_says_nothing_of_it() -> None:
    content = content_of(choice=ViewChoice())
    assert "oordinated omission" not in html_report(content) + markdown_report(content) + json_report(content)


def test_hostile_names_stay_text() -> None:
    content = content_of(name=HOSTILE)
    assert HOSTILE not in html_report(content)
    assert HOSTILE not in markdown_report(content)


def test_a_run_without_iterations_has_a_view_without_events() -> None:
    content = gather(Record(), RunFiles(requests=frame([row(start_s=0)])), a_plan(), choice=AVERAGE)
    assert "No loop took longer" in markdown_report(content)


@pytest.mark.parametrize("mode", ["average", "minimum", "maximum"])
def test_any_finished_run_can_be_seen_in_any_mode(mode: str, tmp_path: Path) -> None:
    run: tuple[Path, Plan] = realistic_run(tmp_path, rows=5000)
    before = (run[0] / "requests.parquet").read_bytes()
    text = ReportService().render(Record(), *run, format="json", choice=ViewChoice(co_mitigation=mode))
    assert json.loads(text)["coordinated_omission"]["mode"] == mode
    assert (run[0] / "requests.parquet").read_bytes() == before
