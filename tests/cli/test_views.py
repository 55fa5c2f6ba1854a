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


def test_a_baseline_that_cannot_be_read_ends_the_command_before_the_run(
    recipe: str, shop: DemoProcess, tmp_path: Path, capsys: Capture
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for reference, words in (
        (str(broken), "cannot be read"),
        (str(tmp_path / "none.json"), "is not there"),
        ("nightly", "run or tag nightly"),
    ):
        assert call(["run", recipe, "-q", "--workers", "1", "--baseline-file", reference]) == 2
        assert words in capsys.readouterr().err
    assert shop.stats()["served"]["total"] == 0
    assert call(["history"]) == 0
    assert "No runs yet" in capsys.readouterr().out


def test_a_slowed_run_is_worse_and_a_run_against_itself_is_not(recipe: str, shop: DemoProcess, tmp_path: Path, capsys: Capture) -> None:
    report = tmp_path / "base.json"
    assert call(["run", recipe, "-q", "--workers", "1", "--tag", "base", "--report-file", str(report)]) == 0
    shop.switch(latency="constant:20")
    try:
        # Fewer requests than its threshold needs may be left: then it is unknown, and the exit code 1.
        assert call(["run", recipe, "-q", "--json", "--workers", "1", "--baseline-file", "last"]) in (0, 1)
    finally:
        shop.calm()
    view = json.loads(capsys.readouterr().out.splitlines()[-1])["comparison"]
    assert view["verdict"] == "worse"
    median = view["rows"][0]["deltas"]["p50_ms"]
    assert median["verdict"] == "worse"
    assert median["low"] < median["delta"] < median["high"]
    assert median["delta"] > 10

    assert call(["compare", "base", "last"]) == 1
    assert "worse than the baseline" in capsys.readouterr().out
    assert call(["compare", "last", "base", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "better"
    assert call(["compare", "last", "last"]) == 0
    assert "no change against the baseline" in capsys.readouterr().out
    assert call(["compare", str(report), "last"]) == 0
    assert "only a summary is there" in capsys.readouterr().out
    assert call(["show", "--baseline-file", "base"]) == 0
    assert "worse than the baseline" in capsys.readouterr().out
    page = tmp_path / "again.md"
    assert call(["report", "--baseline-file", str(report), "-o", str(page)]) == 0
    assert "### Against the baseline" in page.read_text()
