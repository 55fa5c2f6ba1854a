"""`maid control` and `maid stop` against a test of another process, and a test that waits to be started."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from maid_lab.cli.entry import call
from maid_lab.demo.launch import DemoProcess
from tests.cli.recipes import write_recipe
from tests.cli.test_processes import maid


def until_reached(process: subprocess.Popen[str]) -> None:
    """Wait until the other process can be controlled."""
    door = Path(os.environ["MAID_HOME"]) / "control.sock"
    deadline = time.monotonic() + 20
    while not door.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_running(capsys: Any) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        call(["status", "--json"])
        status = json.loads(capsys.readouterr().out)
        if status and status.get("requests"):
            return
        time.sleep(0.05)
    raise AssertionError("the run did not begin")


def test_a_running_test_is_changed_and_stopped(tmp_path: Path, shop: DemoProcess, capsys: Any) -> None:
    shop.calm()
    with maid("run", str(write_recipe(tmp_path, shop.url)), "-q", "-t", "30s", "--workers", "1", "--json") as process:
        until_reached(process)
        until_running(capsys)
        assert call(["control", "users", "3"]) == 0
        assert "users 3" in capsys.readouterr().out
        assert call(["control", "start"]) == 4
        assert "is for a test that waits" in capsys.readouterr().err
        assert call(["control", "--json", "metrics"]) == 0
        assert json.loads(capsys.readouterr().out)["status"]["status"] == "running"
        assert call(["stop"]) == 0
        out, err = process.communicate(timeout=20)
    record = json.loads(out)
    assert (record["status"], record["reason"]) == ("stopped", "stopped by maid control"), err
    shop_counted = shop.stats()["served"]["total"]
    assert record["rows_count"] == shop_counted > 0
    log = (Path(os.environ["MAID_HOME"]) / "runs" / record["id"] / "log.jsonl").read_text()
    assert '"change": {"users": 3' in log


def test_a_whole_test_is_driven_from_another_process(tmp_path: Path, shop: DemoProcess, capsys: Any) -> None:
    shop.calm()
    with maid("run", str(write_recipe(tmp_path, shop.url)), "-q", "--no-autostart", "--workers", "1") as process:
        until_reached(process)
        assert shop.stats()["served"]["total"] == 0
        for words in (["users", "2"], ["run-time", "300ms"], ["config"], ["start"]):
            assert call(["control", *words]) == 0, words
        assert '"level_to": 2' in capsys.readouterr().out
        deadline = time.monotonic() + 20
        ended = ""
        while ended != "completed" and time.monotonic() < deadline:
            time.sleep(0.1)
            call(["history", "--json"])
            ended = "".join(record["status"] for record in json.loads(capsys.readouterr().out))
        assert call(["control", "shutdown"]) == 0
        out, err = process.communicate(timeout=20)
    assert "waiting for: maid control start" in err
    assert process.returncode in (0, 1), err
    capsys.readouterr()
    assert call(["show", "last", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["rows_count"] == shop.stats()["served"]["total"] > 0
    assert out


def test_ctrl_c_ends_a_test_that_waits(tmp_path: Path, shop: DemoProcess) -> None:
    with maid("run", str(write_recipe(tmp_path, shop.url)), "-q", "--no-autostart") as process:
        until_reached(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def test_without_a_test_the_remedy_is_named(capsys: Any) -> None:
    assert call(["control", "users", "5"]) == 2
    assert "maid run RECIPE" in capsys.readouterr().err
    assert call(["control", "usres", "5"]) == 2
    assert "users" in capsys.readouterr().err
