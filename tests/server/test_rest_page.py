"""The page on REST says what the routes say."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from maid_lab.server.operations import Operation, operations_of
from maid_lab.server.routes import ROUTES
from tests.support.jupyter import RunningServer

PAGE = (Path(__file__).parent.parent.parent / "docs" / "rest.md").read_text(encoding="utf-8")


def needs(spec: Operation) -> str:
    who = "anybody" if spec.is_public else "any credential" if spec.scope is None else f"`{spec.scope}`"
    return f"{who}, a person" if spec.interactive_only else who


def test_every_operation_is_documented_with_what_it_needs() -> None:
    written = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    declared = [
        (verb.upper(), path.removeprefix("/"), needs(spec), spec.summary)
        for path, handler in ROUTES.items()
        for verb, spec in operations_of(handler).items()
    ]
    assert written == declared


@pytest.mark.server
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")
def test_the_commands_on_the_page_do_what_they_say(server: RunningServer, tmp_path: Path) -> None:
    block = PAGE.partition("```\n")[2].partition("```")[0]
    start, status, report = [line for line in block.splitlines() if line.startswith("curl ")]
    environment = {**os.environ, "LAB": f"{server.url}api/maid", "TOKEN": server.token}

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command.replace("curl", "curl -sS --fail-with-body")], cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout

    assert "run_id" in run(start)
    assert "state" in run(status)
    server.wait_for("idle")
    run(report)
    assert (tmp_path / "report.html").read_text(encoding="utf-8").lstrip().startswith("<!")
