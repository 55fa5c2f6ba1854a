"""A whole run on a disk that fills up: it ends cleanly, says why, and keeps what was written."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maid_lab.cli.entry import call
from maid_lab.demo.launch import DemoProcess
from tests.cli.test_processes import maid

RECIPE = """schema: maid.recipe/v1
id: flood
title: Flood
description: Fills a small disk with rows.
target: {{base_url: "{url}"}}
load: {{users: 8, run_time: 60s}}
scenarios:
  - name: look
    steps: [{{name: home, get: /}}]
"""


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a home folder on a file system of 6 MiB; only root may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    monkeypatch.setenv("MAID_HOME", str(disk / "home"))
    monkeypatch.setenv("MAID_MIN_FREE_BYTES", "1000000")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_run_that_fills_the_disk_fails_with_its_reason_and_keeps_its_rows(
    small_disk: Path, tmp_path: Path, shop: DemoProcess, capsys: Any
) -> None:
    shop.calm()
    recipe = tmp_path / "flood.yaml"
    recipe.write_text(RECIPE.format(url=shop.url))
    with maid("run", str(recipe), "-q", "--workers", "1", env={**os.environ}) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 4, out + err
    assert "No space left on device" in out + err
    assert "Traceback" not in out + err
    served = shop.stats()["served"]["total"]
    # With room again, the next command brings the rows in.
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert call(["show", "last", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["status"] == "failed"
    assert "No space left on device" in record["reason"]
    assert 0 < record["rows_count"] <= served
    # A row is lost only from the last buffer that did not fit.
    assert record["rows_count"] > served - 5000
