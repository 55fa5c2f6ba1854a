"""One real server for the tests of a module; runs of one test have ended before the next begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.jupyter import RunningServer, jupyter_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with jupyter_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    yield shared_server
    if shared_server.ask("status").json["state"] != "idle":
        shared_server.ask("stop", method="POST", body={"mode": "now"})
        shared_server.wait_for("idle")
