"""Fixtures: things to send requests to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from maid_lab.demo.launch import DemoProcess
from tests.support.hostile import HostileServer
from tests.support.nginx import Nginx, nginx_program, running_nginx
from tests.support.ports import free_ports, resetting, silent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["free_port", "hostile", "nginx", "resetting_port", "shop", "silent_port"]


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    """Give a server that does on the wire what the test says, with counts from zero."""
    with HostileServer() as server:
        yield server


@pytest.fixture(scope="session")
def shop() -> Iterator[DemoProcess]:
    """Give the demo shop of this session; `shop.calm()` brings its switches and counts back to the start."""
    with DemoProcess.start() as process:
        yield process


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Give nginx, plain and TLS; where it is not installed the test is skipped, but not in CI."""
    program = nginx_program()
    if program is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("CI needs nginx: apt-get install nginx-light")
        pytest.skip("needs nginx: apt-get install nginx-light")
    with running_nginx(program, tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture
def free_port() -> int:
    """Give a port that refuses connections."""
    return free_ports(1)[0]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a port that listens, never accepts and never answers."""
    with silent() as port:
        yield port


@pytest.fixture
def resetting_port() -> Iterator[int]:
    """Give a port that breaks each connection off."""
    with resetting() as port:
        yield port
