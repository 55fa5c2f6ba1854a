"""What commands show beyond the summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maid_lab.cli.entry import call
from maid_lab.demo.launch import DemoProcess
from tests.cli.recipes import write_recipe

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def recipe(tmp_path: Path, shop: DemoProcess) -> str:
    shop.calm()
    return str(write_recipe(tmp_path, shop.url))


def test_coordinated_omission_is_shown_of_a_run_and_again_later(
    recipe: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "out.md"
    assert call(["run", recipe, "-q", "--json", "--workers", "1", "--co-mitigation", "minimum", "--report-file", str(page)]) == 0
    record = json.loads(capsys.readouterr().out)
    view = record["coordinated_omission"]
    assert view["mode"] == "minimum"
    assert view["actual"] == record["summary"]["totals"]["ok"]
    assert "### Coordinated omission" in page.read_text()

    assert call(["show", "--json", "--co-mitigation", "minimum"]) == 0
    assert json.loads(capsys.readouterr().out)["coordinated_omission"] == view
    assert call(["show"]) == 0
    assert "coordinated omission" not in capsys.readouterr().out
    assert call(["show", "--co-mitigation", "average"]) == 0
    assert "had a known cadence (average)" in capsys.readouterr().out
    assert call(["report", "-o", str(page)]) == 0
    assert "Coordinated omission" not in page.read_text()
    monkeypatch.setenv("MAID_CO_MITIGATION", "maximum")
    assert call(["report", "-o", str(page)]) == 0
    assert "had a known cadence (maximum)" in page.read_text().replace("\\", "")


@pytest.mark.parametrize("command", [["run", "hello"], ["show"], ["report"]])
def test_an_unknown_cadence_is_refused_by_name(command: list[str], capsys: Capture) -> None:
    assert call([*command, "--co-mitigation", "median"]) == 2
    assert "'average', 'minimum', 'maximum' or 'disabled', got 'median'" in capsys.readouterr().err
