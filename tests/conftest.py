"""What every test gets: an environment of its own, and a session that ends without a process left behind."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.processes import descendants, end, mark_environment, marked

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.support.targets"]

# How long an example takes says how busy the machine is, nothing else.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

#: Variables that would let the machine's own set-up reach into a test.
_FOREIGN = ("MAID_", "JUPYTER_", "IPYTHON", "OPENAI_", "ANTHROPIC_")
_FOREIGN_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "XDG_DATA_HOME")
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of a browser test that it was skipped, and how to get the browser; in CI a missing browser is a failure, so nothing is skipped."""
    if any(shutil.which(name) for name in _CHROMIUM) or os.environ.get("CI") == "true":
        return
    skip = pytest.mark.skip(reason="needs Chromium: apt-get install chromium")
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test an empty home and none of the variables of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name.upper() in _FOREIGN_NAMES:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MAID_HOME", str(home / "maid"))
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(home / name.lower()))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session", autouse=True)
def no_process_left() -> Iterator[None]:
    """Fail the session when something that a test started outlives all tests; first in, so last out."""
    mark = mark_environment()
    yield
    left = end(descendants() | marked(mark))
    assert not left, "processes that outlived the tests (ended now): " + "; ".join(left)
