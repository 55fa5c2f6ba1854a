"""What reaches the console: -q and -v (F24), and the tables of --running-metrics (F25)."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maid_lab.cli.entry import call
from maid_lab.cli.progress import SilentDisplay
from maid_lab.cli.running_metrics import RunningMetrics
from maid_lab.demo.launch import DemoProcess
from maid_lab.services.bus import LOGS, METRICS
from tests.cli.recipes import write_recipe
from tests.cli.test_progress import live, stats

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def recipe(tmp_path: Path, shop: DemoProcess) -> str:
    shop.calm()
    path = write_recipe(tmp_path, shop.url)
    text = path.read_text().replace("    steps:\n", "    steps:\n      - {log: say it, level: debug, sample: 100%}\n", 1)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("words", "has_progress", "levels"),
    [([], True, set()), (["-q"], False, set()), (["-v"], True, {"info"}), (["-vv"], True, {"info", "debug"})],
)
def test_the_streams_of_a_run(words: list[str], has_progress: bool, levels: set[str], recipe: str, capsys: Capture) -> None:
    assert call(["run", recipe, "--workers", "1", *words]) == 0
    out = capsys.readouterr()
    assert "PASSED" in out.out
    assert ("| users " in out.err) is has_progress
    assert {level for level in ("info", "debug") if re.search(rf"^{level}: ", out.err, re.MULTILINE)} == levels


@pytest.mark.parametrize(("quiet", "told"), [(1, "warning: w\nerror: e\n"), (2, "error: e\n"), (3, "")])
def test_how_quiet_it_is(quiet: int, told: str) -> None:
    stream = io.StringIO()
    display = SilentDisplay(stream, quiet=quiet)
    display(METRICS, live())
    for level in ("debug", "info", "warning", "error"):
        display(LOGS, {"level": level, "message": level[0]})
    assert stream.getvalue() == told


def test_warnings_of_the_program_are_left_out_at_the_second_q(recipe: str, capsys: Capture) -> None:
    assert call(["run", recipe, "-q", "--workers", "1", "-R", "/dev/full"]) == 0
    assert "ends here" in capsys.readouterr().err
    assert call(["run", recipe, "-qq", "--workers", "1", "-R", "/dev/full"]) == 0
    assert "ends here" not in capsys.readouterr().err


def test_of_quiet_and_verbose_the_flag_counts(recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("MAID_VERBOSE", "2")
    assert call(["run", recipe, "-q", "--workers", "1"]) == 0
    assert "debug: " not in capsys.readouterr().err
    monkeypatch.setenv("MAID_QUIET", "1")
    assert call(["run", recipe, "--workers", "1"]) == 2
    assert "--quiet and --verbose exclude each other" in capsys.readouterr().err


def test_there_are_n_tables_in_n_times_the_time() -> None:
    stream = io.StringIO()
    metrics = RunningMetrics(2.0, stream)
    names = [stats(), stats("pay", kind="transaction"), stats("buy", kind="iteration")]
    for tenth in range(61):
        metrics(METRICS, live(elapsed_s=tenth / 10, names=names))
    text = stream.getvalue()
    assert re.findall(r"running metrics at (\S+): 1,200 requests, 0 failed", text) == ["00:02", "00:04", "00:06"]
    for title in ("requests ", "transactions ", "scenarios "):
        assert len(re.findall(rf"^{title}", text, re.MULTILINE)) == 3


def test_running_metrics_reach_a_pipe(recipe: str) -> None:
    command = [sys.executable, "-m", "maid_lab", "run", recipe, "-q", "--workers", "1", "--json", "--running-metrics", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ), timeout=60)
    assert len(re.findall(r"^running metrics at ", done.stderr, re.MULTILINE)) >= 1
    assert "front page" in done.stderr
    assert json.loads(done.stdout)["status"] == "completed"
