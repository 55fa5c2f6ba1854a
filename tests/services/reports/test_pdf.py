"""Reports on paper: the page that is printed, the PDF, and what is said when it cannot be had."""

from __future__ import annotations

import re
import stat
import sys
import time
import zlib
from pathlib import Path

import pytest

from maid_lab.cli.entry import call
from maid_lab.model.errors import EngineFailure
from maid_lab.services.reports import pdf
from maid_lab.services.reports.pdf import Printing, browser, pdf_of
from maid_lab.services.reports.service import ReportService
from maid_lab.services.reports.views import ViewChoice
from tests.analysis.rows import a_plan
from tests.services.reports.runs import Record, realistic_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return realistic_run(tmp_path_factory.mktemp("run"), rows=3000)[0]


def program(folder: Path, code: str) -> str:
    path = folder / "browser"
    path.write_text(f"#!{sys.executable}\nimport sys, time, pathlib\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_page_for_paper_has_no_script_and_all_tables_open(run: Path, tmp_path: Path) -> None:
    choice = ViewChoice(printing=Printing(scale=0.5))
    path = ReportService().write_for_print(Record(), run, a_plan(duration_s=120), path=tmp_path / "paper.html", choice=choice)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "html { zoom: 0.5; }" in text
    assert '<details class="more-percentiles" open>' in text
    assert "size: A4" in text
    whole = ReportService().render(Record(), run, a_plan(duration_s=120))
    assert "<script" in whole
    assert "zoom:" not in whole


@pytest.mark.browser
def test_the_pdf_holds_pages_of_a4_and_the_text_of_the_report(run: Path, tmp_path: Path) -> None:
    path = ReportService().write(Record(), run, a_plan(duration_s=120, title="Shop on paper"), path=tmp_path / "report.pdf")
    data = path.read_bytes()
    boxes = {tuple(round(float(side)) for side in box.split()) for box in re.findall(rb"/MediaBox \[([\d. ]+)\]", data)}
    assert boxes == {(0, 0, 595, 842)} or boxes == {(0, 0, 594, 842)} or boxes == {(0, 0, 596, 842)}
    assert len(re.findall(rb"/Type /Page\b", data)) >= 2
    assert b"Shop on paper" in data or b"\xfe\xff" + "Shop on paper".encode("utf-16-be") in data
    streams = re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL)
    assert any(b"Tj" in _inflated(stream) or b"TJ" in _inflated(stream) for stream in streams)


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def test_without_a_browser_the_remedy_is_named_before_a_run_is_spent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    with pytest.raises(EngineFailure, match="printed by Chromium"):
        browser()
    assert call(["run", "hello", "--report-file", str(tmp_path / "r.pdf"), "-q"]) == 4
    said = capsys.readouterr().err
    assert "apt-get install chromium" in said
    assert "run 0" not in said


def test_a_browser_that_hangs_is_ended_with_all_that_it_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark, child = tmp_path / "alive", tmp_path / "child.py"
    child.write_text(f"import time\nfor _ in range(400):\n    open({str(mark)!r}, 'w').write(str(time.time()))\n    time.sleep(0.05)\n")
    code = f"import subprocess\nsubprocess.Popen([sys.executable, {str(child)!r}])\ntime.sleep(60)"
    monkeypatch.setattr(pdf, "browser", lambda: program(tmp_path, code))
    began = time.monotonic()
    with pytest.raises(EngineFailure, match="did not print the report within 2 s"):
        pdf_of("<p>x</p>", Printing(timeout_s=2))
    assert time.monotonic() - began < 10
    time.sleep(0.2)
    last = mark.read_text() if mark.exists() else ""
    time.sleep(0.3)
    assert (mark.read_text() if mark.exists() else "") == last


@pytest.mark.parametrize("code", ["", "pathlib.Path(sys.argv[-2].partition('=')[2]).write_bytes(b'no pdf')"])
def test_a_browser_that_makes_nothing_or_something_else_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    monkeypatch.setattr(pdf, "browser", lambda: program(tmp_path, code))
    with pytest.raises(EngineFailure, match="made no PDF"):
        pdf_of("<p>x</p>", Printing())


@pytest.mark.parametrize(
    ("flag", "value"), [("--pdf-scale", "0.05"), ("--pdf-scale", "2.1"), ("--pdf-timeout", "9"), ("--pdf-timeout", "601")]
)
def test_scale_and_timeout_have_the_bounds_of_goose(flag: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run", "hello", flag, value]) == 2
    assert flag in capsys.readouterr().err
