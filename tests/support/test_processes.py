from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.processes import command, descendants, end, mark_environment, marked

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_child_is_found_named_and_ended() -> None:
    child = subprocess.Popen(SLEEP)
    try:
        assert child.pid in descendants()
        assert "time.sleep(60)" in command(child.pid)
        assert end({child.pid}) == [f"{child.pid} {' '.join(SLEEP)}"]
    finally:
        child.kill()
        child.wait()
    assert child.pid not in descendants()


def test_an_orphan_is_found_by_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SESSION_MARK", os.environ["TEST_SESSION_MARK"])
    mark = mark_environment()
    quiet = "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    starter = f"import subprocess; print(subprocess.Popen({SLEEP!r}, {quiet}).pid)"
    orphan = int(subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, check=True).stdout)
    assert orphan not in descendants()
    assert marked(mark) == {orphan}
    assert len(end({orphan})) == 1


def test_a_process_that_ends_by_itself_is_not_reported() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.2)"])
    assert end({child.pid}) == []
    assert child.wait() == 0
