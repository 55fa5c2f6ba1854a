"""Commands as processes of their own: the demo, a shop that is kept up, and a supervisor that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from maid_lab.cli.entry import call
from maid_lab.demo.launch import DemoProcess
from tests.cli.recipes import write_recipe


def maid(*words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "maid_lab", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        **options,
    )


def test_the_demo_runs_stores_counts_and_reports() -> None:
    with maid("demo", "-u", "6", "-t", "500ms", "--workers", "2", "-q") as process:
        out, err = process.communicate(timeout=60)
    assert "requests that the shop counted" in out
    assert "✓" in out, out + err
    report = Path(out.split("report   ")[1].splitlines()[0])
    assert report.read_text().lstrip().lower().startswith("<!doctype html")
    record = json.loads((report.parent / "run.json").read_text())
    assert (record["recipe_id"], record["status"], record["failed_requests"]) == ("demo", "completed", 0)
    # So few rows leave some thresholds undecided, and unknown is not a pass.
    assert process.returncode == {"pass": 0, "unknown": 1}[record["verdict"]]


def test_a_served_shop_says_its_address_and_ends_with_the_command() -> None:
    with maid("demo", "--serve", "--json") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_what_a_killed_supervisor_left_is_closed_and_kept(tmp_path: Path, shop: DemoProcess, capsys: Any) -> None:
    shop.calm()
    recipe = write_recipe(tmp_path, shop.url)
    home = Path(os.environ["MAID_HOME"])
    with maid("run", str(recipe), "-q", "-t", "30s", "--workers", "2") as process:
        deadline = time.monotonic() + 20
        while not list(home.glob("runs/*/status.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert call(["status"]) == 0
    assert "No run is under way" in capsys.readouterr().out
    assert call(["show", "last", "--json"]) == 0
    out = capsys.readouterr()
    record = json.loads(out.out)
    assert record["status"] == "failed"
    assert record["reason"].startswith("supervisor was killed: lease ended")
    assert "was closed: supervisor was killed" in out.err
    assert 0 < record["rows_count"] <= shop.stats()["served"]["total"]
    assert call(["store", "check"]) == 0


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with maid("recipes", "schema") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(20) == 0


def test_help_comes_at_once_and_loads_nothing_heavy() -> None:
    code = "import sys; from maid_lab.cli.entry import call; call(['--help']); print(*{m.partition('.')[0] for m in sys.modules})"
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - begin)
        loaded = set(done.stdout.splitlines()[-1].split())
        assert not loaded & {"duckdb", "polars", "aiohttp", "pydantic", "asyncio", "numpy", "altair", "yaml", "rich"}
    assert min(times) < 0.5
