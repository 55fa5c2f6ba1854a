"""Outputs of a recipe: written when the run ends, whatever its end, and never at its cost."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import maid_lab
from maid_lab import running
from maid_lab.demo.launch import DemoProcess
from maid_lab.services.home import home_folder
from tests.cli.recipes import write_recipe

ALL = "[{type: html}, {type: json}, {type: csv}, {type: md}, {type: junit}, {type: html}]"
FILES = {"report.html", "report.json", "report.csv", "report.md", "report.xml"}


@pytest.fixture(autouse=True)
def closed() -> Any:
    yield
    running._background.close()


@pytest.fixture
def target(shop: DemoProcess) -> DemoProcess:
    shop.calm()
    return shop


def reports(run: maid_lab.Run) -> dict[str, str]:
    folder = home_folder() / "runs" / run.id
    return {path.name: path.read_text() for path in folder.glob("report.*")}


def with_outputs(folder: Path, url: str, outputs: str = ALL, **options: Any) -> Path:
    path = write_recipe(folder, url, **options)
    path.write_text(path.read_text() + f"\noutputs: {outputs}\n")
    return path


def test_all_formats_are_there_when_the_run_has_ended(target: DemoProcess, tmp_path: Path) -> None:
    run = maid_lab.run(with_outputs(tmp_path, target.url), wait=True)
    found = reports(run)
    assert found.keys() == FILES
    content = json.loads(found["report.json"])
    assert content["run"]["id"] == run.id
    assert content["run"]["status"] == "completed"
    assert run.id in found["report.html"] or content["run"]["name"] in found["report.html"]
    assert "<testsuite" in found["report.xml"]


def test_a_recipe_without_outputs_writes_none(target: DemoProcess, tmp_path: Path) -> None:
    run = maid_lab.run(write_recipe(tmp_path, target.url), wait=True)
    assert reports(run) == {}


def test_a_run_that_was_stopped_has_its_outputs_too(target: DemoProcess, tmp_path: Path) -> None:
    path = with_outputs(tmp_path, target.url, "[{type: json}]")
    run = maid_lab.run(path, run_time="30s")
    while run.status["requests"] < 20:
        assert not run.is_done
    run.stop("enough")
    assert run.wait(20).status == "stopped"
    assert json.loads(reports(run)["report.json"])["run"]["reason"] == "enough"


def test_an_output_that_cannot_be_written_costs_nothing_else(
    target: DemoProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from maid_lab.services.reports import service

    def broken(_content: Any) -> str:
        raise OSError("no space left on device")

    monkeypatch.setitem(service._WRITERS, "html", broken)
    with caplog.at_level(logging.WARNING):
        run = maid_lab.run(with_outputs(tmp_path, target.url), wait=True)
    assert run.record.status == "completed"
    assert reports(run).keys() == FILES - {"report.html"}
    assert "html report cannot be written: no space left on device" in caplog.text
