"""What a run can be compared with, and what is said of a baseline that cannot be read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from maid_lab.model.errors import InvalidInput, Missing
from maid_lab.services.baselines import find_side, read_report
from maid_lab.services.history import History
from maid_lab.services.reports.content import gather
from maid_lab.services.reports.exports import json_report
from maid_lab.services.reports.run_files import RunFiles
from tests.analysis.rows import a_plan, frame, steady
from tests.services.reports.runs import Record


def report() -> dict[str, Any]:
    content = gather(Record({"name": "Nightly"}), RunFiles(requests=frame(steady(250))), a_plan())
    data: dict[str, Any] = json.loads(json_report(content))
    return data


def written(folder: Path, data: Any) -> Path:
    path = folder / "base.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def test_a_json_report_is_a_side_without_rows(tmp_path: Path) -> None:
    side = read_report(written(tmp_path, report()))
    assert side.label == "Nightly (5a1f0c7b2d11) in base.json"
    assert (side.frames, side.plan) == ({}, None)
    assert side.summary["overall"]["p50_ms"] == report()["summary"]["overall"]["p50_ms"]


def _damaged(**changes: Any) -> dict[str, Any]:
    data = report()
    data["summary"] |= changes
    return data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "cannot be read"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "cannot be read"),
        ("[]", "is no JSON report of a run"),
        ({"schema": "maid.report/v9"}, "is no JSON report of a run"),
        ({"schema": "maid.report/v1"}, "it has no summary"),
        ({"schema": "maid.report/v1", "summary": {"latency": "service"}}, "lacks figures"),
        (_damaged(requests=3), "summary.requests lacks figures"),
        (_damaged(overall={"name": "all requests"}), "summary.overall lacks figures"),
        (
            _damaged(scenarios=[{"name": "s", "count": "many", "failures": 0, "rate": 1, "service": {}, "response": {}}]),
            "summary.scenarios",
        ),
        (_damaged(generator=[]), "summary.generator is no mapping"),
    ],
)
def test_a_file_that_is_no_report_is_refused_by_its_name(data: Any, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    with pytest.raises(InvalidInput) as caught:
        read_report(path)
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["none.json", "folder.json"])
def test_a_file_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InvalidInput, match=name):
        asyncio.run(find_side(History(tmp_path), str(tmp_path / name)))


@pytest.mark.parametrize(("reference", "words"), [("nightly", "no report file, run or tag nightly"), ("last", "there is no run yet")])
def test_a_run_that_is_not_there_is_told(reference: str, words: str, tmp_path: Path) -> None:
    from maid_lab.services.home import open_home

    with pytest.raises(Missing, match=words):
        asyncio.run(find_side(History(open_home(tmp_path / "home")), reference))
