from __future__ import annotations

from pathlib import Path

import pytest

from maid_lab.model.errors import InvalidInput, Missing
from maid_lab.services.reports.service import FORMATS, MEDIA_TYPES, ReportService, format_of
from tests.analysis.rows import a_plan
from tests.services.reports.runs import Record, realistic_run

BEGINS = {"html": "<!doctype html>", "pdf": "%PDF-", "json": "{", "csv": "table,name", "md": "## ", "junit": "<?xml"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return realistic_run(tmp_path_factory.mktemp("run"), rows=5000)[0]


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.browser] if name == "pdf" else []) for name in FORMATS])
def test_each_format_is_written_as_one_whole_file(name: str, run: Path) -> None:
    path = ReportService().write(Record(), run, a_plan(duration_s=120), format=name)
    assert path.name == f"report.{'xml' if name == 'junit' else name}"
    assert path.read_bytes().lstrip().startswith(BEGINS[name].encode())
    assert not list(run.glob(".report*"))


def test_the_suffix_says_the_format_and_folders_are_made(run: Path, tmp_path: Path) -> None:
    path = ReportService().write(Record(), run, a_plan(duration_s=120), path=tmp_path / "out" / "result.md")
    assert path.read_text(encoding="utf-8").startswith("## ")


def test_every_format_has_a_media_type() -> None:
    assert tuple(MEDIA_TYPES) == FORMATS


def test_an_unknown_format_or_suffix_is_refused_with_the_known_ones(run: Path) -> None:
    with pytest.raises(InvalidInput, match="html, json, csv, md, junit, pdf"):
        ReportService().render(Record(), run, a_plan(), format="docx")
    with pytest.raises(InvalidInput, match=r"\.html"):
        format_of(Path("report.docx"))


def test_a_run_without_rows_on_disk_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"no requests\.parquet yet"):
        ReportService().render(Record(), tmp_path, a_plan())
