"""Fixtures: things to send requests to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maid_lab.demo.launch import DemoProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["shop"]


@pytest.fixture(scope="session")
def shop() -> Iterator[DemoProcess]:
    """Give the demo shop of this session; `shop.calm()` brings its switches and counts back to the start."""
    with DemoProcess.start() as process:
        yield process
