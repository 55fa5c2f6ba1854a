"""The comparison with a baseline stands in every report that asks for it, with the same figures, and in no other."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import polars as pl

from maid_lab.analysis.comparison import Side
from maid_lab.cli.views import print_views
from maid_lab.services.reports.content import ReportContent, gather
from maid_lab.services.reports.exports import CSV_COLUMNS, CSV_DELTAS, csv_report, json_report, markdown_report
from maid_lab.services.reports.html import html_report
from maid_lab.services.reports.run_files import RunFiles
from maid_lab.services.reports.views import ViewChoice, side_of
from tests.analysis.rows import a_plan, frame, row, steady
from tests.services.reports.runs import Record

HOSTILE = "=<b>|x"


def baseline(rows: list[dict[str, Any]], *, has_rows: bool = True) -> Side:
    files, plan = RunFiles(requests=frame(rows)), a_plan()
    summary = gather(Record(), files, plan).summary.to_json()
    return side_of(files, plan, summary, label="Before") if has_rows else Side(label="Before", summary=summary)


def content_of(before: Side | None, *, name: str = "GET /") -> ReportContent:
    """Return what a report says of requests that take twice as long as those of `steady`."""
    rows = frame(steady(1000, name=name)).with_columns(end=2 * pl.col("end") - pl.col("start"))
    return gather(Record({"name": "After"}), RunFiles(requests=rows), a_plan(), choice=ViewChoice(baseline=before))


def test_each_face_says_the_same() -> None:
    content = content_of(baseline([*steady(1000), *steady(30, name="gone")]))
    text = io.StringIO()
    print_views(content.views.to_json(), text)
    faces = {"html": html_report(content), "md": markdown_report(content).replace("\\", ""), "console": text.getvalue()}
    view = json.loads(json_report(content))["comparison"]
    assert (view["verdict"], view["intervals"], view["baseline"]) == ("worse", True, "Before")
    lines = {item["name"]: item for item in view["rows"]}
    assert lines["GET /"]["deltas"]["p50_ms"]["delta"] == 500.5
    for face, words in faces.items():
        assert "After (5a1f0c7b2d11): worse than the baseline Before." in " ".join(words.split()), face
        assert "+500 (+100%)" in words, face
        assert "only in the baseline" in words, face
    assert 'href="#baseline"' in faces["html"]


def test_csv_has_signed_deltas_with_intervals_and_verdicts() -> None:
    content = content_of(baseline([*steady(1000), *steady(30, name=HOSTILE)]))
    rows = list(csv.DictReader(io.StringIO(csv_report(content))))
    assert tuple(rows[0]) == CSV_COLUMNS + CSV_DELTAS
    found = {item["name"]: item for item in rows}
    cells = found["GET /"]
    assert float(cells["p50_ms_delta"]) == 500.5
    assert float(cells["p50_ms_low"]) < 500.5 < float(cells["p50_ms_high"])
    assert (cells["p50_ms_verdict"], cells["verdict"], cells["count_delta"], cells["count_verdict"]) == ("worse", "worse", "0.0", "")
    assert (found[f"'{HOSTILE}"]["note"], found[f"'{HOSTILE}"]["p50_ms"]) == ("only in the baseline", "")


def test_a_report_alone_is_said_to_have_no_intervals() -> None:
    content = content_of(baseline(steady(1000), has_rows=False))
    for words in (html_report(content), markdown_report(content).replace("\\", "")):
        assert "Of the baseline only a summary is there, no rows" in words
        assert "not judged" in words
    assert csv_report(content).count(",no rows") == 0


def test_a_report_without_a_baseline_says_nothing_of_it() -> None:
    content = content_of(None)
    assert "gainst the baseline" not in html_report(content) + markdown_report(content) + json_report(content)
    assert tuple(next(csv.reader(io.StringIO(csv_report(content))))) == CSV_COLUMNS


def test_hostile_names_stay_text() -> None:
    content = content_of(baseline([row(start_s=1, name=HOSTILE)]), name=HOSTILE)
    assert "<b>|x" not in html_report(content) + markdown_report(content)
