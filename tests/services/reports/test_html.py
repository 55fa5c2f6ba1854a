from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from maid_lab.services.reports.content import ReportContent, gather
from maid_lab.services.reports.html import MAX_TABLE_ROWS, html_report
from maid_lab.services.reports.run_files import RunFiles
from tests.analysis.rows import a_plan, frame, realistic, row, series_of, steady
from tests.services.reports.runs import Record

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}\"'"


class Page(HTMLParser):
    """Counts elements, collects texts and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _content(*, rows: list[dict[str, object]] | None = None, record: Record | None = None, **plan: object) -> ReportContent:
    return gather(record or Record(), RunFiles(requests=frame(steady(250) if rows is None else rows)), a_plan(**plan))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def page() -> Page:
    plan = a_plan(warmup_s=20, duration_s=120, level=50, thresholds=("error_rate < 1%", "p99.9(request:checkout) < 2s"))
    return Page(html_report(gather(Record(), RunFiles(requests=realistic(20_000), series=tuple(series_of(120))), plan)))


def test_the_page_refers_to_nothing_outside_itself(page: Page) -> None:
    assert {address for address in page.addresses if not address.startswith("#")} == {"data:,"}
    assert page.tags.count("script") == 1
    assert page.handlers == []


def test_the_verdict_comes_first_with_each_threshold_that_did_not_pass(page: Page) -> None:
    start = page.text.index("Failed")
    assert start < page.text.index("Requests sent")
    head = " ".join(page.text[start : page.text.index("Requests sent")].split())
    assert "Of 2 thresholds 1 failed and 1 could not be judged." in head
    assert "✗ fail error_rate < 1%: observed" in head
    assert "? unknown p99.9(request:checkout) < 2s – needs 10,000 samples, has" in head


def test_anchors_of_the_navigation_exist(page: Page) -> None:
    plan = a_plan(thresholds=("p95 < 1s",))
    html = html_report(gather(Record(), RunFiles(requests=frame(steady(250))), plan))
    ids = set(re.findall(r'<section id="([a-z]+)"', html))
    assert {address[1:] for address in Page(html).addresses if address.startswith("#")} == ids


def test_hostile_names_errors_and_titles_stay_text() -> None:
    rows = [
        *steady(250, name=HOSTILE, scenario=HOSTILE),
        *(row(start_s=1, name=HOSTILE, outcome="timeout", error=HOSTILE) for _ in range(9)),
    ]
    record = Record({"id": HOSTILE, "status": "failed", "reason": HOSTILE, "start_time": HOSTILE})
    content = gather(
        record,
        RunFiles(requests=frame(rows), log=({"t_s": 1.0, "level": HOSTILE, "message": HOSTILE},)),
        a_plan(title=HOSTILE, parameters=(("q", HOSTILE),), thresholds=("p95(request:'</td><script>') < 1s",)),
        command=HOSTILE,
    )
    page = Page(html_report(content))
    assert page.tags.count("script") == 1
    assert page.tags.count("img") == 0
    assert page.handlers == []
    assert page.text.count(HOSTILE) >= 8
    assert "49" not in page.text.split("Reproduce")[-1].split(HOSTILE)[0]


def test_a_run_without_thresholds_says_that_nothing_judges_it() -> None:
    text = Page(html_report(_content())).text
    assert "No verdict" in text
    assert "The plan has no thresholds" in text
    assert "No measured request failed." in text


def test_a_stopped_run_a_bound_generator_and_an_empty_measurement_are_said_at_the_top() -> None:
    stopped = html_report(_content(record=Record({"status": "stopped", "reason": "stopped by ada"})))
    assert "The run was stopped: stopped by ada." in stopped
    assert "No request was measured: the run ended before its warm-up was over (5 s)." in html_report(
        _content(rows=[row(start_s=1)], warmup_s=5)
    )
    assert "No request was sent." in html_report(_content(rows=[]))
    bound = gather(Record(), RunFiles(requests=frame(steady(250)), series=tuple(series_of(10, bound=frozenset({1})))), a_plan())
    assert "The generator, not the target, was the limit in 10% of the measured seconds" in html_report(bound)


def test_a_run_of_any_size_stays_below_two_megabytes() -> None:
    long = realistic(60_000, duration_s=14_400, ramp_s=600)
    many = frame([row(start_s=at / 100, name=f"GET /items/{at % 2000}/{'x' * 40}", ms=5 + at % 300) for at in range(30_000)])
    for rows, plan in ((long, a_plan(warmup_s=600, duration_s=14_400)), (many, a_plan(duration_s=300))):
        assert len(html_report(gather(Record(), RunFiles(requests=rows), plan)).encode()) < 2_000_000


def test_tables_are_capped_and_say_where_the_rest_is() -> None:
    html = html_report(_content(rows=[row(start_s=at / 100, name=f"GET /{at}") for at in range(MAX_TABLE_ROWS + 30)]))
    assert "30 more are in the JSON and CSV reports." in html
