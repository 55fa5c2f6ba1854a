from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maid_lab.services.reports.service import ReportService
from tests.services.reports.runs import Record, realistic_run

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, plan = realistic_run(tmp_path_factory.mktemp("run"))
    return ReportService().write(Record(), folder, plan)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists() and os.environ.get("CI") != "true":
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_offline_without_a_request_an_error_or_a_sideways_scroll(
    browser: Any, report: Path, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(report.as_uri())
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_tables_sort_times_switch_and_charts_tell_their_values(browser: Any, report: Path) -> None:
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.goto(report.as_uri())
    page.click("#requests .times thead th:nth-child(2) button")
    counts = [
        float(value)
        for value in page.eval_on_selector_all("#requests .times tbody td:nth-child(2)", "cells => cells.map(cell => cell.dataset.v)")
    ]
    assert counts == sorted(counts, reverse=True)
    assert not page.is_visible("#requests tbody td.response")
    page.click("#requests label:has-text('Response time')")
    assert page.is_visible("#requests tbody td.response")
    assert not page.is_visible("#requests tbody td.service")
    page.hover("#chart-throughput svg [opacity='0'] >> nth=60")
    assert "answered" in page.inner_text("#tip")
    page.close()


def test_without_script_the_report_still_shows_everything(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("figure svg").count() == 9
    assert page.locator("#requests .times tbody tr").count() == 5
    context.close()
